"""A policy against what was measured: every rule's two tests, corrected over the whole gate, and what follows.

Each rule has two one-sided tests of the difference between a checkpoint and its base: "the requirement is met" and "it is
not met" (`shift_test`). A rule passes or fails where the p of that side, corrected by Holm over all rules of all checkpoints of
the gate, is below the policy's alpha; else it is inconclusive. A checkpoint passes where all its rules pass, and fails where
one fails. What is incomplete, or was measured under another protocol, is inconclusive whatever the numbers say.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.core.errors import ConfigError
from harness.core.evaluation import Formula
from harness.core.flags import UNJUDGED
from harness.core.gating import GatePolicy
from harness.core.run_record import FACT_FROM_FILES, IMAGES, STOPPED, BenchmarkResult, SweepResult
from harness.core.stats import addend_names, columns_read, evaluate, holm, moving, sample, too_few
from reports.gate.anytime import Anytime
from reports.gate.resolve import Target, targets, unmeasured
from reports.gate.shift_test import Chances, Shift, above, below, items_needed, limits, shift_of
from reports.gate.words import SHARE_OF_NOTHING, family_of, needed_words, of_checkpoint, of_gate, requirement
from reports.tables.results import benchmark_names, results_of
from reports.values.gate import FAIL, INCONCLUSIVE, PASS, WATCHED, CheckpointGate, Gate, RuleResult
from reports.values.measures import measures
from reports.values.paired import Pair, Pairs, change, known, pairs
from reports.values.table import Column

_Sides = tuple[BenchmarkResult | None, BenchmarkResult | None]  # the base's and the checkpoint's
# Facts in which a part of a sweep differs from the whole.
_PARTLY = ("items", "item digest", "images", IMAGES, "prompt (first item)", STOPPED)


@dataclass(frozen=True, slots=True, eq=False)
class _Tested:
    """A rule on one metric of one checkpoint, before correction. `shift` is oriented: larger is better."""

    result: RuleResult
    shift: Shift | None = None
    threshold: float = 0.0
    obstacle: str = ""  # why it cannot pass, whatever the numbers say
    share_of_nothing: bool = False  # a margin relative to a base of 0


def gate(
    policy: GatePolicy,
    columns: Sequence[Column],
    sweeps: Sequence[SweepResult],
    pending: Sequence[str] = (),
    anytime: Anytime | None = None,
    n_left_out: int = 0,
) -> Gate:
    """The verdict on every column but the baseline. `pending`: checkpoints of which nothing is measured yet; `n_left_out`: how
    many others the runs have, which are not corrected for.

    `anytime`: p values that hold at any stopping time, where the gate is looked at while a sweep goes on.

    Raises ConfigError where the policy names what was not measured, or there is no checkpoint beside the baseline.
    """
    if len(columns) < 2 and not pending:
        raise ConfigError("A gate compares a checkpoint with its base, and there is only one checkpoint. Name two runs.")
    results = {name: results_of(sweeps, name) for name in benchmark_names(sweeps)}
    measured = {name: list(measures(each).values()) for name, each in results.items()}
    found = targets(policy, measured)
    tested = []
    for place, column in enumerate(columns[1:], start=1):
        same = column.digest == columns[0].digest
        sides = {name: (each[0], each[place]) for name, each in results.items()}
        matched = {name: _pairs(*both) for name, both in sides.items()}
        partly = _PARTLY if anytime is not None else ()
        tested.append([_test(t, policy, sides[t.benchmark], matched[t.benchmark], partly, same) for t in found])
    decided = _corrected(tested, policy.alpha, anytime)
    lacking = tuple(f"{kind} is not measured by any benchmark of this run" for kind in unmeasured(policy, measured))
    checkpoints = tuple(
        _checkpoint_of(column.label, rules, _incomplete(columns[0], column) + lacking)
        for column, rules in zip(columns[1:], decided, strict=True)
    )
    checkpoints += tuple(_checkpoint_of(name, (), ("it is not evaluated yet",)) for name in pending)
    verdicts = [one.verdict for one in checkpoints]
    verdict = FAIL if FAIL in verdicts else PASS if set(verdicts) == {PASS} else INCONCLUSIVE
    n_tests = sum(rule.role != "watch" for rules in decided for rule in rules)
    family = family_of(n_tests, len(checkpoints), n_left_out)
    return Gate(policy.name, policy.alpha, verdict, of_gate(verdict, checkpoints), family, checkpoints, columns[0].label)


def _pairs(base: BenchmarkResult | None, other: BenchmarkResult | None) -> Pairs | None:
    if base is None or other is None:
        return None
    names = addend_names(score for result in (base, other) for score in result.scores)
    sides = []
    for result in (base, other):
        clusters = {item.id: item.cluster for item in result.items}
        sides.append(sample([clusters[s.item_id] for s in result.scores], result.scores, names))
    return pairs(list(zip((base, other), sides, strict=True)))


def _test(
    target: Target, policy: GatePolicy, sides: _Sides, matched: Pairs | None, expected: Sequence[str], same: bool
) -> _Tested:
    """expected: facts that may differ; same: whether both are answers of the same weights."""
    rule, f = target.rule, target.formula
    better = "lower" if target.sign < 0 else "higher" if f.better != "neither" or rule.better else "neither"
    set_name = f"{rule.kind} (one is enough)" if rule.need == "any" else ""
    result = RuleResult(
        target.benchmark, f.name, f.group, f.title, f.unit, better, rule.role, requirement(target), INCONCLUSIVE,
        set_name=set_name, differs=_differs(*sides, same),
    )  # fmt: skip
    obstacle = _obstacle(*sides, expected, same)
    both = matched.of(f) if matched is not None else None
    if both is None or not len(both.before):
        return _Tested(replace(result, why=obstacle or "no difference can be tested: no item was answered by both"))
    _, left_out, groups_left_out = both.counts(f)
    result = replace(result, left_out=left_out, groups_left_out=groups_left_out)
    plain = shift_of(both.before, both.after, f)
    if plain is None:
        units = sides[0].units if sides[0] is not None else ""
        return _Tested(_untested(result, both, f, obstacle, units), obstacle=obstacle)
    low, high = limits(plain, policy.alpha)
    images = len(plain.images)
    result = replace(result, before=plain.before, after=plain.after, value=plain.value, low=low, high=high,
                     items=plain.items, asked=_asked(both, f, sides), images=images, why=obstacle)  # fmt: skip
    if rule.role == "watch":
        return _Tested(result, obstacle=obstacle)
    toward = 1 if rule.role == "guard" else -1
    shift = shift_of(both.before, both.after, f, target.sign, toward * target.relative)
    threshold = -toward * target.margin
    met_at = target.sign * (threshold - toward * target.relative * abs(plain.before))
    share_of_nothing = bool(target.relative) and plain.before == 0
    return _Tested(replace(result, threshold=met_at), shift, threshold, obstacle, share_of_nothing)


def _asked(both: Pair, f: Formula, sides: _Sides) -> int:
    """The items that both answered of the formula's benchmark, or of its slice: those that any metric of it counts."""
    same = [formula for result in sides if result for formula in result.formulas if formula.group == f.group]
    columns = sorted({column for formula in same for column in columns_read(formula, both.before)})
    return int(((both.before.values[:, columns] != 0) | (both.after.values[:, columns] != 0)).any(axis=1).sum())


def _differs(base: BenchmarkResult | None, other: BenchmarkResult | None, same: bool) -> bool:
    return base is not None and other is not None and bool(base.protocol.differs_from(other.protocol, same))


def _untested(result: RuleResult, both: Pair, f: Formula, obstacle: str, units: str) -> RuleResult:
    """What was measured where no difference can be tested, and why not."""
    moved, sides = moving(f, both.before) | moving(f, both.after), (both.before, both.after)
    values = [known(evaluate(f, side.names, side.sums[None])) for side in sides]
    images = [int(i) for i in np.unique(both.before.cluster[moved])]
    result = replace(result, before=values[0], after=values[1], items=int(moved.sum()), images=len(images))
    found = change(*sides, f)
    unknown = [name for name, value in zip(("base", "checkpoint"), values, strict=True) if value is None]
    if unknown:
        why = f"unknown for the {' and the '.join(unknown)}: {f.unknown}"
    elif found.few:
        why = too_few(found, units)
    elif not all(np.isfinite(evaluate(f, side.names, side.sums - side.totals[images])).all() for side in sides):
        why = "too few images decide it (without one of them it is unknown)"
    else:
        fewest = int(found.counting[0])
        why = f"{f'one of the {units} counts' if fewest == 1 else f'{fewest} {units} count'}, too few for a test"
    shift = values[1] - values[0] if values[0] is not None and values[1] is not None else None
    why = f"no difference can be tested: {why}"
    return replace(result, value=shift, why="; ".join(part for part in (obstacle, why) if part))


def _obstacle(base: BenchmarkResult | None, other: BenchmarkResult | None, expected: Sequence[str], same: bool) -> str:
    """Why a rule may not pass: what is missing, and what was measured in another way."""
    if base is None or other is None:
        return "not measured on both checkpoints"
    lost = {item for result in (base, other) for item in result.missing}
    unread = {s.item_id for result in (base, other) for s in result.scores if s.flag == UNJUDGED}
    files = any(FACT_FROM_FILES in result.protocol.facts for result in (base, other))
    differing = base.protocol.differs_from(other.protocol, same)
    facts = [fact for fact in differing if fact not in expected]
    parts = [
        f"{len(lost):,} of {len(base.items):,} items have no answer" if lost else "",
        f"{len(unread):,} answers were not judged" if unread else "",
        f"measured under another protocol ({', '.join(facts)})" if facts else "",
        "protocol not known: answers from files, so that prompts and decoding need not be the same" if files else "",
    ]
    return "; ".join(part for part in parts if part)


def _p(test: Callable[[Shift, float], Chances | None], one: _Tested, key: Hashable, anytime: Anytime | None) -> float | None:
    """p of one side of a rule at this look, or of this look and all before."""
    found = test(one.shift, one.threshold) if one.shift is not None else Chances(1.0, 1.0)
    if anytime is None:
        return max(found) if found is not None else None
    n = len(one.shift.images) if one.shift is not None else 0
    return anytime.p((key, test.__name__), one.result.benchmark, found, n)


def _corrected(tested: Sequence[Sequence[_Tested]], alpha: float, anytime: Anytime | None = None) -> list[list[RuleResult]]:
    """All rules with their p values, each side corrected by Holm over the whole gate, and their verdicts."""
    deciding = [(i, j) for i, row in enumerate(tested) for j, one in enumerate(row) if one.result.role != "watch"]
    passes, fails = (holm([_p(test, tested[i][j], (i, j), anytime) for i, j in deciding]) for test in (above, below))
    place = {at: n for n, at in enumerate(deciding)}
    decided: list[list[RuleResult]] = []
    for i, row in enumerate(tested):
        ps = [(passes[n], fails[n]) if (n := place.get((i, j))) is not None else (None, None) for j in range(len(row))]
        decided.append([_decided(one, *both, alpha, len(deciding)) for one, both in zip(row, ps, strict=True)])
    return decided


def _decided(one: _Tested, p_pass: float | None, p_fail: float | None, alpha: float, n_tests: int) -> RuleResult:
    if one.result.role == "watch":
        return replace(one.result, verdict=WATCHED)
    by_now = any(p is not None and p < alpha for p in (p_pass, p_fail))  # an earlier look may have decided
    if not (by_now or (one.shift is not None and one.shift.typical)):
        why = one.result.why or "every image tells the same difference, so nothing is known of its uncertainty"
        return replace(one.result, verdict=INCONCLUSIVE, why=why)
    result = replace(one.result, p_pass=p_pass, p_fail=p_fail)
    if one.obstacle:
        return result
    if one.shift is None:
        met = p_pass is not None and p_pass < alpha
        return replace(result, verdict=PASS if met else FAIL, why=f"decided by fewer images; now {result.why}")
    if p_pass is not None and p_pass < alpha:
        return replace(result, verdict=PASS)
    if p_fail is not None and p_fail < alpha:
        return replace(result, verdict=FAIL)
    if one.share_of_nothing:
        return replace(result, why=SHARE_OF_NOTHING)
    needed = items_needed(one.shift, result.asked, one.threshold, alpha / n_tests)
    return replace(result, items_needed=needed, why=needed_words(result.asked, needed))


def _incomplete(base: Column, column: Column) -> tuple[str, ...]:
    """A base of the same run may stand in the record of another arm, whose end says nothing of this one."""
    theirs = [f"the run of {base.label} did not finish"] if base.run_id != column.run_id and not base.complete else []
    return (*theirs, *([f"{column.run_name} did not finish"] if not column.complete else []))


def _checkpoint_of(label: str, rules: Sequence[RuleResult], incomplete: tuple[str, ...]) -> CheckpointGate:
    verdict = INCONCLUSIVE if incomplete else _verdict([rule for rule in rules if rule.role != "watch"])
    return CheckpointGate(label, verdict, of_checkpoint(label, verdict, rules, incomplete), tuple(rules), incomplete)


def _verdict(rules: Sequence[RuleResult]) -> str:
    """All must pass; of a set in which one is enough, the best verdict counts."""
    sets: dict[str, list[str]] = {}
    verdicts = []
    for rule in rules:
        if rule.set_name:
            sets.setdefault(rule.set_name, []).append(rule.verdict)
        else:
            verdicts.append(rule.verdict)
    verdicts += [PASS if PASS in each else INCONCLUSIVE if INCONCLUSIVE in each else FAIL for each in sets.values()]
    return FAIL if FAIL in verdicts else INCONCLUSIVE if INCONCLUSIVE in verdicts else PASS
