"""Whatever the streams of a command are (a pipe whose reader is gone, not UTF-8), its exit code means what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = "from harness.commands._terminal import show_table; show_table(['a'], [['b']])"
LINE = "from harness.commands._app import echo; echo('a')"
FAULT = "from harness.core.errors import ConfigError; raise ConfigError('wrong')"


def command(body: str, *words: str) -> list[str]:
    """A command line with a command `made` that does this."""
    made = f"from harness.cli import app, main\n@app.command('made')\ndef made():\n    {body}\nmain()"
    return [sys.executable, "-c", made, "made", *words]


@pytest.mark.parametrize(("made", "code"), [((TABLE,), 141), ((LINE,), 141), (("pass", "--help"), 141), ((FAULT,), 2)])
def test_a_closed_pipe_is_no_verdict(made: tuple[str, ...], code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command(*made), stdout=writer, stderr=writer, cwd=ROOT, check=False)
    os.close(writer)
    assert done.returncode == code


@pytest.mark.parametrize(("made", "encoding"), [(TABLE, "ascii"), (TABLE, "cp1252"), (LINE, "latin-1"), (LINE, "cp1252")])
def test_a_terminal_that_is_not_utf8_shows_other_characters_by_their_codes(made: str, encoding: str) -> None:
    place = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        command(made.replace("'a'", r"'\u2212'")), env=place, cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0 and r"\u2212" in done.stdout and not done.stderr
