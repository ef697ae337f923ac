"""Comparison of judges with human ratings, as tables of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType

from harness.core.edge.text import count
from harness.core.judging import RatingScale
from harness.labels.estimates.judge_calibration import Calibration, Drift, Mean, RaterPair
from harness.labels.estimates.marked_nouns import NounAgreement
from harness.labels.estimates.proportions import Share
from reports.label_audit.text import Part
from reports.text.formatting import UNKNOWN, between, number, title_of


def judge_parts(
    calibrations: Sequence[Calibration],
    drifts: Sequence[Drift],
    raters: Sequence[RaterPair] = (),
    readings: Mapping[str, Sequence[str]] = MappingProxyType({}),
    scales: Mapping[str, RatingScale] = MappingProxyType({}),
) -> list[Part]:
    """The tables that have rows. `readings`: benchmarks whose judges' replies are read by several rules, and these; `scales`:
    of benchmarks, where known: no interval of a mean goes beyond its ends."""
    found = (_agreement(calibrations), _raters(raters), _means(calibrations, scales), _drifts(drifts, readings))
    return [part for part in found if part.rows or part.lines]


def noun_part(found: Sequence[tuple[str, str, NounAgreement | None]]) -> Part:
    """`found`: who decides about a noun, the checkpoint ("" for all together), and the agreement, None without marks."""
    rows = [(by, checkpoint or "all", *_nouns(agreement)) for by, checkpoint, agreement in found]
    header = ("decided by", "checkpoint", "captions marked", "precision [95 %]", "recall [95 %]", "marks on covered objects")
    lead = (
        "Distinct nouns of each marked caption. precision: listed nouns that people let stand; recall: nouns that people "
        "call hallucinated and that are listed. Intervals over images."
    )
    return Part("Hallucinated nouns and people's marks", lead, header, tuple(rows))


def _nouns(found: NounAgreement | None) -> tuple[str, str, str, str]:
    if found is None:
        return "0", UNKNOWN, UNKNOWN, ""
    captions = f"{found.captions:,} ({count(found.images, 'image')})"
    return captions, _share(found.precision), _share(found.recall), f"{found.covered:,}"


def _share(share: Share) -> str:
    """'66.7 % [20.0, 95.0] (2 of 3)'."""
    if share.value is None:
        return f"{UNKNOWN} (0 of 0)"
    return f"{_percent(share.value)} {between(share.low, share.high, 'share')} ({share.n:,} of {share.of:,})"


def _agreement(found: Sequence[Calibration]) -> Part:
    rows = []
    for c in (c for c in found if c.bias.n):
        rated = f"{c.bias.n}" if c.ratings == c.bias.n else f"{c.bias.n} ({c.ratings} ratings)"
        agreed = (rated, _percent(c.exact), _percent(c.near), _number(c.correlation))
        rows.append((title_of(c.benchmark), c.column, c.judge, *agreed, _mean(c.bias)))
    header = ("benchmark", "checkpoint", "judge", "rated", "same rating", "within 1", "rank correlation", "bias [95 %]")
    return Part(
        "Judge and human raters",
        "On the same answers; bias is the judge's rating minus the human rating. Same rating and within 1: shares of single "
        "ratings, each person's own; bias and correlation: with the mean over the people who rated an answer. "
        'No "within 1" on a scale of one point.',
        header,
        tuple(rows),
    )


def _raters(found: Sequence[RaterPair]) -> Part:
    names = _short_names([name for pair in found for name in (pair.one, pair.other)])
    rows = [
        (title_of(p.benchmark), names[p.one], names[p.other], f"{p.n}", _percent(p.exact), _percent(p.near), _number(p.kappa))
        for p in found
    ]
    header = ("benchmark", "rater", "other rater", "same answers", "same rating", "within 1", "weighted kappa")
    lead = "Every two sheets on the answers that both rated. Kappa has quadratic weights; none for fewer than five answers."
    return Part("Human raters among themselves", lead, header, tuple(rows))


def _short_names(sheets: Sequence[str]) -> dict[str, str]:
    """The files' names without their folder and ending, where these tell them apart."""
    short = {sheet: PurePath(sheet).stem for sheet in sheets}
    return short if len(set(short.values())) == len(short) else {sheet: sheet for sheet in sheets}


def _means(found: Sequence[Calibration], scales: Mapping[str, RatingScale]) -> Part:
    rows = []
    for c in (c for c in found if c.mean.n):
        means = (_number(c.mean.plain), _number(c.mean.people), _interval(c, scales.get(c.benchmark)))
        rows.append((title_of(c.benchmark), c.column, c.judge, *means, f"{c.mean.n} of {c.mean.of}"))
    header = ("benchmark", "checkpoint", "judge", "judge's mean", "rated answers' mean", "corrected [95 %]", "rated")
    lead = (
        "Prediction-powered estimate (arXiv:2301.09633) of the mean human rating of all answers; intervals end with the scale."
    )
    return Part("Judge-corrected means", lead, header, tuple(rows))


def _drifts(found: Sequence[Drift], readings: Mapping[str, Sequence[str]]) -> Part:
    rows = [(title_of(d.benchmark), d.earlier, d.later, f"{d.change.n}", _percent(d.changed), _mean(d.change)) for d in found]
    header = ("benchmark", "judge", "other judge or version", "same answers", "rated otherwise", "change [95 %]")
    lead = "Two judges, or two versions of one, on the same answers, their replies read by the same rule."
    lines = [
        f"{title_of(benchmark)}: replies are read by several rules ({'; '.join(rule or 'not named' for rule in rules)}). "
        "Judges are compared under one rule only: another one gives the same reply another rating."
        for benchmark, rules in readings.items()
    ]
    lines += [
        f"{title_of(d.benchmark)}, {d.earlier} and {d.later}: {count(d.ambiguous, 'answer')} left out, with two ratings by one "
        "of the two."
        for d in found
        if d.ambiguous
    ]
    return Part("Drift", lead, header, tuple(rows), tuple(lines))


def _interval(c: Calibration, scale: RatingScale | None) -> str:
    """The estimate as it is, with the part of its interval that is on the scale."""
    low, high = c.mean.low, c.mean.high
    if scale is not None and low is not None and high is not None:
        low, high = (min(max(end, scale.low), scale.high) for end in (low, high))
    return f"{_number(c.mean.value)} {between(low, high, 'points')}".strip()


def _mean(mean: Mean) -> str:
    return f"{number(mean.value, 'points', signed=True)} {between(mean.low, mean.high, 'points', signed=True)}".strip()


def _number(value: float | None) -> str:
    return number(value, "points")


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{number(value, 'share')} %"
