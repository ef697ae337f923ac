"""Which case a reviewer is shown next, and whether another reviewer is asked."""

from __future__ import annotations

from harness.labels.cases import Case, Vote
from harness.labels.next_review import ANOTHER, ENOUGH, FIRST, advice
from harness.labels.votes import Ballots


def case(n: int, suspicion: float = 0.1) -> Case:
    return Case("pope", str(n), "label", "yes", "a.jpg", "?", suspicion)


CASES = [case(n, 0.9 if n % 2 else 0.1) for n in range(16)]


def vote(n: int, judgement: str, reviewer: str, settles: bool = False) -> Vote:
    return Vote(*CASES[n].key[:4], judgement, reviewer, "2026-01-01", adjudication=settles)


def votes(n: int = 12) -> list[Vote]:
    """Two reviewers who follow the evidence on n cases, and quarrel about the first."""
    found = [vote(i, "wrong" if i % 2 else "right", name) for i in range(n) for name in ("ann", "bob")]
    return [vote(0, "wrong", "bob"), *(v for v in found if v.key != CASES[0].key or v.reviewer == "ann")]


def test_without_enough_votes_a_case_needs_two_that_agree() -> None:
    made = advice(
        CASES, Ballots([vote(0, "right", "ann"), vote(1, "right", "ann"), vote(1, "right", "bob"), vote(2, "skip", "ann")])
    )
    assert not made.is_estimated
    assert [made.needs[CASES[n].key] for n in range(4)] == [ANOTHER, ENOUGH, FIRST, FIRST]


def test_another_reviewer_is_asked_where_two_disagree_and_not_where_the_evidence_and_two_agree() -> None:
    made = advice(CASES, Ballots(votes()))
    assert made.is_estimated and made.needs[CASES[0].key] == ANOTHER and made.confidence[CASES[0].key] < 0.95
    assert made.needs[CASES[15].key] == FIRST
    assert made.confidence[CASES[2].key] > made.confidence[CASES[0].key]


def test_a_settled_case_needs_nobody() -> None:
    made = advice(CASES, Ballots([*votes(), vote(0, "right", "cy", settles=True)]))
    assert made.needs[CASES[0].key] == ENOUGH


def test_doubtful_cases_come_first_then_unseen_ones_in_the_queues_order() -> None:
    keys = [c.key for c in CASES]
    made = advice(CASES, Ballots(votes()))
    order = made.order(range(16), keys)
    assert order[0] == 0
    fresh = [i for i in order if made.needs[keys[i]] == FIRST]
    assert fresh == [12, 13, 14, 15]


def test_the_order_is_the_queues_without_estimates() -> None:
    assert advice(CASES, Ballots([vote(3, "right", "ann")])).order([5, 3, 4], [c.key for c in CASES]) == [5, 3, 4]


def test_who_follows_the_others_has_the_better_quality() -> None:
    contrary = [vote(n, "ambiguous", "cy") for n in range(1, 12)]
    made = advice(CASES, Ballots([*votes(), *contrary]))
    assert made.quality["ann"] > made.quality["cy"]
