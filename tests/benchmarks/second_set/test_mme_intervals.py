"""MME's totals are sums over tasks: their standard errors are those of resampling images within each task."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.yes_no.mme import HALLUCINATION, Mme
from harness.core.evaluation import Answer, Item, Score
from harness.core.stats import linearise, sample

IMAGES = 30


def scored(seed: int) -> tuple[list[str], list[Score], dict[str, np.ndarray]]:
    """Images' names and scores of two questions an image in four tasks, easy ones and hard ones; each image's points."""
    draw, mme = np.random.default_rng(seed), Mme()
    items, said, points = list[Item](), dict[str, Answer](), dict[str, np.ndarray]()
    for n, task in enumerate(HALLUCINATION):
        rights = draw.random((IMAGES, 2)) < (0.95, 0.8, 0.6, 0.5)[n]
        points[task] = 50.0 * rights.sum(1) + 100.0 * rights.all(1)
        for i, both in enumerate(rights):
            for label, right in zip(("yes", "no"), both, strict=True):
                groups = {"image": [f"{task}/{i}", 2]}
                item = Item(f"{task}/{i} {label}", f"{task}/{i}.jpg", "?", {"label": label, "task": task, "groups": groups})
                items.append(item)
                said[item.id] = Answer(item.id, label if right else {"yes": "No", "no": "Yes"}[label], 1, "end")
    scores = mme.together(items, [mme.score(item, said[item.id]) for item in items], said)
    return [item.image for item in items], scores, points


@pytest.mark.parametrize("seed", range(3))
def test_the_error_of_a_total_is_that_of_independent_tasks(seed: int) -> None:
    clusters, scores, points = scored(seed)
    formula = next(f for f in Mme.formulas if f.name == "hallucination_subset")
    found = linearise(formula, sample(clusters, scores))
    assert found.value[0] == pytest.approx(sum(own.mean() for own in points.values()))
    within = sum(own.var(ddof=1) / IMAGES for own in points.values())
    everything = np.concatenate(list(points.values()))
    ignoring_tasks = len(HALLUCINATION) ** 2 * everything.var(ddof=1) / len(everything)
    # one correction for 120 images in place of one for each 30: 1.3 % of the error
    assert np.sqrt(found.moments[0][0]) == pytest.approx(np.sqrt(within), rel=0.015)
    assert np.sqrt(found.moments[0][0]) < 0.95 * np.sqrt(ignoring_tasks)
    parts = found.parts[0].reshape(len(HALLUCINATION), IMAGES)
    assert (np.abs(parts.sum(1)) < 0.01 * np.abs(parts).sum(1)).all()  # derivatives are numerical
