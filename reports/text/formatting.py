"""Names and numbers as people read them. The only place where a value becomes text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

from harness.core import registry
from harness.core.capabilities import Titled
from harness.core.edge.text import count
from harness.core.errors import HarnessError
from reports.values.details import ProtocolDifference, UnknownProtocol
from reports.values.paired import Difference
from reports.values.table import Cell, Column, Unit, as_stored

_ABBREVIATIONS = {
    "n": "n",
    "f1": "F1",
    "kl": "KL",
    "ece": "ECE",
    "words": "Length",
    "rho_th": "\u03c1 threshold",
    "bdhs": "BDHS",
    "dpo": "DPO",
}
_IN_WORDS = {"item digest": "other questions or labels"}  # facts whose values are digests
MINUS, UNKNOWN, DIFFERS = "\u2212", "\u2013", "\u2260"
ARROWS = {"better": "\u25b2", "worse": "\u25bc", "changed": "\u25c6", "": ""}


def name(word: str) -> str:
    """'yes_rate' -> 'Yes rate', 'f1' -> 'F1'."""
    words = word.replace("_", " ").strip()
    return _ABBREVIATIONS.get(word, words[:1].upper() + words[1:])


def title_of(label: str) -> str:
    """A benchmark's own title by its label in a configuration: 'pope' -> 'POPE', 'pope-adversarial' -> 'POPE adversarial'."""
    if title := _title(label):
        return title
    head, mark, rest = label.partition("-")
    title = _title(head) if mark else ""
    return f"{title} {rest.replace('_', ' ')}" if title else name(label)


@lru_cache(maxsize=256)
def _title(plugin: str) -> str:
    """ "" for a benchmark without a title, and for a label that is not a benchmark's name."""
    if plugin not in registry.names("benchmark"):
        return ""
    try:
        benchmark = registry.get("benchmark", plugin)
    except HarnessError:
        return ""  # a third-party benchmark that no longer imports: its stored results are shown under its name
    return benchmark.title if isinstance(benchmark, Titled) else ""


class Named(Protocol):
    """A metric of a benchmark: a row of a table, or a rule of a gate. `title`: its own spelling, "" for none."""

    @property
    def benchmark(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def title(self) -> str: ...


def metric_name(row: Named) -> str:
    """'CHAIRi', 'Yes rate': without its benchmark and slice."""
    return row.title or name(row.metric)


def row_name(row: Named) -> str:
    """'POPE accuracy', 'CHAIRi', 'POPE F1 (adversarial)'; the benchmark is not named twice."""
    metric, own = metric_name(row), _title(row.benchmark)
    if not (own and metric.lower().startswith(own.lower())):
        kept = row.title or metric[:2].isupper() or metric == "F1"  # a title is the benchmark's own spelling
        metric = f"{title_of(row.benchmark)} {metric if kept else metric[:1].lower() + metric[1:]}"
    return f"{metric} ({row.group})" if row.group else metric


def who(column: Column) -> str:
    """'base', 'dpo (3 seeds)', 'plain \u2260' where the protocol is another one."""
    seeds = f" ({len(column.places)} seeds)" if column.places else ""
    return f"{column.label}{seeds}{f' {DIFFERS}' if column.differs else ''}"


def protocol_text(differences: Sequence[ProtocolDifference], most: int = 3) -> str:
    """'plain on CHAIR: token limit: 64 (baseline: 128)', for the first few."""
    facts: dict[tuple[str, str, str, str], list[str]] = {}
    for d in differences:
        facts.setdefault((d.benchmark, d.fact, shortened(d.other, 60), shortened(d.baseline, 60)), []).append(d.column)
    texts = [
        f"{listing(columns, 3)} on {title_of(benchmark)}: {_difference(fact, other, baseline)}"
        for (benchmark, fact, other, baseline), columns in facts.items()
    ]
    more = f"; and {count(len(texts) - most, 'other difference')}" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def _difference(fact: str, other: str, baseline: str) -> str:
    """A baseline "" is none: the fact is of both."""
    return _IN_WORDS.get(fact) or f"{fact}: {other}" + (f" (baseline: {baseline})" if baseline else "")


def unknown_protocol_text(unknown: Sequence[UnknownProtocol], most: int = 3) -> str:
    """'theirs on CHAIR: prompt (first item), decoding and 4 more', for the first few; "" where all is known."""
    facts: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in unknown:
        facts.setdefault((one.benchmark, one.facts), []).append(one.column)
    texts = [
        f"{listing(columns, 3)} on {title_of(benchmark)}: {listing(names, 3)}" for (benchmark, names), columns in facts.items()
    ]
    more = f"; and {len(texts) - most:,} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def number(value: float | None, unit: Unit | str, signed: bool = False) -> str:
    """0.1234 -> '12.3' for shares (per cent); two digits for points, one for words; a true minus sign.

    A unit by its name has its usual digits; `Row.shown_unit` may have one more.
    """
    if value is None:
        return UNKNOWN
    unit = _unit(unit)
    scaled = as_stored(value) * (100 if unit.name == "share" else 1)
    digits = (1 if abs(scaled) % 1 else 0) if unit.name == "count" else unit.digits
    text = f"{scaled:+.{digits}f}" if signed else f"{scaled:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def _unit(unit: Unit | str) -> Unit:
    return Unit.of(unit) if isinstance(unit, str) else unit


def with_unit(value: float | None, unit: Unit | str) -> str:
    """'12.3 %', '3.42', '41.2 words'."""
    return number(value, unit) + {"share": " %", "words": " words"}.get(_unit(unit).name, "")


def change(value: float | None, unit: Unit | str) -> str:
    """'+2.1 points' for shares (points of per cent), '+0.31', '-3.1 words'."""
    return number(value, unit, signed=True) + {"share": " points", "words": " words"}.get(_unit(unit).name, "")


def detectable_text(value: float | None, unit: Unit | str) -> str:
    """'1.3', 'over 100' where no difference of a share would be found, nothing where it is unknown."""
    if value is None:
        return ""
    return "over 100" if math.isinf(value) else number(value, unit)


def between(low: float | None, high: float | None, unit: Unit | str, signed: bool = False) -> str:
    """'[10.1, 14.2]', or nothing where there is no interval."""
    if low is None or high is None:
        return ""
    return f"[{number(low, unit, signed)}, {number(high, unit, signed)}]"


P_KEYS = ("p", "p_holm", "p_fdr", "p_pass", "p_fail")


def rounded_p(p: float) -> float:
    """Four significant digits, for files: 1e-14 is not 0."""
    return float(f"{p:.4g}")


def probability(p: float | None) -> str:
    """'0.034', '< 0.001'."""
    if p is None:
        return UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def cell_text(cell: Cell | None, unit: Unit | str) -> str:
    """'12.3 [10.1, 14.2]', with how many answers were judged where not all were."""
    if cell is None:
        return UNKNOWN
    parts = number(cell.value, unit), between(cell.low, cell.high, unit), judged_text(cell)
    return " ".join(part for part in parts if part)


def value_text(cell: Cell | None, unit: Unit | str) -> str:
    """'12.3', '12.3 (5 of 60 judged)': without the interval."""
    return f"{number(cell.value if cell else None, unit)} {judged_text(cell)}".strip()


def judged_text(cell: Cell | None) -> str:
    """'(5 of 60 judged)' where a judge could not rate every answer: the number is about those alone."""
    return f"({cell.n_judged:,} of {cell.n_answered:,} judged)" if cell is not None and cell.n_answered else ""


def difference_text(difference: Difference | None, unit: Unit | str) -> str:
    """'+2.1 [+0.4, +3.9]'."""
    if difference is None or difference.value is None:
        return UNKNOWN
    low_high = between(difference.low, difference.high, unit, signed=True)
    return f"{number(difference.value, unit, signed=True)} {low_high}".strip()


def listing(words: Sequence[str], most: int = 99) -> str:
    """'a', 'a and b', 'a, b and c'; beyond `most`: 'a, b and 3 more', but the last one alone by its name."""
    most += len(words) == most + 1
    shown = list(words[:most])
    if len(words) > most:
        shown.append(f"{len(words) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def count_digits(counts: Iterable[float]) -> int:
    """Digits behind the point for all counts of one table: 1 where a mean over seeds is not whole, so that 12.5 does not read
    like 12."""
    return int(any(as_stored(n) % 1 for n in counts))


def count_text(value: float, digits: int) -> str:
    """'1,202', '107.5' with one digit."""
    return f"{value:,.{digits}f}"


def duration(seconds: float | None) -> str:
    """'37 s', '12 min', '1.5 h'; nothing where it is unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def shortened(text: str, most: int = 1200) -> str:
    """Text of a model, at most so long, with a note of what was left out; control characters made visible. The rest stays where
    the note would be as long.

    Nothing is escaped here: each writer escapes for its own format.
    """
    left = len(text) - most
    note = f" \u2026 ({left:,} more characters)" if left > 0 else ""
    kept = text if left <= len(note) else text[:most]
    visible = "".join(c if c in "\n\t" or (c.isprintable() or c in "\u00a0\u200c\u200d") else _visible(c) for c in kept)
    return visible if kept == text else f"{visible}{note}"


def _visible(char: str) -> str:
    code = ord(char)
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"\u27e8U+{code:04X}\u27e9"
