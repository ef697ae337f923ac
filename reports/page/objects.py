"""Objects and confusions as a page shows them: counts as text, bars, and shades for tables of many columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.text.formatting import count_digits, count_text, number, title_of
from reports.values.comparison import Comparison
from reports.values.details import Confusion, ObjectCount

FEW = 4  # columns that fit bars; of more, each cell is shaded


@dataclass(frozen=True, slots=True)
class ObjectView:
    """One object: counts by column; bars are drawn to the benchmark's `most`."""

    subject: str
    counts: tuple[Mapping[str, float], ...]
    seen_with: str


@dataclass(frozen=True, slots=True)
class ObjectsView:
    """Objects of one benchmark, or types of its questions, and the most wrong answers any of them has."""

    benchmark: str
    columns: tuple[str, ...]
    spans: bool
    most: float
    objects: tuple[ObjectView, ...]
    about: str
    digits: int

    @property
    def many(self) -> bool:
        return len(self.columns) > FEW

    def text(self, n: float) -> str:
        """A count as this table shows them all."""
        return count_text(n, self.digits)


def objects_views(comparison: Comparison) -> list[ObjectsView]:
    found = []
    for benchmark, about in dict.fromkeys((o.benchmark, o.about) for o in comparison.objects):
        counts = [o for o in comparison.objects if (o.benchmark, o.about) == (benchmark, about)]
        columns = tuple(dict.fromkeys(o.column for o in counts))
        by_object: dict[str, list[ObjectCount]] = {}
        for o in counts:
            by_object.setdefault(o.subject, []).append(o)
        views = tuple(ObjectView(t, tuple(o.counts for o in same), _around(same)) for t, same in by_object.items())
        spans = any("invented" in o.counts or "found" in o.counts for o in counts)
        keys = ("invented",) if spans else ("fp", "fn")
        most = max(o.counts.get(key, 0) for o in counts for key in keys)
        digits = count_digits(n for o in counts for n in o.counts.values())
        found.append(ObjectsView(title_of(benchmark), columns, spans, most or 1, views, about, digits))
    return found


def _around(counts: Sequence[ObjectCount]) -> str:
    """What truly was in the images where the object was invented, all columns together."""
    together: dict[str, float] = {}
    for count in counts:
        for object_name, n in count.seen_with.items():
            together[object_name] = together.get(object_name, 0) + n
    often = sorted(together.items(), key=lambda kv: (-kv[1], kv[0]))[:3]
    return ", ".join(object_name for object_name, _ in often)


@dataclass(frozen=True, slots=True)
class ConfusionView:
    """One column's confusion on one slice, as text; shares of all questions, for bars."""

    column: str
    tp: str
    fp: str
    tn: str
    fn: str
    unread_yes: str
    unread_no: str
    yes_rate: str
    labels_yes: str
    accuracy: str


def confusion_views(comparison: Comparison) -> list[tuple[str, list[tuple[str, list[ConfusionView]]], bool]]:
    """(benchmark, its slices with one line a column, any answer unread)."""
    found = []
    for benchmark in dict.fromkeys(c.benchmark for c in comparison.confusions):
        own = [c for c in comparison.confusions if c.benchmark == benchmark]
        digits = count_digits(n for c in own for n in _cells(c))
        groups = dict.fromkeys(c.group for c in own)
        slices = [(group, [_confusion(c, digits) for c in own if c.group == group]) for group in groups]
        found.append((title_of(benchmark), slices, any(c.unread_yes or c.unread_no for c in own)))
    return found


def _cells(c: Confusion) -> tuple[float, ...]:
    return c.tp, c.fp, c.tn, c.fn, c.unread_yes, c.unread_no


def _confusion(c: Confusion, digits: int) -> ConfusionView:
    total, counts = sum(_cells(c)), (count_text(n, digits) for n in _cells(c))
    parts = (c.tp + c.fp, c.tp + c.fn + c.unread_yes, c.tp + c.tn)
    shares = (part / total if total else None for part in parts)
    return ConfusionView(c.column, *counts, *(number(share, "share") for share in shares))
