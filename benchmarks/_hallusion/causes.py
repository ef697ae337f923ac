"""HallusionBench's diagnosis of wrong answers: language hallucination, visual illusion, or mixed.

Each wrong question gets one kind (the authors' utils.py, as of 2024). On figure 0, the original: VD is visual, VS (asked
without a figure) language. On another figure, with f the verdict on the same question about figure 0 and `same` whether both
answers agree:

    VD  visual, but mixed where f is correct, this answer incorrect and the same as that one
    VS  f incorrect   language where this is incorrect and the same, else mixed
        f unclear     visual
        f correct     language where this is incorrect, the same, and visual_input 2 (against common sense); else visual
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks._together.groups import PREFIX
from harness.core.evaluation import Item, Score

LANGUAGE, VISUAL, MIXED, UNKNOWN = "language", "visual", "mixed", "cause_unknown"
CORRECT, INCORRECT, UNCLEAR = "correct", "incorrect", "unclear"
Same = Callable[[Item, Item], bool | None]  # (item, its figure 0) -> whether both answers agree; None: unjudged


def causes(items: Sequence[Item], scores: Sequence[Score], same: Same) -> dict[int, str]:
    """Place of each wrong answer -> its kind; UNKNOWN where the question was not answered on figure 0 or not judged."""
    originals = {_question(i.truth): (i, s) for i, s in zip(items, scores, strict=True) if i.truth["figure"] == "0"}
    found = {}
    for place, (item, score) in enumerate(zip(items, scores, strict=True)):
        if score.correct is False:
            found[place] = _cause(item, score, originals.get(_question(item.truth)), same)
    return found


def as_found(items: Sequence[Item], scores: Sequence[Score]) -> Same:
    """Whether two answers agree, by the kinds that were found before: for scores that no judge is asked about again."""
    kinds = (LANGUAGE, VISUAL, MIXED)
    found = {i.id: {k for k in kinds if PREFIX + k in s.values} for i, s in zip(items, scores, strict=True)}

    def same(item: Item, original: Item) -> bool | None:
        agreed, known = MIXED if item.truth["category"] == "VD" else LANGUAGE, found[item.id]
        return agreed in known if known else None

    return same


def _question(truth: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(truth[key] for key in ("category", "subcategory", "set", "question"))


def _cause(item: Item, score: Score, original: tuple[Item, Score] | None, same: Same) -> str:
    visual_only = item.truth["category"] == "VD"
    if item.truth["figure"] == "0":
        return VISUAL if visual_only else LANGUAGE
    if original is None or original[1].correct is None:
        return UNKNOWN
    f, this = original[1].reading, score.reading

    def agree() -> bool | None:
        return same(item, original[0])

    if visual_only:
        return _if(agree(), MIXED, VISUAL) if f == CORRECT and this == INCORRECT else VISUAL
    if f == INCORRECT:
        return _if(agree(), LANGUAGE, MIXED) if this == INCORRECT else MIXED
    if f == UNCLEAR or this == UNCLEAR or item.truth["visual_input"] == "1":
        return VISUAL
    return _if(agree(), LANGUAGE, VISUAL)


def _if(answer: bool | None, yes: str, no: str) -> str:
    return UNKNOWN if answer is None else yes if answer else no
