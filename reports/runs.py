"""Runs as a person started them: a run with several arms leaves one record an arm, but is reproduced once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.comparison import RunFacts
from reports.wording import listing


def whole_runs(runs: Sequence[RunFacts]) -> list[RunFacts]:
    """One entry a run id: names joined, digests and notes of all arms together."""
    by_id: dict[str, list[RunFacts]] = {}
    for run in runs:
        by_id.setdefault(run.run_id, []).append(run)
    return [_joined(arms) if len(arms) > 1 else arms[0] for arms in by_id.values()]


def _joined(arms: Sequence[RunFacts]) -> RunFacts:
    return replace(
        arms[0],
        name=listing(list(dict.fromkeys(arm.name for arm in arms))),
        complete=all(arm.complete for arm in arms),
        digests={label: digest for arm in arms for label, digest in arm.digests.items()},
        notes=tuple(dict.fromkeys(note for arm in arms for note in arm.notes)),
    )
