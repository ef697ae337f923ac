"""Suspicious verdicts: another judge, or the rules, rate the same answer differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.evaluation import Item, Verdict
from harness.labels.cases import VERDICT, Case, about


@dataclass(frozen=True, slots=True)
class Rated:
    """One answer and the verdict of each judge (name and version). The first is the one whose verdict counts."""

    benchmark: str
    item: Item
    witness: str
    answer: str
    verdicts: Mapping[str, Verdict]


def contradicted_verdicts(rated: Sequence[Rated]) -> tuple[Case, ...]:
    """Verdicts that another one contradicts, the widest apart first; suspicion is the distance as a share of the scale used."""
    values = [v.value for one in rated for v in one.verdicts.values() if v.value is not None]
    span = max(values, default=0.0) - min(values, default=0.0)
    found = [case for one in rated if span and (case := _case(one, span)) is not None]
    return tuple(sorted(found, key=lambda case: -case.suspicion))


def _case(one: Rated, span: float) -> Case | None:
    known = {judge: v for judge, v in one.verdicts.items() if v.value is not None}
    if len(known) < 2:
        return None
    (judge, counted), *others = known.items()
    apart = max(abs(_value(v) - _value(counted)) for _, v in others)
    if not apart:
        return None
    contrary = [f"{name} says {_value(v):g} ({v.reading})" for name, v in others if v.value != counted.value]
    return Case(
        benchmark=one.benchmark,
        item_id=one.item.id,
        field=VERDICT + one.witness,
        label=f"{judge}: {_value(counted):g} ({counted.reading})",
        image=one.item.image,
        question=one.item.question,
        suspicion=apart / span,
        reasons=("another judge, or the rules, rates the same answer differently",),
        answers={one.witness: one.answer},
        model_evidence=tuple(contrary),
        rated=one.answer,
        about=about(one.item, VERDICT, free_text=False),
    )


def _value(verdict: Verdict) -> float:
    return verdict.value if verdict.value is not None else float("nan")
