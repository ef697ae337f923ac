"""How many "errors" of a checkpoint are label errors: the label was wrong, or too ambiguous to count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.evaluation import LabelEdit
from harness.labels.claims import Labels, ResultKey
from harness.labels.control_sample import decided_control
from harness.labels.estimates.label_outcomes import WRONG, LabelOutcomes
from harness.labels.estimates.proportions import Share, clustered, drawn, within


@dataclass(frozen=True, slots=True)
class ErrorFaults:
    """Of one result. `share` is over all errors where all were reviewed, else over those of the control set, and then kept
    between `least` and `most`.

    `least` and `most`: share of all errors, if those not reviewed are all errors of the checkpoint, or all of the labels.
    `unclear`: answers that are scored wrong but imply no label; they are not among the errors.
    """

    result: ResultKey
    errors: int
    reviewed: int
    flipped: int
    removed: int
    share: Share
    how: str
    least: float | None
    most: float | None
    unclear: int = 0


def error_faults(labels: Labels, edits: Sequence[LabelEdit], drawn_with: Mapping[str, int]) -> tuple[ErrorFaults, ...]:
    """One a result: the answers that contradict an official label, and the reviewers' decisions on these labels."""
    outcomes = LabelOutcomes(edits)
    places = [(claim.item_id, claim.field) for claim in labels.claims]
    _, random = decided_control(places, drawn_with, lambda place: outcomes.at(*place))
    return tuple(
        _of(labels, result, list(wrong), outcomes, random) for result, wrong in labels.contradicted.items()
    )  # fmt: skip


def _of(
    labels: Labels, result: ResultKey, wrong: list[tuple[str, str]], outcomes: LabelOutcomes, random: frozenset[tuple[str, str]]
) -> ErrorFaults:
    outcome = [outcomes.at(*place) for place in wrong]
    reviewed = sum(bool(one) for one in outcome)
    faults, n = sum(one in WRONG for one in outcome), len(wrong)
    if reviewed == n:
        share, how = clustered([one in WRONG for one in outcome], [labels.clusters[item] for item, _ in wrong]), "all reviewed"
    else:
        hits = [one in WRONG for place, one in zip(wrong, outcome, strict=True) if one and place in random]
        share = within(drawn(sum(hits), len(hits)), faults, n - reviewed, n)
        how = "control set" if hits else ""
    return ErrorFaults(
        result=result,
        errors=n,
        reviewed=reviewed,
        flipped=outcome.count("flipped"),
        removed=outcome.count("removed"),
        share=share,
        how=how,
        least=faults / n if n else None,
        most=(faults + n - reviewed) / n if n else None,
        unclear=labels.unclear.get(result, 0),
    )
