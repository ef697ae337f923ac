"""Notes of a report on its study: prompts that arms share, rows that are not run, our own choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.schema import TableNotes
from harness.core.run_record import StudyNotes


def study_notes(table: TableNotes | None, groups: Sequence[Mapping[str, Any]]) -> StudyNotes:
    """Sentences; `groups` as in `SharedPrompts`."""
    unlike = [group for group in groups if group["meant"] and group["common"] < group["most"]]
    return StudyNotes(
        shared=tuple(f"Arms share {_of(group)} prompts: {', '.join(group['arms'])}." for group in groups),
        unlike=tuple(
            f"Compared on the same prompts in the paper, but these arms share {_of(group)}: {', '.join(group['arms'])}."
            for group in unlike
        ),
        not_run=tuple(f"{row}: {why}" for row, why in table.not_run.items()) if table is not None else (),
        open=tuple(f"{what}: {default}" for what, default in table.open.items()) if table is not None else (),
    )


def _of(group: Mapping[str, Any]) -> str:
    return f"{group['common']:,} of {group['most']:,}"
