"""What one item's score is in an export that has one score a line: a value, and the metric that it is a value of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose

from harness.core.evaluation import Formula, Score
from harness.core.flags import JOINT, UNJUDGED
from reports.exports.sweeps import Measured, headline, own_values


@dataclass(frozen=True, slots=True)
class ItemScore:
    """An item's value on the scale of the metric `formula`; `scored_by`: that metric's name, or "right or wrong"."""

    formula: Formula
    value: float
    scored_by: str


def item_scores(one: Measured) -> tuple[dict[str, tuple[ItemScore, ...]], dict[str, int]]:
    """Item id -> its scores, and why the other items have none: reason -> how many.

    The headline metric of the item alone. Where that is of several items together, or lacks a value for some that are right or
    wrong: right or wrong under each metric that is the share of right answers of the item's slices (`_right_shares`; POPE asks
    a question once and counts it in several splits); where there are none, under the headline metric, if that is a share of
    which higher is better and no metric of groups.
    """
    formula, scores = headline(one.result), [score for _, _, score in one.answered if score.flag != UNJUDGED]
    wholes = {(metric.name, metric.group): metric.value for metric in one.metrics}
    values, is_known = own_values(formula, scores), wholes[formula.name, formula.group] is not None
    grouped = values != own_values(formula, [_alone(score) for score in scores])
    lacks = any(own is None and score.correct is not None for own, score in zip(values, scores, strict=True))
    shares = _right_shares(one.result.formulas, scores, wholes) if grouped or lacks else {}
    on_scale = (formula.unit, formula.better) == ("share", "higher") and not grouped and is_known
    found: dict[str, tuple[ItemScore, ...]] = {}
    for score, own in zip(scores, values, strict=True):
        if score.item_id in shares:
            right = float(bool(score.correct))
            found[score.item_id] = tuple(ItemScore(share, right, share.name) for share in shares[score.item_id])
        elif own is not None and not grouped and is_known:
            found[score.item_id] = (ItemScore(formula, own, formula.name),)
        elif score.correct is not None and on_scale:
            found[score.item_id] = (ItemScore(formula, float(score.correct), "right or wrong"),)
    reasons = {
        "without an answer": len(one.result.items) - len(one.answered),
        "without a verdict of the judge": len(one.answered) - len(scores),
        f"for which {formula.title or formula.name} has no value of the item alone": len(scores) - len(found),
    }
    return found, {reason: n for reason, n in reasons.items() if n}


def _alone(score: Score) -> Score:
    return replace(score, values={name: value for name, value in score.values.items() if not name.startswith(JOINT)})


def _right_shares(
    formulas: Sequence[Formula], scores: Sequence[Score], wholes: Mapping[tuple[str, str], float | None]
) -> Mapping[str, tuple[Formula, ...]]:
    """Item id -> the metrics that are the share of right answers of its slices; empty where some right or wrong item has none.

    Such a metric of one item alone is 1 where it is right and 0 where it is wrong, and its value is their mean: it stands
    beside all its items or beside none. Those over the most items come first (an accuracy before a precision of the answers
    that were yes), until every item has one, and with a metric of a slice the same one of the other slices.
    """
    decided = [score for score in scores if score.correct is not None]
    covers: list[tuple[bool, int, list[str], Formula]] = []
    for formula in formulas:
        whole = wholes[formula.name, formula.group]
        if (formula.unit, formula.better) != ("share", "higher") or whole is None:
            continue
        values = own_values(formula, decided)
        own = [(score, value) for score, value in zip(decided, values, strict=True) if value is not None]
        right = all(value == float(bool(score.correct)) for score, value in own)
        if own and right and isclose(sum(value for _, value in own) / len(own), whole, abs_tol=1e-9):
            grouped = values != own_values(formula, [_alone(score) for score in decided])
            covers.append((grouped, -len(own), [score.item_id for score, _ in own], formula))
    found: dict[str, tuple[Formula, ...]] = {}
    for ids, formula in _taken([cover[2:] for cover in sorted(covers, key=lambda cover: cover[:2])]):
        found |= {id: (*found.get(id, ()), formula) for id in ids}
    return found if len(found) == len(decided) else {}


def _taken(covers: Sequence[tuple[list[str], Formula]]) -> list[tuple[list[str], Formula]]:
    """Of metrics with the items that they cover: those that reach new items, and the other slices of such a metric."""
    reached, taken = set[str](), set[tuple[str, str]]()
    for ids, formula in covers:
        if not reached.issuperset(ids):
            taken.add((formula.name, formula.group))
            reached.update(ids)
    sliced = {name for name, group in taken if group}
    return [
        (ids, formula)
        for ids, formula in covers
        if (formula.name, formula.group) in taken or (formula.group and formula.name in sliced)
    ]
