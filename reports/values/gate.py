"""What a gate found, as plain frozen values; `reports/gate/decide.py` computes them. Differences are after minus before."""

from __future__ import annotations

from dataclasses import dataclass

from reports.values.table import Cell, Unit

PASS, FAIL, INCONCLUSIVE, WATCHED = "pass", "fail", "inconclusive", "watched"


@dataclass(frozen=True, slots=True)
class Shown:
    """A metric as the report's table shows it: all items of each checkpoint, in the digits of its row."""

    unit: Unit
    base: Cell | None
    checkpoint: Cell | None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule on one metric of one checkpoint.

    before, after: the metric on the items that both answered. low, high: the one-sided 95 % limits (at the policy's alpha) of
    the difference, not corrected. p_pass: of "the requirement is not met" (small: it is met); p_fail: of "it is met"; both
    corrected by Holm over the gate. items_needed: items to ask that would decide an inconclusive rule with a chance of
    80 %, if the difference stays as it was measured; None where it is decided or no number would do. by: the requirement in
    words. items, left_out: items that both answered and that move the metric, and those that one side alone answered;
    groups_left_out: see `Cell`;
    asked: items of the benchmark or slice that both answered, also where their answers do not move the metric. differs: the
    benchmark was measured under another protocol than the base's. shown: None while a sweep goes on.
    """

    benchmark: str
    metric: str
    group: str
    title: str
    unit: str
    better: str
    role: str
    by: str
    verdict: str
    why: str = ""
    before: float | None = None
    after: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None  # the difference at which the requirement is just met
    p_pass: float | None = None
    p_fail: float | None = None
    items: int = 0
    asked: int = 0
    left_out: int = 0
    groups_left_out: int = 0
    images: int = 0
    items_needed: int | None = None
    set_name: str = ""  # of rules of which one must pass
    differs: bool = False
    shown: Shown | None = None

    @property
    def key(self) -> str:
        return f"{self.benchmark}.{self.metric}{f'[{self.group}]' if self.group else ''}"


@dataclass(frozen=True, slots=True)
class CheckpointGate:
    """All rules of one checkpoint and what follows from them. `incomplete`: reasons why it cannot pass."""

    column: str
    verdict: str
    words: str
    rules: tuple[RuleResult, ...]
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """A policy's verdict on one or more checkpoints; `family` says which tests were corrected together. `base`: what they
    are compared with, by its label."""

    policy: str
    alpha: float
    verdict: str
    words: str
    family: str
    checkpoints: tuple[CheckpointGate, ...]
    base: str = ""
    stopped: str = ""  # how a sweep was stopped that ended when the gate was decided

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive."""
        return {PASS: 0, FAIL: 1}.get(self.verdict, 3)
