"""MME's totals are sums over tasks: their standard errors are those of resampling images within each task. They have an
interval where each task has images and whole pairs enough."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.yes_no.mme import COGNITION, HALLUCINATION, TASKS, Mme
from harness.core.evaluation import Answer, Item, Score
from harness.core.stats import linearise, metrics, sample

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


OFFICIAL = dict(zip(TASKS, (30, 30, 30, 30, 147, 170, 200, 200, 200, 20, 70, 20, 20, 20), strict=True))  # images, 1,187 in all


def whys(images: dict[str, int], halves: dict[str, int] | None = None) -> dict[str, str]:
    """Why each metric has no interval, three of four answers being right; `halves`: images of which one answer is missing."""
    mme, items, said = Mme(), list[Item](), dict[str, Answer]()
    for task, many in images.items():
        for i in range(many):
            for label in ("yes", "no")[: 1 if i < (halves or {}).get(task, 0) else 2]:
                truth = {"label": label, "task": task, "groups": {"image": [f"{task}/{i}", 2]}}
                item = Item(f"{task}/{i} {label}", f"{task}/{i}.jpg", "?", truth)
                items.append(item)
                said[item.id] = Answer(item.id, "yes" if i % 2 else label, 1, "end")
    scores = mme.together(items, [mme.score(item, said[item.id]) for item in items], said)
    return {metric.key: metric.why for metric in metrics(items, scores, mme.formulas)}


def test_the_official_set_in_full_and_small_equal_tasks_have_all_intervals() -> None:
    for images in (OFFICIAL, dict.fromkeys(TASKS, 4)):
        found = whys(images)
        assert (found["perception"], found["cognition"], found["hallucination_subset"]) == ("", "", "")


def test_a_task_needs_whole_pairs_beside_those_of_the_others() -> None:
    """One whole pair and 19 halves. Beside three times 70 images, as many pairs and its own 20 images 1.6 root(440 / 7), 12.7,
    are needed; for the task's own score beside its 20 images 1.6 root 20, 7.2."""
    images = {**dict.fromkeys(COGNITION, 70), "code_reasoning": 20}
    assert whys(images)["cognition"] == "" == whys(images)["score[code_reasoning]"]
    found = whys(images, {"code_reasoning": 19})
    assert found["cognition"] == "no interval: fewer than 13 images count in code_reasoning (1)"
    assert found["score[code_reasoning]"] == "no interval: fewer than 8 images count in code_reasoning (1)"
