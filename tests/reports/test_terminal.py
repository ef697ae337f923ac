"""The last words of a command."""

from __future__ import annotations

from harness.terminal import show_comparison
from reports.compare import compare


def test_several_seeds_of_one_method_are_shown_together(make, capsys):
    show_comparison(compare([make.record("bdhs", seed=n) for n in (1, 2, 3)]))
    said = capsys.readouterr().out
    (line,) = [line for line in said.split("Seeds together")[1].splitlines() if line.startswith("bdhs") and "CHAIRi" in line]
    assert " 3 " in line and "[" in line


def test_one_run_has_no_seeds_to_put_together(make, capsys):
    show_comparison(compare([make.record()]))
    assert "Seeds together" not in capsys.readouterr().out
