"""Uncertainty of numbers: images (clusters) are the unit of all scatter, never single questions. Pure functions.

    scores -> Sample -> Linear (value, each cluster's part) -> intervals, paired tests, corrections for many tests

How intervals were chosen and what they cover: docs/statistics.md. Differences between two sweeps are in
`reports/values/paired.py`, several seeds in `reports/values/seeds.py`, agreement of raters in
`harness/labels/rater_agreement.py`.
"""

from harness.core.stats.intervals import SHARE, UNKNOWN, Range, limits_of, mean_interval, share_interval
from harness.core.stats.linear import Linear, expand, few_clusters, linearise, mean_of
from harness.core.stats.measuring import (
    IMAGES,
    NO_INTERVAL,
    limits,
    measure,
    metrics,
    possible,
    scale_of,
    too_few,
    why_no_interval,
    why_no_test,
)
from harness.core.stats.multiple import benjamini_hochberg, holm, rank_biserial
from harness.core.stats.paired_change import LEAST_P, POWER, Change, change_of, difference_interval, unseen_variance
from harness.core.stats.resampling import FEWEST_CLUSTERS, LEVEL, RESAMPLES, VERSION, interval, resample
from harness.core.stats.samples import (
    Floats,
    Sample,
    addend_names,
    clusters_of,
    columns_read,
    evaluate,
    items_counted,
    moving,
    sample,
)
from harness.core.stats.simultaneous import bonferroni_level, joint_quantile

__all__ = [
    "FEWEST_CLUSTERS",
    "IMAGES",
    "LEAST_P",
    "LEVEL",
    "NO_INTERVAL",
    "POWER",
    "RESAMPLES",
    "SHARE",
    "UNKNOWN",
    "VERSION",
    "Change",
    "Floats",
    "Linear",
    "Range",
    "Sample",
    "addend_names",
    "benjamini_hochberg",
    "bonferroni_level",
    "change_of",
    "clusters_of",
    "columns_read",
    "difference_interval",
    "evaluate",
    "expand",
    "few_clusters",
    "holm",
    "interval",
    "items_counted",
    "joint_quantile",
    "limits",
    "limits_of",
    "linearise",
    "mean_interval",
    "mean_of",
    "measure",
    "metrics",
    "moving",
    "possible",
    "rank_biserial",
    "resample",
    "sample",
    "scale_of",
    "share_interval",
    "too_few",
    "unseen_variance",
    "why_no_interval",
    "why_no_test",
]
