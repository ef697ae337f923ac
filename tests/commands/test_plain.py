"""Words of models and files on a terminal are text: no markup, no escape sequences, no missing brackets."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from harness.commands import _terminal
from harness.commands._app import echo
from harness.commands._terminal import line, plain
from harness.core.evaluation import Answer, Item, Score
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, RunRecord, SweepResult

HOSTILE = [r"\[a+b=c\]", "[/]", "[bold]x[/bold]", "a\\", "a\\\\", r"x\[", "[red", "\x1b]0;title\x07"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_shows_as_it_is(text: str) -> None:
    console = Console(file=io.StringIO(), highlight=False, width=200)
    console.print(plain(text))
    console.print(line((text, "bold"), "|", text))
    shown = text.replace("\x1b", "\ufffd").replace("\x07", "\ufffd")
    assert console.file.getvalue() == f"{shown}\n{shown}|{shown}\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", HOSTILE)
def test_items_with_such_answers_are_shown_whole(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    item, answer = Item(text, "a.jpg", text), Answer(text, text, 3, "end")
    score = Score(text, {"items": 1.0}, reading=text, why=text)
    result = BenchmarkResult(text, ProtocolRecord({}), (item,), (answer,), (score,), ())
    sweep = SweepResult("base", Checkpoint("1", "m", "", "d"), (result,))
    _terminal.show_items([RunRecord("r", "r", True, "", "", (sweep,))])
    shown = text.replace("\x1b", "\u241b").replace("\x07", "\u2407")  # reports show them by their control pictures
    out = capsys.readouterr().out
    assert f"question: {shown}\n" in out and f"answer: {shown} (3 tokens" in out and "\x1b" not in out


def test_what_commands_print_line_by_line_has_no_escape_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    echo("a\x1b[31mb")
    echo("c\x1bd", err=True)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("a\ufffd[31mb\n", "c\ufffdd\n")


def test_no_command_prints_past_that_door() -> None:
    from pathlib import Path

    import harness.commands as commands

    paths = [path for path in Path(commands.__path__[0]).rglob("*.py") if path.name != "_app.py"]
    printing = [path for path in paths if re.search(r"typer\.echo\(|(?<![.\w])print\(", path.read_text(encoding="utf-8"))]
    assert len(paths) > 20 and not printing
