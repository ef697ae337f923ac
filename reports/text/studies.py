"""The notes on the studies of several runs as those of one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from harness.core.run_record import StudyNotes
from reports.text.formatting import title_of

_OF_SETTINGS = ("rows", "departures", "open")  # what a change of one run's settings makes differ


def merged(studies: Sequence[tuple[str, StudyNotes]]) -> StudyNotes:
    """The notes of all studies, each with the id of its run, once; of settings that not all runs have, with those that do."""
    noted = {run for run, study in studies if study != StudyNotes()}
    found: dict[str, tuple[str, ...]] = {}
    for name in (field.name for field in fields(StudyNotes)):
        runs: dict[str, dict[str, None]] = {}
        for run, study in studies:
            for text in getattr(study, name):
                runs.setdefault(text, {})[run] = None
        is_marked = name in _OF_SETTINGS
        found[name] = tuple(
            f"{text} (run {', '.join(of)})" if is_marked and len(of) < len(noted) else text for text, of in runs.items()
        )
    return StudyNotes(**found)


def part_of(partial: Sequence[str], benchmark: str) -> str:
    """What `StudyNotes.partial` says of this benchmark ("POPE over its first 300 images"); "" where all of it is asked."""
    return next((text for text in partial if text.startswith(f"{title_of(benchmark)} over ")), "")
