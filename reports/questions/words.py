"""What the direct tests of a question show, in sentences, and what an interval does and does not contain."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.edge.text import count
from reports.tables.roles import HALLUCINATION, HELPFULNESS
from reports.text.formatting import between, change, listing, number, probability, row_name
from reports.values.questions import DirectTest, Level, Question
from reports.values.table import Row, Table

MOST_FOUND, MOST_OPEN = 6, 4  # sentences on significant differences, and on metrics without one
_MOST_KEYS, _MOST_SIDES = 2, 3  # settings named in a title, comparisons named in a sentence
_TITLES = {
    "pairs": "Source of the preference pairs",
    "align": "Aligner",
    "pairs.limit": "Number of prompts",
    "after": "Rounds",
    "model": "Base model",
    "data": "Data",
}
_PARTS = {"pairs": "the pairs", "align": "the aligner", "align.training": "the training", "model": "the base model"}


def title_of_keys(keys: Sequence[str]) -> str:
    """'rho_th of the pairs', 'Aligner and number of prompts', 'Settings of the pairs', 'Aligner and 2 more settings'."""
    parts = list(dict.fromkeys(key.split(".")[0] for key in keys))
    first, *rest = (_title(key) for key in keys)
    if len(keys) <= _MOST_KEYS:
        return listing([first, *(title[0].lower() + title[1:] if title in _TITLES.values() else title for title in rest)])
    return f"Settings of {_PARTS.get(parts[0], parts[0])}" if len(parts) == 1 else f"{first} and {len(rest)} more settings"


def _title(key: str) -> str:
    if key in _TITLES:
        return _TITLES[key]
    part, _, last = key.rpartition(".")
    owner = _PARTS.get(part) or (f"{part.split('.', 1)[-1]} of {_PARTS.get(part.split('.')[0], part)}" if part else "")
    return f"{last} of {owner}" if owner else last


def lead(question: Question) -> str:
    """How the arms of the question were compared."""
    arms = sum(place is not None for level in question.levels for place in level.columns)
    groups = f" in {count(len(question.contexts), 'group')}, differences being means over them" if _several(question) else ""
    keys = f"{listing(_short(question.keys), 8)}{', which change together' if len(question.keys) > 1 else ''}"
    against = ""
    if question.reference is not None:
        against = f" Every level is tested against {name_of(question, question.levels[question.reference])}."
    varied = f"{count(arms, 'arm')} that differ only in {keys}"
    if not question.tests:
        return f"{varied}. They are shown side by side, and not tested against each other."
    return (
        f"{varied}{groups}.{against} {count(len(question.tests), 'paired test')} over the same items; p is corrected by Holm "
        "over the tests of this question."
    )


def _short(keys: Sequence[str]) -> list[str]:
    """Options of one option together: "pairs.matched" for "pairs.matched.length" and "pairs.matched.unit"."""
    parents = [key.rpartition(".")[0] for key in keys]
    deep = {parent for parent in parents if "." in parent and parents.count(parent) > 1 and parent != "align.training"}
    return list(dict.fromkeys(parent if parent in deep else key for key, parent in zip(keys, parents, strict=True)))


def _several(question: Question) -> bool:
    return len(question.contexts) > 1


def name_of(question: Question, level: Level) -> str:
    """'mixed', 'rho_th 0.98'."""
    if not question.is_numeric or level.text.startswith(question.keys[0]):
        return level.text
    return f"{question.keys[0].rsplit('.', 1)[-1]} {level.text}"


def focus(table: Table) -> list[Row]:
    """The rows that a question is answered by: hallucination and helpfulness of each benchmark, else its first metric."""
    rows = [row for row in table.headline if row.better != "neither"]
    chosen = []
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        own = [row for row in rows if row.benchmark == benchmark]
        roles = [next((r for r in own if r.role == role), None) for role in (HALLUCINATION, HELPFULNESS)]
        chosen += [row for row in roles if row is not None] or own[:1]
    return sorted(chosen, key=lambda row: [HALLUCINATION, HELPFULNESS, ""].index(row.role) if row.role else 2)


def claims(question: Question, table: Table) -> tuple[str, ...]:
    """Significant differences first, then what the intervals of the others leave possible."""
    rows = {(row.benchmark, row.key): row for row in table.headline}
    found = [test for test in question.tests if test.significant]
    sentences = [_found(question, test, rows[test.benchmark, test.key]) for test in found[:MOST_FOUND]]
    if len(found) > MOST_FOUND:
        sentences.append(f"The table has {count(len(found) - MOST_FOUND, 'more significant difference')}.")
    if question.tests and not found:
        sentences.append(f"None of {count(len(question.tests), 'direct test')} is significant after Holm's correction.")
    sentences += [text for row in focus(table)[:MOST_OPEN] if (text := _open(question, row))]
    sentences += [f"Not tested: {why}." for why in question.not_tested[:MOST_OPEN]]
    if len(question.not_tested) > MOST_OPEN:
        sentences.append(f"Not tested: {count(len(question.not_tested) - MOST_OPEN, 'more comparison')}, see report.json.")
    return tuple(sentences)


def _sides(question: Question, test: DirectTest) -> tuple[str, str]:
    return name_of(question, question.levels[test.second]), name_of(question, question.levels[test.first])


def _found(question: Question, test: DirectTest, row: Row) -> str:
    second, first = _sides(question, test)
    d, unit = test.difference, row.shown_unit
    word = "higher" if (d.value or 0) > 0 else "lower"
    judged = {"better": ", which is better", "worse": ", which is worse"}.get(test.significant, "")
    nearest = d.low if (d.value or 0) > 0 else d.high
    return (
        f"{row_name(row)} is {word} with {second} than with {first}{judged}: {change(d.value, unit)}, 95 % interval "
        f"{between(d.low, d.high, unit, signed=True)}, p (Holm) {probability(test.p_holm)}. The interval leaves out 0 and "
        f"every difference smaller than {number(abs(nearest or 0), unit)}."
    )


def _open(question: Question, row: Row) -> str:
    """The comparisons of one metric that are not significant, and what their intervals contain and leave out."""
    unit = row.shown_unit
    still = [t for t in question.tests if (t.benchmark, t.key) == (row.benchmark, row.key) and not t.significant]
    shown = [(t, t.difference.low, t.difference.high) for t in still if t.difference.value is not None]
    known = [(test, low, high) for test, low, high in shown if low is not None and high is not None]
    if not shown:
        return ""
    if not known:
        reasons = dict.fromkeys(test.difference.why for test, _, _ in shown if test.difference.why)
        return f"{row_name(row)}: there is no interval{': ' if reasons else ''}{'; '.join(reasons)}."
    parts = [
        f"{second} against {first} {change(test.difference.value, unit)} {between(low, high, unit, signed=True)}"
        for test, low, high in known[:_MOST_SIDES]
        for second, first in [_sides(question, test)]
    ]
    more = f" and {len(known) - _MOST_SIDES} more" if len(known) > _MOST_SIDES else ""
    lowest, highest = min(low for _, low, _ in known), max(high for _, _, high in known)
    which = "The interval contains" if len(known) == 1 else "All intervals contain"
    zero = f"{which} 0, so no difference is shown"
    if not all(low <= 0 <= high for _, low, high in known):
        zero = "An interval without 0 is not significant after correction for all tests"
    return f"{row_name(row)}: {'; '.join(parts)}{more}. {zero}{_excluded(row, lowest, highest)}."


def _excluded(row: Row, lowest: float, highest: float) -> str:
    """'; differences below -4.0 or above +2.0 points are excluded (95 %)'; an end that no difference can pass is left out."""
    unit = row.shown_unit
    below, above = (abs(end) < row.widest for end in (lowest, highest))
    if not below and not above:
        return "; no difference is excluded"
    ends = [f"below {number(lowest, unit, signed=True) if above else change(lowest, unit)}"] if below else []
    ends += [f"above {change(highest, unit)}"] if above else []
    return f"; differences {' or '.join(ends)} are excluded (95 %)"
