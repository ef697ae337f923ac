"""CROWDLAB: against cleanlab 2.9.0 on drawn votes (data/crowdlab.json), and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pytest import approx

from harness.labels.estimates.crowdlab import consensus, prior_of

CASES = json.loads((Path(__file__).parent / "data/crowdlab.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=["3 reviewers", "4 reviewers, few votes", "two judgements"])
def test_consensus_quality_and_weights_are_those_of_cleanlab(case) -> None:
    found = consensus(np.array(case["votes"]), np.array(case["prior"]))
    assert found is not None and found.majority.tolist() == case["consensus"]
    assert found.confidence == approx(case["confidence"], abs=1e-9)
    assert found.weights == approx(case["annotator_weight"]) and found.prior_weight == approx(case["model_weight"])
    assert found.quality == approx(case["quality"], abs=1e-9)


def by_hand():
    """Ten cases, two reviewers who agree on all but the last, five right and five wrong; a classifier that is always right."""
    votes = np.array([[0, 0]] * 5 + [[1, 1]] * 4 + [[1, 0]])
    prior = np.array([[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5)
    return votes, prior, consensus(votes, prior)


def test_weights_and_consensus_worked_out_by_hand() -> None:
    _, _, found = by_hand()
    # the tie goes to the classifier: half of the majorities are the commonest one, so chance errs in 5 of 10
    assert found.majority.tolist() == [0] * 5 + [1] * 5
    assert found.weights == approx([1 - 0.1 / 0.5] * 2)  # each agrees with the other in 9 of 10
    assert found.prior_weight == approx(2**0.5)  # never wrong, two votes a case
    agreed = (9 * 1 + 0.5) / 10
    total = 2 * 0.8 + 2**0.5
    assert found.confidence[0] == approx((0.9 * 2**0.5 + 1.6 * agreed) / total)
    assert found.confidence[-1] == approx((0.9 * 2**0.5 + 0.8 * agreed + 0.8 * (1 - agreed)) / total)
    assert found.worth[-1] == approx((found.confidence[-1] * total + 0.8 / 2) / (total + 0.8))


def test_another_vote_is_worth_most_where_reviewers_disagree() -> None:
    _, _, found = by_hand()
    assert int(np.argmin(found.worth)) == 9


def test_too_few_cases_with_two_votes_give_no_weights() -> None:
    votes, prior, _ = by_hand()
    assert consensus(votes[1:], prior[1:]) is None


def test_a_reviewer_who_shares_no_case_gets_the_usual_weight_and_an_unknown_quality() -> None:
    votes, prior, _ = by_hand()
    alone = np.vstack([np.hstack([votes, np.full((10, 1), -1)]), [[-1, -1, 0]]])
    found = consensus(alone, np.vstack([prior, [[0.9, 0.1]]]))
    assert found.weights[2] == approx(found.weights[:2].mean()) and np.isnan(found.quality[2])


def test_the_votes_so_far_split_what_is_not_right() -> None:
    assert prior_of([0.3], wrong=5, ambiguous=1)[0] == approx([0.7, 0.3 * 5.5 / 7, 0.3 * 1.5 / 7])
