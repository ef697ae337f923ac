"""POPE's metrics as formulas over the addends "{split}/tp", "/fp", "/tn", "/fn" and "/unread"; positive class: yes.

Each per split, and the means over the splits that papers report (LLaVA: mean F1; others: mean accuracy).
Where the official script divides by zero a metric is unknown; the others stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.core.evaluation import Formula, Number, Sums, over


def formulas(splits: Sequence[str]) -> tuple[Formula, ...]:
    per_split = [f for split in splits for f in _split_formulas(split)]
    means = [_mean(name, [f for f in per_split if f.name == name]) for name in ("accuracy", "f1", "yes_rate")]
    unclear = Formula(
        "unclear", lambda s: over(s["unclear"], s["asked"]), "neither", about="answers with neither a yes nor a negation"
    )
    return (*means, *per_split, unclear)


def _split_formulas(split: str) -> Iterable[Formula]:
    def counts(s: Sums) -> tuple[Number, ...]:
        return tuple(s[f"{split}/{k}"] for k in ("tp", "fp", "tn", "fn", "unread"))

    def accuracy(s: Sums) -> Number:
        tp, fp, tn, fn, unread = counts(s)
        return over(tp + tn, tp + fp + tn + fn + unread)

    def precision(s: Sums) -> Number:
        tp, fp, *_ = counts(s)
        return over(tp, tp + fp)

    def recall(s: Sums) -> Number:
        tp, _, _, fn, _ = counts(s)
        return over(tp, tp + fn)

    def f1(s: Sums) -> Number:
        tp, fp, _, fn, _ = counts(s)
        # 2PR/(P+R); undefined without a true positive, where the official script divides by zero.
        return over(2 * tp, (2 * tp + fp + fn) * (tp > 0))

    def yes_rate(s: Sums) -> Number:
        tp, fp, tn, fn, unread = counts(s)
        return over(tp + fp, tp + fp + tn + fn + unread)

    yield Formula("accuracy", accuracy, group=split, unknown="no answers")
    yield Formula("precision", precision, group=split, unknown="the model never said yes")
    yield Formula("recall", recall, group=split, unknown="no question with the label yes")
    yield Formula("f1", f1, group=split, unknown="no true positive")
    yield Formula("yes_rate", yes_rate, "neither", group=split, unknown="no answers")


def _mean(name: str, parts: Sequence[Formula]) -> Formula:
    def mean(sums: Sums) -> Number:
        return sum(part.compute(sums) for part in parts) / len(parts)

    about = "mean over the splits " + ", ".join(part.group for part in parts)
    unknown = f"unknown in one of the splits: {parts[0].unknown}" if len(parts) > 1 else parts[0].unknown
    published_as = "POPE" if name == "accuracy" else ""
    headline, better = name != "yes_rate", parts[0].better
    return Formula(
        name, mean, better, headline=headline, unknown=unknown, about=about, published_as=published_as, parts=tuple(parts)
    )
