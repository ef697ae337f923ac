"""Shares of labels with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from harness.core.evaluation import Score, ratio
from harness.core.stats import LEVEL, measure, sample


@dataclass(frozen=True, slots=True)
class Share:
    """`n` of `of`, and the share that is estimated of all.

    `value` is None where there is nothing to divide by; no interval where everything was counted.
    """

    n: int
    of: int
    value: float | None
    low: float | None = None
    high: float | None = None


def drawn(n: int, of: int) -> Share:
    """A share in a random sample: Clopper and Pearson 1934, exact."""
    from scipy.special import betaincinv

    if not of:
        return Share(0, 0, None)
    tail = (1 - LEVEL) / 2
    low = float(betaincinv(n, of - n + 1, tail)) if n else 0.0
    high = float(betaincinv(n + 1, of - n, 1 - tail)) if n < of else 1.0
    return Share(n, of, n / of, low, high)


def within(share: Share, known: int, undecided: int, of: int) -> Share:
    """A share in a sample, kept within what is certain of all: `known` of them have it, and `undecided` more may.

    Others than those of the sample were looked at, too. A small sample may say less than they prove, or more than they leave;
    one whose whole interval lies outside estimates nothing.
    """
    if share.value is None or share.low is None or share.high is None:
        return share
    least, most = known / of, (known + undecided) / of
    if share.high < least or share.low > most:
        return replace(share, value=None, low=None, high=None)
    return replace(share, value=min(max(share.value, least), most), low=max(share.low, least), high=min(share.high, most))


def clustered(hits: Sequence[bool], clusters: Sequence[Hashable]) -> Share:
    """A share of all there is, as it would scatter with other images. All alike of a few images: exact for their number."""
    n, of = sum(hits), len(hits)
    if not of:
        return Share(0, 0, None)
    scores = [Score("", {"hits": float(hit), "all": 1.0}) for hit in hits]
    (metric,) = measure(sample(clusters, scores), [ratio("share", ["hits"], ["all"])])
    if metric.low is None and n in (0, of):
        images = len(set(clusters))
        return replace(drawn(images if n else 0, images), n=n, of=of)
    return Share(n, of, n / of, metric.low, metric.high)


def counted(n: int, of: int) -> Share:
    """A share of labels that were all looked at."""
    return Share(n, of, n / of if of else None)
