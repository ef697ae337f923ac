"""How many labels are wrong: among all (from the control set), by split, by object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.evaluation import LabelEdit
from harness.labels.claims import Claim, Labels
from harness.labels.control_sample import LabelId, decided_control, missing_for_rate
from harness.labels.estimates.label_outcomes import WRONG, LabelOutcomes
from harness.labels.estimates.proportions import Share, counted, drawn, within

MOST_OBJECTS = 12


@dataclass(frozen=True, slots=True)
class LabelRates:
    """Of one benchmark. `how`: "all reviewed", "control set", "too early" (too
    little of the control set is decided) or "" (nothing was drawn at random): with the last two no rate can be estimated.

    `flipped` and `removed`: shares of all labels that are wrong, or too ambiguous to count. `by_group`: both together, by split
    and by official label ("yes", "no"). `by_object`: faults found / labels decided, worst objects first.
    """

    benchmark: str
    labels: int
    decided: int
    how: str
    flipped: Share
    removed: Share
    by_group: Mapping[str, Share]
    by_object: Mapping[str, Share]
    missing: int = 0  # of the control set, not decided
    sample: int = 0  # size of the control set
    first: int = 0  # for a rate, `wanted` more of the first `first` of the control set's draw must be decided
    wanted: int = 0


def label_rates(labels: Labels, edits: Sequence[LabelEdit], drawn_with: Mapping[str, int]) -> LabelRates:
    """The rates of one benchmark under its edits; `drawn_with`: size and seed of the control set, {} without one."""
    outcomes = LabelOutcomes(edits)
    by_label = {(claim.item_id, claim.field): outcomes.of(claim) for claim in labels.claims}
    decided = [claim for claim in labels.claims if by_label[claim.item_id, claim.field]]
    everything = len(decided) == len(labels.claims)
    chosen, order, how = decided, list[LabelId](), "all reviewed"
    if not everything:
        order, chosen_ids = decided_control(by_label, drawn_with, by_label.__getitem__)
        chosen = [claim for claim in decided if (claim.item_id, claim.field) in chosen_ids]
        how = "control set" if chosen else "too early" if order else ""
    first, wanted = missing_for_rate(order, {place for place in order if by_label[place]})

    def of(claims: Sequence[Claim], all_claims: Sequence[Claim], wanted: Sequence[str]) -> Share:
        hits, known = (sum(by_label[c.item_id, c.field] in wanted for c in some) for some in (claims, all_claims))
        if everything:
            return counted(hits, len(claims))
        undecided = sum(not by_label[c.item_id, c.field] for c in all_claims)
        return within(drawn(hits, len(claims)), known, undecided, len(all_claims))

    groups, all_groups = _grouped(chosen), _grouped(labels.claims)
    return LabelRates(
        benchmark=labels.benchmark,
        labels=len(labels.claims),
        decided=len(decided),
        how=how,
        flipped=of(chosen, labels.claims, ("flipped",)),
        removed=of(chosen, labels.claims, ("removed",)),
        by_group={name: of(claims, all_groups[name], WRONG) for name, claims in groups.items()},
        by_object=_by_object(decided, by_label),
        missing=sum(not by_label[place] for place in order),
        sample=len(order),
        first=first,
        wanted=wanted,
    )


def _grouped(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    groups: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        for name in claim.groups:
            groups[name].append(claim)
    for claim in claims:
        groups[f"labelled {claim.label}"].append(claim)
    return dict(groups)


def _by_object(decided: Sequence[Claim], outcome: Mapping[tuple[str, str], str]) -> dict[str, Share]:
    by_object: defaultdict[str, list[bool]] = defaultdict(list)
    for claim in decided:
        by_object[claim.object_name].append(outcome[claim.item_id, claim.field] in WRONG)
    worst = sorted(by_object.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
    return {object_name: counted(sum(hits), len(hits)) for object_name, hits in worst[:MOST_OBJECTS] if any(hits)}
