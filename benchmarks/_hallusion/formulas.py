"""HallusionBench's metrics over addends "{slice}n", "{slice}right" and the groups figure, pair, easy and hard.

Slices: "", "VD/", "VS/" and each "VD_illusion/". All are shares; the authors print per cent.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks._hallusion.causes import LANGUAGE, MIXED, UNKNOWN, VISUAL
from benchmarks._together.groups import PREFIX, share_incomplete, share_of_groups
from harness.core.evaluation import Formula, Number, Sums, over, ratio

SUBCATEGORIES = {"VD": ("illusion", "video", "ocr", "figure", "math"), "VS": ("chart", "table", "map", "ocr")}
PARTS = ("", *SUBCATEGORIES, *(f"{part}_{kind}" for part, kinds in SUBCATEGORIES.items() for kind in kinds))


def piece(part: str) -> str:
    return f"{part}/" if part else ""


def formulas(judged: bool) -> tuple[Formula, ...]:
    """`judged`: also what only the authors' judge reading has: easy, hard, consistency, bias, causes."""
    found = [*_accuracies(""), _mean()]
    found += [formula for part in PARTS[1:] for formula in _accuracies(part)]
    for part in ("", *SUBCATEGORIES) if judged else ():
        found += _of_judge(part)
    unread = "unclear" if judged else "unread"
    found.append(ratio(unread, [unread], ["n"], better="lower", unknown="no answers", about="neither yes nor no could be read"))
    found.append(ratio("judged", ["n"], ["items"], better="neither", unknown="no answers"))
    return (*found, share_incomplete("figure"), share_incomplete("pair"))


def _accuracies(part: str) -> tuple[Formula, ...]:
    head = not part
    of = piece(part)
    return (
        ratio("a_acc", [f"{of}right"], [f"{of}n"], group=part, headline=head, unknown="no answers", title="aAcc"),
        share_of_groups(
            "f_acc", "figure", of, group=part, headline=head, title="fAcc", about="figures with all questions right"
        ),
        share_of_groups("q_acc", "pair", of, group=part, headline=head, title="qAcc", about="questions right on all figures"),
    )


def _mean() -> Formula:
    parts = _accuracies("")

    def mean(s: Sums) -> Number:
        return sum(part.compute(s) for part in parts) / len(parts)

    about = "mean of aAcc, fAcc and qAcc, which leaderboards quote"
    return Formula("mean", mean, headline=True, unknown="one of the three is unknown", about=about, parts=parts)


def _of_judge(part: str) -> Iterator[Formula]:
    of = piece(part)
    figure, n, wrong = f"{PREFIX}{of}figure", f"{of}n", f"{of}wrong"
    yield share_of_groups("easy", "easy", of, group=part, about="questions right on all figures with visual_input 0 or 1")
    yield share_of_groups("hard", "hard", of, group=part, about="questions right on all edited figures (visual_input 2)")
    unknown = "no figure with all its answers"
    yield ratio("consistent_wrong", [f"{figure}/none"], [f"{figure}/n"], group=part, better="lower", unknown=unknown)
    yield Formula(
        "inconsistent",
        lambda s: over(s[f"{figure}/n"] - s[f"{figure}/all"] - s[f"{figure}/none"], s[f"{figure}/n"]),
        "lower",
        group=part,
        unknown=unknown,
        about="figures with some questions right and some wrong",
    )
    yield ratio("figure_score", [f"{figure}/share"], [f"{figure}/n"], group=part, unknown=unknown, about="mean share right")
    yield Formula(
        "yes_difference",
        lambda s: over(s[f"{of}said_yes"] - s[f"{of}label_yes"], s[n]),
        "neither",
        group=part,
        unknown="no answers",
        about="share answered yes less share labelled yes; an unclear answer is the opposite of its label",
        bounds=(-1.0, 1.0),
    )
    yield ratio("false_yes", [f"{of}wrong_no"], [wrong], group=part, better="neither", unknown="no wrong answer",
                about="share of the wrong answers whose label is no")  # fmt: skip
    for cause in (LANGUAGE, VISUAL, MIXED):
        yield _share_of_cause(cause, of, part)


def _share_of_cause(cause: str, of: str, part: str) -> Formula:
    def share(s: Sums) -> Number:
        known = s[f"{PREFIX}{of}{UNKNOWN}"] == 0
        return over(s[f"{PREFIX}{of}{cause}"], s[f"{of}wrong"] * known)

    unknown = "no wrong answer, or one whose question was not answered or judged on figure 0"
    return Formula(f"{cause}_errors", share, "neither", group=part, unknown=unknown, about="share of the wrong answers")
