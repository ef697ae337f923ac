"""The entry point: all commands, and errors as one message."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from harness.commands._app import app, echo
from harness.core.edge.foreign import refused_by_system, words_of
from harness.core.edge.launch import is_first_here, reported_once
from harness.core.edge.signals import silent_behind
from harness.core.errors import ConfigError, HarnessError

# Each registers its commands, in the order of `--help`.
# isort: off
from harness.commands import run, sweep  # noqa: F401
from harness.commands.answers import score, judges  # noqa: F401
from harness.commands import doctor, list, show, compare, gate, import_run, view  # noqa: F401
from harness.commands.label_audit import audit, labels, revisions, rescore, ratings  # noqa: F401
from harness.commands import check, fetch, pairs  # noqa: F401


@silent_behind()
def main() -> None:
    """Run a command. Whatever ends it is one message without a traceback; `--debug` anywhere among the words shows that."""
    from harness.startup import start

    _write_all_characters()
    debug = "--debug" in sys.argv
    sys.argv = [at_home(word) for word in sys.argv if word != "--debug"]
    try:
        refuse_empty_words(sys.argv[1:])
        start()
        if is_first_here():
            app()
        else:  # click would write what is wrong with the words at once, in each process
            sys.exit(app(standalone_mode=False) or 0)
    except KeyboardInterrupt:  # before a command began
        sys.exit(130)
    except SystemExit as ended:
        if _is_of_closed_pipe(ended):
            sys.exit(_closed_pipe())
        raise
    except Exception as error:
        if debug:
            raise
        told, code = explained(error)
        try:
            with reported_once(code):
                if told:
                    echo(told, err=True)
        except BrokenPipeError:
            _closed_pipe()
        sys.exit(code)


def _write_all_characters() -> None:
    """A terminal that is not UTF-8 shows what it cannot as `\\u2212`; else the first such character would end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":  # another choice is the user's
            stream.reconfigure(errors="backslashreplace")


def at_home(word: str) -> str:
    """`~/a` and `--option=~/a` with the home folder in the place of `~`, as shells write the first alone."""
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{equals}{os.path.expanduser(value)}" if value == "~" or value.startswith("~/") else word


def refuse_empty_words(words: Sequence[str]) -> None:
    """Raises ConfigError for an empty word, such as `--output "$FOLDER"` makes of an unset variable: as a path it would
    be this folder, as a run any run, elsewhere it would do nothing."""
    for place, word in enumerate(words):
        if word and not (word.startswith("--") and word.endswith("=")):
            continue
        where = word.removesuffix("=") or (f"the word after {words[place - 1]}" if place else "a word of the command")
        raise ConfigError(f"The command cannot be carried out: {where} is empty. Give it a value, or leave it out.")


@runtime_checkable
class _OfTheWords(Protocol):
    """click's error about the words of a command; typer has a click of its own, under a name of its own."""

    exit_code: int

    def format_message(self) -> str: ...


def _is_of_closed_pipe(ended: SystemExit) -> bool:
    """Whether a library ended the command where the reader of its output was gone: typer and rich do, with exit code 1,
    which is a verdict of `gate`."""
    cause = ended.__context__
    while isinstance(cause, SystemExit):  # a display that was closed on the way out
        cause = cause.__context__
    return isinstance(cause, BrokenPipeError)


def _closed_pipe() -> int:
    """The exit code, as a shell gives it for SIGPIPE. Nothing more is written: Python would fail when it closes the streams."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return 141


def explained(error: Exception) -> tuple[str, int]:
    """(one message, exit code): what a user can fix, what the system refused, and what is a defect of ours."""
    if isinstance(error, HarnessError):
        return str(error), error.exit_code
    if isinstance(error, _OfTheWords):
        return error.format_message(), error.exit_code
    if isinstance(error, BrokenPipeError):  # `harness list | head`
        return "", _closed_pipe()
    if told := refused_by_system(error):
        return told, 2
    if isinstance(error, MemoryError):
        return "Memory did not suffice. Free some, or lower `limit`, `rows` or `batch_size`; nothing stored is lost.", 2
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"Unexpected error in {last.filename}, line {last.lineno}: {words_of(error)}. Everything stored is kept. "
        "Please report it with what the same command prints with --debug."
    ), 70
