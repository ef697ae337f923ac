"""What the command `score` is given, checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config import schema
from harness.config.schema import BenchmarkConfig
from harness.core.errors import ConfigError

if TYPE_CHECKING:
    from harness.answer_files.make_run import AnswerFiles


def spec_of(benchmark: str, changes: Sequence[str], files: AnswerFiles) -> BenchmarkConfig:
    """The benchmark's configuration. Raises ConfigError for unknown names and options, and for paths that lead nowhere."""
    given = (*files.answers, *files.reviews)
    if not given:
        raise ConfigError("Nothing to score: give --answers FILE (or --reviews FILE, where only the judge's replies exist).")
    if lost := [path for path in given if not path.exists()]:
        raise ConfigError(f"There is no file or folder {lost[0]}.")
    wrong = [change for change in changes if "=" not in change]
    if wrong:
        raise ConfigError(f"{wrong[0]!r} is not a change: options are given as key=value, files with --answers.")
    tree = {"model": {"name": "transformers", "path": "none"}, "sweep": [{"name": benchmark}]}
    return schema.parse(tree, f"the options of {benchmark}", [f"sweep.0.{change}" for change in changes]).sweep[0]


def run_name(name: str | None, files: AnswerFiles) -> str:
    """The run's name: as given, or the first file's without its ending and its column, in characters that a folder may have."""
    stem = Path(next(iter((*files.answers, *files.reviews)))).resolve().stem
    wanted = name or (f"{stem}-{files.column}" if files.column else stem)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-._")[:60] or "answers"
