"""How many labels are wrong: among all (from the control set), by split, by object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.evaluation import LabelEdit
from harness.labels.claims import Claim, Labels
from harness.labels.control_sample import control_order, decided_beginning
from harness.labels.estimates.label_outcomes import WRONG, Fates
from harness.labels.estimates.proportions import Share, counted, drawn

MOST_THINGS = 12


@dataclass(frozen=True, slots=True)
class LabelRates:
    """Of one benchmark. `how`: "all reviewed", "control set", "too early" (too
    little of the control set is decided) or "" (nothing was drawn at random): with the last two no rate can be told.

    `flipped` and `removed`: shares of all labels that are wrong, or too ambiguous to count. `by_group`: both together, by split
    and by official label ("yes", "no"). `by_thing`: faults found / labels decided, worst things first.
    """

    benchmark: str
    labels: int
    decided: int
    how: str
    flipped: Share
    removed: Share
    by_group: Mapping[str, Share]
    by_thing: Mapping[str, Share]
    missing: int = 0  # of the control set, not decided


def label_rates(labels: Labels, edits: Sequence[LabelEdit], drawn_with: Mapping[str, int]) -> LabelRates:
    """The rates of one benchmark under its edits; `drawn_with`: size and seed of the control set, {} without one."""
    fates = Fates(edits)
    fate = {(claim.item_id, claim.field): fates.of(claim) for claim in labels.claims}
    decided = [claim for claim in labels.claims if fate[claim.item_id, claim.field]]
    everything = len(decided) == len(labels.claims)
    chosen, missing, how = decided, 0, "all reviewed"
    if not everything:
        order = control_order(fate, drawn_with.get("sample", 0), drawn_with.get("seed", 0))
        places = frozenset(decided_beginning(order, {place for place, one in fate.items() if one}))
        chosen = [claim for claim in decided if (claim.item_id, claim.field) in places]
        missing, how = len(order) - len(chosen), "control set" if chosen else "too early" if order else ""
    share = counted if everything else drawn

    def of(claims: Sequence[Claim], wanted: Sequence[str]) -> Share:
        return share(sum(fate[c.item_id, c.field] in wanted for c in claims), len(claims))

    groups = _grouped(chosen)
    return LabelRates(
        benchmark=labels.benchmark,
        labels=len(labels.claims),
        decided=len(decided),
        how=how,
        flipped=of(chosen, ("flipped",)),
        removed=of(chosen, ("removed",)),
        by_group={name: of(claims, WRONG) for name, claims in groups.items()},
        by_thing=_by_thing(decided, fate),
        missing=missing,
    )


def _grouped(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    groups: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        for name in claim.groups:
            groups[name].append(claim)
    for claim in claims:
        groups[f"labelled {claim.label}"].append(claim)
    return dict(groups)


def _by_thing(decided: Sequence[Claim], fate: Mapping[tuple[str, str], str]) -> dict[str, Share]:
    by_thing: defaultdict[str, list[bool]] = defaultdict(list)
    for claim in decided:
        by_thing[claim.thing].append(fate[claim.item_id, claim.field] in WRONG)
    worst = sorted(by_thing.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
    return {thing: counted(sum(hits), len(hits)) for thing, hits in worst[:MOST_THINGS] if any(hits)}
