"""A gate in words. Every word follows from a value of `reports.values.gate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.edge.text import count
from reports.gate.resolve import Target
from reports.text.formatting import DIFFERS, between, listing, number, probability, row_name, title_of, value_text
from reports.text.unpaired import Counts, first, over, told
from reports.values.gate import FAIL, INCONCLUSIVE, PASS, CheckpointGate, RuleResult

GLYPHS: Mapping[str, str] = {PASS: "\u2713", FAIL: "\u2717", INCONCLUSIVE: "?", "watched": "\u00b7"}
HEADER = ("metric", "requirement", "base", "checkpoint", "difference [limits]", "p (met)", "p (not met)", "verdict")
NOTE = (
    "Limits of the difference are one-sided, each at the policy's alpha, and not corrected. p (met) is of the test that the "
    "requirement is met, p (not met) of the test that it is not; both are corrected by Holm over all tests of the gate. Images "
    "are the units of all tests."
)

SHARE_OF_NOTHING = (
    "the base is 0, and so is every share of it: a margin relative to the base cannot decide this; give the margin in the unit "
    "of the metric"
)


def requirement(target: Target) -> str:
    """'must not fall by 2 points or more', 'must improve', 'watched'."""
    rule = target.rule
    if rule.role == "watch":
        return "watched"
    worse, good = ("rise", "fall") if target.sign < 0 else ("fall", "rise")
    if rule.role == "guard":
        return f"must not {worse} by {rule.margin} or more"
    more = f" by more than {rule.margin}" if rule.margin is not None and rule.margin.value else ""
    return f"must {good}{more}"


def needed_words(asked: int, needed: int | None) -> str:
    """How many items would decide a rule that is open; `asked`: of the benchmark or slice, see `RuleResult`."""
    if needed is None:
        return "the difference lies at the limit of the requirement; more items would hardly decide it"
    about = f"about {_round(needed):,} items (now {asked:,}) would decide it with a chance of 80 %"
    return f"{about}, if the difference stays as measured"


def _round(n: int) -> int:
    """Two digits are all that is known."""
    step = int(10 ** max(0, len(str(n)) - 2))
    return -(-n // step) * step


def of_checkpoint(label: str, verdict: str, rules: Sequence[RuleResult], incomplete: Sequence[str]) -> str:
    """'bdhs passes: all 5 requirements are met.'"""
    deciding = [rule for rule in rules if rule.role != "watch" and not _is_covered(rule, rules)]
    by = {v: [_with_requirement(rule) for rule in deciding if rule.verdict == v] for v in (PASS, INCONCLUSIVE)}
    if incomplete:
        return f"{label}: inconclusive, because {listing(list(incomplete))}."
    if verdict == PASS:
        met = len(by[PASS])
        return f"{label} passes: {met} of {count(len(deciding), 'requirement')} {'is' if met == 1 else 'are'} shown to be met."
    if verdict == FAIL:
        unmet = [_with_requirement(r) for r in deciding if r.verdict == FAIL and not _has_open_set(r, rules)]
        return f"{label} fails: {listing(unmet, 4)}."
    return f"{label}: inconclusive: {listing(by[INCONCLUSIVE], 4)} {'is' if len(by[INCONCLUSIVE]) == 1 else 'are'} open."


def _is_covered(rule: RuleResult, rules: Sequence[RuleResult]) -> bool:
    """One of a set in which one is enough, and another one is met."""
    return rule.verdict != PASS and any(r.set_name == rule.set_name != "" and r.verdict == PASS for r in rules)


def _has_open_set(rule: RuleResult, rules: Sequence[RuleResult]) -> bool:
    """One of a set in which one is enough, and another one may still be met."""
    return any(r.set_name == rule.set_name != "" and r.verdict == INCONCLUSIVE for r in rules)


def _with_requirement(rule: RuleResult) -> str:
    return f"{row_name(rule)} ({rule.by})"


def of_gate(verdict: str, checkpoints: Sequence[CheckpointGate]) -> str:
    """One sentence over all checkpoints."""
    if len(checkpoints) == 1:
        return checkpoints[0].words
    verdicts = [checkpoint.verdict for checkpoint in checkpoints]
    words = {PASS: "passed", FAIL: "failed", INCONCLUSIVE: "inconclusive"}
    parts = [f"{verdicts.count(v)} {word}" for v, word in words.items() if v in verdicts]
    if len(parts) == 1:
        return f"{'Both' if len(checkpoints) == 2 else f'All {len(checkpoints)}'} checkpoints: {parts[0].partition(' ')[2]}."
    return f"Of {len(checkpoints)} checkpoints: {listing(parts)}."


def family_of(n_tests: int, n_checkpoints: int, n_left_out: int = 0) -> str:
    """Which tests are corrected together, and how many checkpoints of the runs are not among them."""
    over = f" on {count(n_checkpoints, 'checkpoint')}"
    others = f"{count(n_left_out, 'other checkpoint')} of these runs {'is' if n_left_out == 1 else 'are'} left out"
    note = f" ({others}: picking the best by its own gate is not corrected for)" if n_left_out else ""
    return f"Holm over {count(n_tests, 'requirement')} of the policy{over}, once for passes and once for failures{note}"


def rows(checkpoint: CheckpointGate) -> list[tuple[str, ...]]:
    """One row a rule, in the order of `HEADER`."""
    return [
        (
            row_name(rule),
            f"{rule.by}{f'; {rule.set_name}' if rule.set_name else ''}",
            *_values(rule),
            difference(rule),
            probability(rule.p_pass),
            probability(rule.p_fail),
            f"{GLYPHS[rule.verdict]} {rule.verdict}",
        )
        for rule in checkpoint.rules
    ]


def _values(rule: RuleResult) -> tuple[str, str]:
    """'34.0', '31.2 (10 of 30 judged) \u2260': as the report's table has them; while a sweep goes on, of the items of both."""
    differs = f" {DIFFERS}" if rule.differs else ""
    if rule.shown is None:
        return number(rule.before, rule.unit), f"{number(rule.after, rule.unit)}{differs}"
    base, checkpoint = (value_text(cell, rule.shown.unit) for cell in (rule.shown.base, rule.shown.checkpoint))
    return base, f"{checkpoint}{differs}"


def difference(rule: RuleResult) -> str:
    """'-0.4 [-1.9, +1.1]'."""
    unit = rule.shown.unit if rule.shown else rule.unit
    limits = between(rule.low, rule.high, unit, signed=True)
    return f"{number(rule.value, unit, signed=True)} {limits}".strip()


def notes(checkpoint: CheckpointGate) -> list[str]:
    """Why rules are open, one line each; then over which items differences are, and what the marks mean."""
    shown = [rule for rule in checkpoint.rules if rule.why and not _is_covered(rule, checkpoint.rules)]
    lines = [f"{_with_requirement(rule)}: {rule.why}." for rule in shown]
    counts: dict[str, list[Counts]] = {}
    for rule in checkpoint.rules:
        counts.setdefault(rule.benchmark, []).append(Counts(rule.items, rule.left_out, rule.groups_left_out))
    if unequal := {benchmark: found for benchmark, each in counts.items() if (found := over(each))}:
        lines.append(told(first([f"{title_of(benchmark)}: {found}" for benchmark, found in unequal.items()])))
    if any(rule.differs for rule in checkpoint.rules):
        lines.append(f"{DIFFERS}: measured under another protocol than the base.")
    return lines
