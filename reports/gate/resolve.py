"""Which metrics a policy's rules are about, given what was measured; a margin as a number on the metric's scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.errors import ConfigError
from harness.core.evaluation import Formula
from harness.core.gating import GatePolicy, Margin, Rule
from harness.core.nearest import did_you_mean
from harness.core.stats import scale_of
from reports.tables.roles import HALLUCINATION, HELPFULNESS

Measured = Mapping[str, Sequence[Formula]]  # benchmark -> its formulas
_UNITS = {"share": ("points", "% of base"), "points": ("points", "% of base"), "words": ("words", "% of base")}


@dataclass(frozen=True, slots=True)
class Target:
    """One metric under one rule. `sign`: +1 where higher is better, -1 where lower is.

    `margin`: on the metric's own scale (shares 0..1); `relative`: as a share of the baseline's value. One of them is 0.
    """

    rule: Rule
    benchmark: str
    formula: Formula
    sign: int
    margin: float = 0.0
    relative: float = 0.0


def targets(policy: GatePolicy, measured: Measured) -> tuple[Target, ...]:
    """Every metric of every rule; a metric with a rule of its own is left out of the rules over kinds.

    Raises ConfigError naming every fault: metrics that are not measured, margins in another unit, no direction.
    """
    faults: list[str] = []
    own = {rule.metric for rule in policy.rules if rule.metric}
    found: list[Target] = []
    for rule in policy.rules:
        chosen = _named(rule, measured, faults) if rule.metric else _of_kind(rule.kind, measured, own)
        found += [t for benchmark, formula in chosen if (t := _target(rule, benchmark, formula, faults)) is not None]
    if not faults and not any(t.rule.role != "watch" for t in found):
        have = ", ".join(measured) or "none"
        faults.append(f"none of its rules fits what was measured ({have}); name metrics of these benchmarks")
    if faults:
        listed = "".join(f"\n  - {fault}" for fault in dict.fromkeys(faults))
        raise ConfigError(f"The policy {policy.name!r} does not fit this run:{listed}")
    return tuple(found)


def unmeasured(policy: GatePolicy, measured: Measured) -> list[str]:
    """Kinds that a rule decides on and no benchmark measures: what was not measured cannot be passed."""
    kinds = dict.fromkeys(rule.kind for rule in policy.rules if rule.kind and rule.role != "watch")
    return [kind for kind in kinds if not _of_kind(kind, measured, set())]


def _key(benchmark: str, formula: Formula) -> str:
    return f"{benchmark}.{formula.name}{f'[{formula.group}]' if formula.group else ''}"


def _named(rule: Rule, measured: Measured, faults: list[str]) -> list[tuple[str, Formula]]:
    known = {_key(benchmark, f): (benchmark, f) for benchmark, formulas in measured.items() for f in formulas}
    if rule.metric in known:
        return [known[rule.metric]]
    benchmark = rule.metric.partition(".")[0]
    if benchmark not in measured:
        faults.append(f"{rule.metric}: the run has no benchmark {benchmark!r}; it has {', '.join(measured) or 'none'}")
    else:
        near = did_you_mean(rule.metric, list(known))
        own = ", ".join(_key(benchmark, f) for f in measured[benchmark] if f.headline)
        faults.append(f"{rule.metric}: there is no such metric.{near} Headline metrics of {benchmark}: {own or 'none'}")
    return []


def _of_kind(kind: str, measured: Measured, own: set[str]) -> list[tuple[str, Formula]]:
    found = []
    for benchmark, formulas in measured.items():
        chosen = [f for f in formulas if not f.group and _is(kind, f)]
        if kind == "ability" and any(f.role for f in formulas):
            chosen = []  # what it measures is hallucination and helpfulness
        found += [(benchmark, f) for f in chosen[:1] if _key(benchmark, f) not in own]
    return found


def _is(kind: str, formula: Formula) -> bool:
    return {
        "hallucination": formula.role == HALLUCINATION,
        "helpfulness": formula.role == HELPFULNESS,
        "ability": formula.headline and not formula.role and formula.better == "higher",
        "length": formula.unit == "words",
    }[kind]


def _target(rule: Rule, benchmark: str, formula: Formula, faults: list[str]) -> Target | None:
    key = _key(benchmark, formula)
    better = formula.better if formula.better != "neither" else rule.better
    if formula.better != "neither" and rule.better not in ("", formula.better):
        faults.append(f"{key}: its better direction is {formula.better}, the policy says {rule.better}")
        return None
    if not better and rule.role != "watch":
        faults.append(f"{key} has no better direction of its own; give `better: higher` or `better: lower`")
        return None
    sign = -1 if better == "lower" else 1
    if rule.margin is None:
        return Target(rule, benchmark, formula, sign)
    allowed = _UNITS.get(formula.unit, ("count", "% of base"))
    if rule.margin.unit not in allowed:
        faults.append(f"{key}: the margin {rule.margin} has another unit than the metric; give {' or '.join(allowed)}")
        return None
    margin, relative = _on_scale(rule.margin, formula)
    low, high = scale_of(formula.unit, formula.bounds)
    if margin >= high - low:
        faults.append(f"{key}: a margin of {rule.margin} is the metric's whole scale")
        return None
    return Target(rule, benchmark, formula, sign, margin, relative)


def _on_scale(margin: Margin, formula: Formula) -> tuple[float, float]:
    if margin.unit == "% of base":
        return 0.0, margin.value / 100
    return (margin.value / 100 if formula.unit == "share" else margin.value), 0.0
