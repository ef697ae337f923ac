"""AMBER's metrics as formulas over sums; see amber.py for the addends.

Kept from the official script in variant "official": every denominator starts at 0.001 (3 of 3 is 100.0, 1 of 1 is 99.9),
percentages are rounded to one digit, F1 is made from the rounded precision and recall with 0.0001 (existence: 0.001) added
below: a model that never says exactly "No" has precision and F1 0.0. Variant "exact" is the same without these.

Unlike the original, what was not asked is unknown, not 0: every metric without questions, recall and F1 without a question
whose answer is no, precision where there is no answer No either, and CHAIR where no response names a word of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.core.evaluation import Formula, Number, Sums, over, rounded

KINDS = ("existence", "state", "number", "action", "relation")
GROUPS = {"": KINDS, "attribute": ("state", "number", "action"), **{kind: (kind,) for kind in KINDS}}
_NO_NOUN = "no response names a word of the vocabulary"
_NO_TEXT = "no description was asked for"


def formulas(variant: str) -> tuple[Formula, ...]:
    """All formulas of a variant; the headline ones are CHAIR, Cover, F1 and the AMBER score."""
    official = variant == "official"
    share = _official_share if official else over
    generative = _generative(share)
    groups = [f for name, kinds in GROUPS.items() for f in _yes_no(name, kinds, share, official)]
    f1 = next(f for f in groups if f.name == "f1" and not f.group)
    chair = generative[0]

    def amber(sums: Sums) -> Number:
        return (1 - chair.compute(sums) + f1.compute(sums)) / 2

    about = "(100 - CHAIR + F1) / 2, by the authors' answer on GitHub (issue 3); not in their script"
    unknown = "needs both parts: CHAIR and F1"
    score = Formula("amber", amber, headline=True, unknown=unknown, about=about, title="AMBER", parts=(chair, f1))
    return (score, *generative, *groups)


def _generative(share: Callable[[Number, Number], Number]) -> tuple[Formula, ...]:
    def of(top: str, bottom: str) -> Callable[[Sums], Number]:
        return lambda s: share(s[top], s[bottom])

    def hal(s: Sums) -> Number:
        return 1 - over(s["clean"], s["responses"]) if share is over else _complement(s["clean"], s["responses"])

    return (
        Formula(
            "chair", of("invented", "nouns"), "lower", headline=True, unknown=_NO_NOUN, role="hallucination", title="CHAIR"
        ),
        Formula("cover", of("covered", "true_objects"), headline=True, unknown=_NO_TEXT, role="helpfulness"),
        Formula("hal", hal, "lower", unknown=_NO_TEXT),
        Formula("cog", of("baited", "bait_objects"), "lower", unknown=_NO_TEXT),
    )


def _yes_no(name: str, kinds: Sequence[str], share: Callable[[Number, Number], Number], official: bool) -> Sequence[Formula]:
    """Accuracy, precision, recall and F1 of the answer No (the positive class is no)."""

    def total(s: Sums, part: str) -> Number:
        return sum(s[f"{kind}/{part}"] for kind in kinds)

    def nudged(s: Sums, top: str, bottom: str, counted: Sequence[str]) -> Number:
        """A share that is unknown where none of `counted` is above 0."""
        if not official:
            return over(total(s, top), total(s, bottom))
        # Every kind brings its own 0.001, but the overall counters are one.
        there = sum(total(s, part) for part in counted) > 0
        return _round(over(total(s, top), _nudged(total(s, bottom), len(kinds) if name == "attribute" else 1) * there))

    def accuracy(s: Sums) -> Number:
        return nudged(s, "right", "asked", ["asked"])

    def precision(s: Sums) -> Number:
        return nudged(s, "right_no", "said_no", ["said_no", "is_no"])

    def recall(s: Sums) -> Number:
        return nudged(s, "right_no", "is_no", ["is_no"])

    def f1(s: Sums) -> Number:
        p, r = precision(s), recall(s)
        if not official:
            return over(2 * p * r, p + r)
        return _round(over(2 * p * r, p + r + (0.001 if name == "existence" else 0.0001)))

    headline = not name
    no_no = "no question whose answer is no"
    no_f1 = no_no if official else "no right answer No"
    no_precision = f"{no_no}, and no answer is exactly No" if official else "the model never said exactly No"
    return (
        Formula("f1", f1, group=name, headline=headline, unknown=no_f1),
        Formula("accuracy", accuracy, group=name, unknown="no question of this kind"),
        Formula("precision", precision, group=name, unknown=no_precision),
        Formula("recall", recall, group=name, unknown=no_no),
    )


def _official_share(top: Number, bottom: Number) -> Number:
    return _round(_unrounded(top, bottom))


def _complement(top: Number, bottom: Number) -> Number:
    return _round_percent(100 - _unrounded(top, bottom) * 100) / 100


def _unrounded(top: Number, bottom: Number) -> Number:
    return over(top, _nudged(bottom) * (bottom > 0))


def _nudged(bottom: Number, parts: int = 1) -> Number:
    """A denominator as the official script counts it."""
    return bottom + 0.001 * parts


def _round(share: Number) -> Number:
    """A share rounded as its percentage is, to one digit."""
    return _round_percent(share * 100) / 100


def _round_percent(percent: Number) -> Number:
    return rounded(percent, 1)
