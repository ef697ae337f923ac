"""The table: *columns* are checkpoints or methods (the first is the baseline), *rows* are metrics. Nothing is formatted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.core.stats import scale_of
from reports.values.paired import Difference

Significance = str  # "better", "worse", "changed" (where neither direction is better) or "": inconclusive

_MOST_DIGITS = 6
DIGITS = {"share": 1, "words": 1}  # behind the point, shares in per cent; 2 for others


def as_stored(value: float) -> float:
    """As report.json holds it: rounded to 10 digits. What shows a number rounds from there, so that a value halfway between two
    shown ones reads the same whether it was just computed or comes from the file."""
    return round(value, 10) + 0.0  # + 0.0: no minus zero


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of `Formula` with the digits that a value is shown with; shares are shown in per cent."""

    name: str
    digits: int

    @classmethod
    def of(cls, name: str) -> Unit:
        return cls(name, DIGITS.get(name, 2))


@dataclass(frozen=True, slots=True)
class Column:
    """One checkpoint of the table, or one method: `places` are then the columns that are its seeds."""

    label: str
    run_id: str
    run_name: str  # of the arm; of the run where nothing is aligned; "base" for a base beside arms
    checkpoint: str
    digest: str
    aligner: str
    complete: bool
    is_baseline: bool = False
    places: tuple[int, ...] = ()
    trained: bool = False  # its run aligned it
    differs: bool = False  # its protocol differs from the baseline's on some benchmark
    partial: tuple[str, ...] = ()  # `StudyNotes.partial` of its run


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one checkpoint. `why`: why the value or its interval is unknown (None). n: items that move the metric.

    detectable: the smallest true difference that this table marks as significant with a chance of 80 % or more: tested at
    0.05 / m, the level at which Holm's correction begins among the table's m tests. inf (null in JSON): not even
    a difference of 100 points, from so few images.
    p_fdr: adjusted for the false discovery rate over all metrics outside the headline table; None within it. joint: interval of
    the difference that holds with 95 % for all checkpoints of this metric together, where there are two or more. unpaired: why
    there is no difference although both sides have a value. n_paired: items that move the metric, of those that both answered.
    n_left_out: items that one side alone answered. n_groups_left_out: pairs, figures, groups that lack an answer of one side.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str = ""
    difference: Difference | None = None  # to the baseline, over the items that both answered
    n_paired: int = 0
    n_left_out: int = 0
    n_groups_left_out: int = 0
    n_answered: int = 0  # answers to the benchmark, where a judge could not rate them all
    n_judged: int = 0  # of these
    p_holm: float | None = None
    p_fdr: float | None = None
    joint: tuple[float, float] | None = None
    detectable: float | None = None
    significant: Significance = ""
    unpaired: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric across all columns; a cell is None where the column lacks the benchmark. The rest as in `Formula`.

    order: pairs (i, j) of columns, i significantly better than j (Holm over all pairs of this metric); not of methods of seeds.
    """

    benchmark: str
    metric: str
    group: str
    better: str
    unit: str
    headline: bool
    about: str
    role: str
    cells: tuple[Cell | None, ...]
    title: str = ""
    published_as: str = ""
    order: tuple[tuple[int, int], ...] = ()
    bounds: tuple[float, float] | None = None

    @property
    def widest(self) -> float:
        """How far two values can lie apart by definition; infinite where that is not known."""
        low, high = scale_of(self.unit, self.bounds)
        return high - low

    def rank_range(self, column: int) -> tuple[int, int] | None:
        """The best and the worst rank that the tests of all pairs leave open for a column; None where its value is unknown."""
        known = self.known
        if column not in known or self.better == "neither":
            return None
        better, worse = (sum(pair[side] == column for pair in self.order) for side in (1, 0))
        return 1 + better, len(known) - worse

    @property
    def known(self) -> list[int]:
        """Columns with a value."""
        return [j for j, cell in enumerate(self.cells) if cell is not None and cell.value is not None]

    @property
    def key(self) -> str:
        return f"{self.metric}[{self.group}]" if self.group else self.metric

    @property
    def shown_unit(self) -> Unit:
        """The unit, with one digit more where that makes values and differences as shown add up: 22.43 and 20.48 are 22.4 and
        20.5, and their difference of -1.95 would be -2.0; or so that a share of 2,999 in 3,000 is not shown as 100. And with as
        many as a significant difference needs so that it is not shown as 0."""
        unit, moved = Unit.of(self.unit), [self._scaled(cell.difference) for cell in self.cells if cell and cell.significant]
        needed = max((_digits_of(value) for value in moved if value), default=0)
        digits = max(unit.digits, min(needed, _MOST_DIGITS))
        helps = not self._adds_up_in(digits) and self._adds_up_in(digits + 1)
        more = digits == unit.digits and (helps or self._ends_at_a_bound(digits))
        return replace(unit, digits=digits + more)

    def _ends_at_a_bound(self, digits: int) -> bool:
        """A share is shown as 0 or 100 and is neither; with one digit more it is not."""
        shares = [as_stored(cell.value) for cell in self.cells if cell and cell.value is not None and self.unit == "share"]
        left = [gap * 100 for share in shares for gap in (share, as_stored(1 - share)) if gap]
        return any(not round(gap, digits) and round(gap, digits + 1) for gap in left)

    @property
    def adds_up(self) -> bool:
        """Every difference as shown is that of the two values as shown."""
        return self._adds_up_in(self.shown_unit.digits)

    def _adds_up_in(self, digits: int) -> bool:
        """Differences over other items than the values are of need not add up."""
        base, *others = ((cell.value, cell.difference) if cell else (None, None) for cell in self.cells)
        scale, before = self._scale, base[0]
        for value, difference in others:
            if before is None or value is None or difference is None or difference.value is None:
                continue
            a, b, d = map(as_stored, (before, value, difference.value))
            if abs(b - a - d) < 1e-9 and not _adds_up(a * scale, b * scale, d * scale, digits):
                return False
        return True

    @property
    def _scale(self) -> int:
        return 100 if self.unit == "share" else 1

    def _scaled(self, difference: Difference | None) -> float:
        return as_stored(difference.value or 0) * self._scale if difference else 0


def _digits_of(value: float) -> int:
    """Digits behind the point from which on a value other than 0 is not shown as 0."""
    return next((n for n in range(_MOST_DIGITS) if round(value, n)), _MOST_DIGITS)


def _adds_up(before: float, after: float, difference: float, digits: int) -> bool:
    shown = round(round(after, digits) - round(before, digits), digits)
    return abs(shown - round(difference, digits)) < 0.5 * 10.0**-digits


@dataclass(frozen=True, slots=True)
class Table:
    """Rows over columns, corrected for many tests together."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def headline(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.headline)

    @property
    def worded(self) -> tuple[str, ...]:
        """Benchmarks that were asked in several wordings and are put together over them."""
        names = dict.fromkeys(row.benchmark for row in self.rows)
        return tuple(name for name in names if f"{name}-wording1" in names)

    @property
    def by_method(self) -> bool:
        """Some columns are several seeds put together."""
        return any(column.places for column in self.columns)


def members(columns: Sequence[Column], short: Sequence[Column]) -> list[tuple[str, tuple[int, ...]]]:
    """(label, places among `columns`) of every column of the short table."""
    place = {column.label: i for i, column in enumerate(columns)}
    return [(column.label, column.places or (place[column.label],)) for column in short]
