"""How many of a checkpoint's "errors" are not its own: the label was wrong, or too ambiguous to count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.evaluation import LabelEdit
from harness.labels.claims import Labels
from harness.labels.control_sample import control_order, decided_beginning
from harness.labels.estimates.label_outcomes import WRONG, Fates
from harness.labels.estimates.proportions import Share, clustered, drawn


@dataclass(frozen=True, slots=True)
class ErrorFaults:
    """One checkpoint on one benchmark. `share` is over all errors where all were reviewed, else over those of the control set.

    `least` and `most`: of all errors, if those that nobody reviewed are all the checkpoint's own, or all the labels'.
    """

    benchmark: str
    digest: str
    errors: int
    reviewed: int
    flipped: int
    removed: int
    share: Share
    how: str
    least: float | None
    most: float | None


def error_faults(labels: Labels, edits: Sequence[LabelEdit], drawn_with: Mapping[str, int]) -> tuple[ErrorFaults, ...]:
    """One a checkpoint: the answers that contradict an official label, and what reviewers said of these labels."""
    fates = Fates(edits)
    places = [(claim.item_id, claim.field) for claim in labels.claims]
    order = control_order(places, drawn_with.get("sample", 0), drawn_with.get("seed", 0))
    random = frozenset(decided_beginning(order, {place for place in order if fates.at(*place)}))
    return tuple(
        _of(labels, digest, list(wrong), fates, random) for digest, wrong in labels.contradicted.items()
    )  # fmt: skip


def _of(
    labels: Labels, digest: str, wrong: list[tuple[str, str]], fates: Fates, random: frozenset[tuple[str, str]]
) -> ErrorFaults:
    fate = [fates.at(*place) for place in wrong]
    reviewed = sum(bool(one) for one in fate)
    faults, n = sum(one in WRONG for one in fate), len(wrong)
    if reviewed == n:
        share, how = clustered([one in WRONG for one in fate], [labels.clusters[item] for item, _ in wrong]), "all reviewed"
    else:
        told = [one in WRONG for place, one in zip(wrong, fate, strict=True) if one and place in random]
        share, how = drawn(sum(told), len(told)), "control set" if told else ""
    return ErrorFaults(
        benchmark=labels.benchmark,
        digest=digest,
        errors=n,
        reviewed=reviewed,
        flipped=fate.count("flipped"),
        removed=fate.count("removed"),
        share=share,
        how=how,
        least=faults / n if n else None,
        most=(faults + n - reviewed) / n if n else None,
    )
