"""CHAIR corrected with human marks in a sample of captions: objects that its word list missed, and false alarms.

The detector's counts stand for all captions; the marks of those that people read correct them. Each caption's invented
objects are the detector's, less its false alarms, plus those that it missed. Named objects are the detector's, plus the missed
ones that it did not see at all: those that it took for true ("found") are among them already. The correction of the marked
captions is extrapolated to all (a ratio of two difference estimators), and the interval resamples images: those with a marked
caption and the others apart. The marked captions must have been drawn at random. Captions of one image hang together, and so do
mentions of one object: the detector's recall and precision have intervals over images, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np

from harness.core.evaluation import Item, Score
from harness.core.stats import Floats, interval, resample
from harness.labels.caption_marks import CaptionMarks, corrected_spans
from harness.labels.estimates.prediction_powered import FEWEST
from harness.labels.estimates.proportions import Share, clustered
from harness.labels.log_odds import Booleans, Codes


@dataclass(frozen=True, slots=True)
class CorrectedChair:
    """One checkpoint on one benchmark. `found`: the detector's recall of hallucinations; `rightly`: its precision.

    Not among the `marked`: captions that people called `ambiguous`, and `elsewhere`, those that they read with other marks of
    the scorer than it makes here. Nothing is estimated where no caption is marked.
    """

    benchmark: str
    column: str
    marked: int
    captions: int
    plain: float | None  # CHAIRi as scored
    value: float | None  # corrected
    low: float | None
    high: float | None
    found: Share
    rightly: Share
    ambiguous: int = 0
    elsewhere: int = 0


def corrected_chair(
    benchmark: str,
    column: str,
    scores: Sequence[Score],
    answers: Mapping[str, str],
    marks: CaptionMarks,
    items: Mapping[str, Item],
) -> CorrectedChair | None:
    """From the marks that were made in these very captions; None where people read none, or no score counts mentions.

    `scores` have the addends "mentions" and "invented", and a span for each mention; `answers`: item id -> caption; `items`:
    by id; those of one cluster are captions of one image.
    """
    kept = [score for score in scores if "mentions" in score.values]
    places = [(items[score.item_id], answers.get(score.item_id, ""), score.spans) for score in kept]
    votes = [marks.of(*place) for place in places]
    ambiguous, elsewhere = sum(marks.is_ambiguous(*p) for p in places), sum(marks.is_of_other_spans(*p) for p in places)
    read = np.array([vote is not None for vote in votes], dtype=bool)
    if not (read.any() or ambiguous or elsewhere):
        return None
    mentions, invented = (np.array([s.values.get(name, 0.0) for s in kept]) for name in ("mentions", "invented"))
    found = [corrected_spans(s.spans, vote.spans if vote else ()) for s, vote in zip(kept, votes, strict=True)]
    alarms, unseen = (np.array(values, dtype=np.float64) for values in zip(*((f.alarms, f.unseen) for f in found), strict=True))
    missed = unseen + np.array([f.found for f in found], dtype=np.float64)
    more = np.column_stack([missed - alarms, unseen])  # to the invented; to all that is named, which has the found ones
    counts = np.column_stack([invented, mentions])
    image_of = [items[score.item_id].cluster for score in kept]
    low, high = _interval(counts, more, read, image_of)
    caught = invented - alarms
    return CorrectedChair(
        benchmark=benchmark,
        column=column,
        marked=int(read.sum()),
        captions=len(kept),
        plain=_ratio(counts.sum(axis=0)),
        value=_ratio(counts.sum(axis=0) + len(kept) * more[read].mean(axis=0)) if read.any() else None,
        low=low,
        high=high,
        found=_share(caught, missed, read, image_of),
        rightly=_share(caught, alarms, read, image_of),
        ambiguous=ambiguous,
        elsewhere=elsewhere,
    )


def _ratio(sums: Floats) -> float | None:
    return float(np.clip(sums[0] / sums[1], 0.0, 1.0)) if sums[1] > 0 else None


def _share(hits: Floats, others: Floats, read: Booleans, images: Sequence[str]) -> Share:
    """The share of the hits among both, over mentions of the marked captions."""
    rows = [(int(n), is_hit, image) for counts, is_hit in ((hits, True), (others, False))
            for n, image, is_read in zip(counts, images, read, strict=True) if is_read]  # fmt: skip
    each = list(chain.from_iterable(repeat((is_hit, image), n) for n, is_hit, image in rows))
    return clustered([is_hit for is_hit, _ in each], [image for _, image in each])


def _interval(counts: Floats, more: Floats, read: Booleans, images: Sequence[str]) -> tuple[float | None, float | None]:
    """counts, more: (N, 2), one row a caption; read: (N,)."""
    codes: Codes = np.unique(np.array(images, dtype=object), return_inverse=True)[1]
    one = np.ones((len(counts), 1))
    rows = np.hstack([counts, one, np.hstack([more, one]) * read[:, None]])
    totals = np.zeros((int(codes.max()) + 1, rows.shape[1]))
    np.add.at(totals, codes, rows)
    is_marked = totals[:, 5] > 0
    if (marked := int(is_marked.sum())) < FEWEST:
        return None, None
    own, rest = resample(totals[is_marked], seed=1), resample(totals[~is_marked, :3], seed=2)
    n_captions = own[:, 2:3] + rest[:, 2:3]
    sums = own[:, :2] + rest[:, :2] + n_captions / own[:, 5:6] * own[:, 3:5]
    known = sums[sums[:, 1] > 0]
    ratios = np.clip(known[:, 0] / known[:, 1], 0.0, 1.0)
    return interval(ratios, marked) if len(ratios) else (None, None)
