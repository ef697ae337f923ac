"""A gate's policy as plain values: which metrics may move how far before a checkpoint is not shipped.

`harness.config.gate_policy` reads policies from YAML, `reports.gate` tests them. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("hallucination", "helpfulness", "ability", "length")
MARGIN_UNITS = ("points", "words", "count", "% of base")


@dataclass(frozen=True, slots=True)
class Margin:
    """A distance on a metric's own scale, at least 0.

    unit: "points" (percentage points of shares, else points of the metric's own scale), "words", "count", or "% of base"
    (per cent of the baseline's value, whatever the unit).
    """

    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}" if self.value != 1 or self.unit == "% of base" else f"1 {self.unit.rstrip('s')}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is required of one metric, or of every metric of a kind.

    metric: "chair.recall", with a slice "pope.accuracy[adversarial]"; "" where `kind` chooses the metrics.
    kind: one of KINDS, "" where `metric` names one.
    role: "improve" (better than the baseline by more than the margin, which may be 0), "guard" (not worse by the margin or
    more), "watch" (shown, never decides).
    need: of an improve rule over a kind: "all" of its metrics or "any" one of them must improve.
    better: "higher" or "lower"; needed where the metric itself has no better direction (a length), else "".
    """

    role: str
    metric: str = ""
    kind: str = ""
    margin: Margin | None = None
    need: str = "all"
    better: str = ""

    @property
    def name(self) -> str:
        return self.metric or f"kind {self.kind}"


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Rules that are decided together. alpha: the chance of a false pass, and of a false fail, over all its tests."""

    name: str
    rules: tuple[Rule, ...]
    alpha: float = 0.05
