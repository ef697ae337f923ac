"""A partly done audit: the rate that is told comes from a random part of the labels, whatever was looked at first."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from harness.core.evaluation import LabelEdit
from harness.labels.cases import Case
from harness.labels.claims import Claim, Labels, ResultKey
from harness.labels.control_sample import control_order, decided_prefix, missing_for_rate
from harness.labels.estimates.error_attribution import error_faults
from harness.labels.estimates.label_error_rate import LabelRates, label_rates
from reports.label_audit.text import how_estimated
from reports.web.review.desk import mixed

N, SAMPLE = 1071, 300
PLACES = [(str(i), "label") for i in range(N)]


def rates(decided: list[str], wrong: set[str], sample: int = SAMPLE, seed: int = 0) -> LabelRates:
    claims = tuple(Claim(item, field, "no", "dog", ("random",)) for item, field in PLACES)
    labels = Labels("pope", claims, {item: item for item, _ in PLACES}, {})
    edits = [LabelEdit("pope", i, "label", "no", "flipped" if i in wrong else "right", "Ada", "", "") for i in decided]
    return label_rates(labels, edits, {"sample": sample, "seed": seed})


def queue(wrong: set[str], seed: int, most: int = 300) -> list[str]:
    """As reviewers get it: every wrong label is among the most suspicious."""
    drawn = {place: n for n, place in enumerate(control_order(PLACES, SAMPLE, seed))}
    cases = [Case("pope", i, "label", "no", "a.jpg", "Q?", 2.0 if i in wrong else random.Random(i).random()) for i, _ in PLACES]
    cases = [replace(c, control=True, drawn=drawn[c.item_id, c.field]) if (c.item_id, c.field) in drawn else c for c in cases]
    return [case.item_id for case in mixed(cases, most)]


@pytest.mark.parametrize("share", [0.005, 0.05])
def test_the_rate_lies_in_its_interval_at_every_stage_of_the_review(share: float) -> None:
    inside = told = 0
    for seed in range(6):
        wrong = {item for item, _ in random.Random(seed).sample(PLACES, round(share * N))}
        order = queue(wrong, seed)
        for stage in range(10, len(order), 40):
            found = rates(order[:stage], wrong, seed=seed).flipped
            if found.value is not None and found.low is not None and found.high is not None:
                told, inside = told + 1, inside + (found.low <= len(wrong) / N <= found.high)
                assert found.of >= 30
    assert told > 30 and inside / told >= 0.95


def test_no_rate_is_told_from_the_worst_labels_alone() -> None:
    wrong = {item for item, _ in control_order(PLACES, SAMPLE)[-10:]}  # all in the sample, drawn last
    order = [item for item, _ in control_order(PLACES, SAMPLE)]
    found = rates([*wrong, *(item for item, _ in PLACES[:10] if item not in order)], wrong)
    assert found.flipped.value is None and found.how == "too early" and found.missing == SAMPLE - 10


@pytest.mark.parametrize(
    ("sample", "decided", "says"),
    [
        (20, range(2, 20), "a rate needs all 20 labels of the control set: decide the remaining 2."),
        (
            100,
            range(20),
            "decide 10 more of its first 30 (skipped and disputed labels are not decided). "
            "80 labels of the control set are still undecided.",
        ),
        (
            200,
            [*range(0, 20, 2), *range(40, 200)],  # 170 decided, but no beginning is
            "decide 10 more of its first 200 (skipped and disputed labels are not decided). "
            "30 labels of the control set are still undecided.",
        ),
        (20, range(20), "estimated from a random control set; 20 of 1,071 labels are decided."),
    ],
)
def test_the_report_says_how_many_labels_are_left_for_a_rate(sample: int, decided: Iterable[int], says: str) -> None:
    order = [item for item, _ in control_order(PLACES, sample)]
    found = rates([order[n] for n in decided], set(), sample=sample)
    assert found.missing == sample - len(list(decided)) and how_estimated(found).endswith(says)


def test_from_thirty_decided_in_the_order_of_the_draw_a_rate_is_told() -> None:
    order = [item for item, _ in control_order(PLACES, SAMPLE)]
    assert rates(order[:29], set()).flipped.value is None and rates(order[:30], set()).flipped.of == 30
    assert rates(order[:5], set(), sample=5).flipped.of == 5  # the whole sample is decided


def test_a_label_that_is_passed_over_does_not_stop_the_rate_and_many_do() -> None:
    drawn = control_order(PLACES, 100)
    assert len(decided_prefix(drawn, set(drawn[:3]) | set(drawn[5:50]))) == 48
    assert decided_prefix(drawn, set(drawn[::2])) == []


def test_deciding_what_is_said_to_be_missing_gives_a_rate() -> None:
    for seed in range(20):
        drawn = control_order(PLACES, 20 + 5 * seed, seed)
        decided = set(random.Random(seed).sample(drawn, len(drawn) * 3 // 5))
        n, more = missing_for_rate(drawn, decided)
        left = [place for place in drawn[:n] if place not in decided]
        assert decided_prefix(drawn, decided | set(left[:more]))
        assert not decided_prefix(drawn, decided | set(left[: more - 1])) or not more


def test_a_suspicious_control_label_stands_at_its_random_place() -> None:
    wrong = {item for item, _ in control_order(PLACES, SAMPLE)[-3:]}
    order = queue(wrong, 0)
    assert all(order.index(item) > len(order) // 2 for item in wrong) and set(order) >= {
        i for i, _ in control_order(PLACES, SAMPLE)
    }


@pytest.mark.parametrize(("flipped", "estimate"), [(5, (0.05, 0.05)), (50, (None, None))])
def test_no_estimate_lies_outside_what_is_certain(flipped: int, estimate: tuple[float | None, float | None]) -> None:
    """30 labels drawn at random are right, others are wrong; the first 100 are errors. 0 of 30 is 11.6 % at most."""
    order, drawn_with = control_order(PLACES, N), {"sample": 30, "seed": 0}
    claims = tuple(Claim(item, field, "no", "dog", ("random",)) for item, field in PLACES)
    labels = Labels("pope", claims, {i: i for i, _ in PLACES}, {ResultKey("run", "base", "pope"): order[:100]})
    new = ["right"] * 30 + ["flipped"] * flipped
    edits = [LabelEdit("pope", i, "label", "no", n, "Ada", "", "") for (i, _), n in zip(order, new, strict=False)]
    (found,), all_labels = error_faults(labels, edits, drawn_with), label_rates(labels, edits, drawn_with)
    assert (found.share.n, found.share.of, found.share.value, found.share.low) == (0, 30, *estimate)
    assert (found.least, found.most) == (flipped / 100, 0.7)
    for share in (all_labels.flipped, all_labels.by_group["random"]):
        assert (share.n, share.of, share.value, share.low) == (0, 30, flipped / N, flipped / N)
        assert share.high == pytest.approx(1 - 0.025 ** (1 / 30))


def test_faults_among_errors_are_estimated_from_the_same_part() -> None:
    drawn = control_order(PLACES, SAMPLE)
    claims = tuple(Claim(item, field, "no", "dog") for item, field in PLACES)
    labels = Labels("pope", claims, {item: item for item, _ in PLACES}, {ResultKey("run", "base", "pope"): PLACES})
    edits = [LabelEdit("pope", item, "label", "no", "flipped", "Ada", "", "") for item, _ in drawn[-10:]]
    (found,) = error_faults(labels, edits, {"sample": SAMPLE, "seed": 0})
    assert found.share.value is None and found.reviewed == 10
