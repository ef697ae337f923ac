"""Do scores and verdicts have the form that the store and every report rely on? Asked before any is kept.

A number of another kind would be stored as text, an unknown one would make a whole metric unknown, and a score under another
item's id would count for that item.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from reprlib import repr as short

from harness.core.errors import DataError, JudgeError
from harness.core.evaluation import Item, Score, Span, Verdict
from harness.core.plugin_forms.values import number_of, plain_text, stored_form

_MEND = "All answers are stored; correct the benchmark and run the same command again."
_UNKNOWN = "Leave an addend out where it is unknown."


def score_in_form(who: str, item: Item, score: object) -> Score:
    """The score, its numbers as Python's own. Raises DataError for what is not a score of this item, with what is wrong."""
    if not isinstance(score, Score):
        raise _fault(who, item, f"is {short(score)}, not a Score")
    if score.item_id != item.id:
        raise _fault(who, item, f"has the item_id {short(score.item_id)}, which is not the item's id")
    for name in ("reading", "flag", "why"):
        if not isinstance(value := getattr(score, name), str):
            raise _fault(who, item, f"has {short(value)} as `{name}`, which is not text (an empty one where there is none)")
    if not isinstance(score.values, Mapping):
        raise _fault(who, item, f"has {short(score.values)} as `values`, not a mapping of names to numbers")
    if not isinstance(score.spans, list | tuple) or not all(isinstance(span, Span) for span in score.spans):
        raise _fault(who, item, f"has {short(score.spans)} as `spans`, which must be a tuple of `Span`s")
    if score.verdict is not None and not isinstance(score.verdict, Verdict):
        raise _fault(who, item, f"has {short(score.verdict)} as `verdict`, not a Verdict")
    if _is_plain(score):
        return score
    return replace(score, values=_numbers(who, item, score.values), correct=_truth(who, item, score.correct))


def scores_in_form(who: str, items: Sequence[Item], scores: Iterable[object]) -> tuple[Score, ...]:
    """The same of `ScoresTogether.together`: one score for each of the items, in their order."""
    found = tuple(scores)
    if len(found) != len(items):
        raise DataError(f"{who}: together() gives {len(found):,} scores for {len(items):,} items. {_MEND}")
    return tuple(score_in_form(who, item, score) for item, score in zip(items, found, strict=True))


def verdict_in_form(judge: str, found: object) -> Verdict:
    """A judge's verdict, its value as Python's own number. Raises JudgeError for what is not a verdict."""
    if not isinstance(found, Verdict):
        raise JudgeError(f"The judge {judge!r} returned {short(found)}, which is not a Verdict. Correct the judge.")
    if not isinstance(found.raw, str) or not isinstance(found.reading, str):
        raise JudgeError(f"The judge {judge!r} returned a verdict whose `raw` or `reading` is not text. Correct the judge.")
    if found.value is None or (type(found.value) in (int, float) and isfinite(found.value)):
        return found
    try:
        return replace(found, value=number_of(found.value))
    except ValueError as error:
        why = f"The judge {judge!r} returned a verdict whose value {error}; it must be a number, or None where it cannot judge."
        raise JudgeError(f"{why} Correct the judge.") from error


def _is_plain(score: Score) -> bool:
    """Whether nothing has to be changed: most scores, so that the check costs little."""
    if score.correct is not None and type(score.correct) is not bool:
        return False
    return all(type(v) in (int, float) and isfinite(v) and type(name) is str for name, v in score.values.items())


def _numbers(who: str, item: Item, values: Mapping[str, object]) -> dict[str, float]:
    made = dict[str, float]()
    for name, value in values.items():
        if not isinstance(name, str):
            raise _fault(who, item, f"names an addend {short(name)}, which is not text")
        try:
            made[plain_text(name)] = number_of(value)
        except ValueError as error:
            raise _fault(who, item, f"has the addend {name!r}: it {error}", _UNKNOWN) from error
    return made


def _truth(who: str, item: Item, correct: object) -> bool | None:
    try:
        made = stored_form(correct)
    except ValueError:
        made = correct
    if isinstance(made, int | float) and made in (0, 1):
        return bool(made)
    if made is not None:
        raise _fault(who, item, f"has {short(correct)} as `correct`, which must be True, False or None")
    return None


def _fault(who: str, item: Item, what: str, advice: str = "") -> DataError:
    return DataError(" ".join(filter(None, (f"{who}: the score of item {item.id!r} {what}.", advice, _MEND))))
