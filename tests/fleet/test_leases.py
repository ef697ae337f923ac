"""Who has which unit of work, until when, and what became of it."""

from __future__ import annotations

from harness.fleet.leases import FIRST_PATIENCE_S, LEAST_PATIENCE_S, Leases


def test_units_are_handed_out_in_order_and_once() -> None:
    leases = Leases(3, window=9)
    assert [leases.take(0.0) for _ in range(4)] == [0, 1, 2, None]


def test_nobody_runs_further_ahead_than_the_window() -> None:
    leases = Leases(5, window=2)
    assert [leases.take(0.0) for _ in range(3)] == [0, 1, None]
    leases.brought(1, 1.0)
    assert leases.take(1.0) is None
    leases.brought(0, 1.0)
    assert [leases.take(2.0), leases.take(2.0), leases.take(2.0)] == [2, 3, None]


def test_a_unit_whose_worker_is_lost_is_the_next_one() -> None:
    leases = Leases(3, window=9)
    leases.take(0.0), leases.take(1.0)
    assert leases.lost(0, 0.0, "killed") is False
    assert [leases.take(2.0), leases.take(2.0)] == [0, 2]


def test_an_overdue_unit_is_handed_out_a_second_time_and_not_a_third_and_a_doubled_answer_is_dropped() -> None:
    leases = Leases(1, window=9)
    leases.take(0.0)
    assert leases.take(FIRST_PATIENCE_S) is None
    late = FIRST_PATIENCE_S + 1
    assert leases.take(late) == 0
    assert leases.take(late) is None and leases.take(9 * late) is None
    assert leases.brought(0, 5.0) is True
    assert leases.brought(0, 9.0) is False
    assert leases.is_finished


def test_patience_grows_with_the_slowest_unit() -> None:
    leases = Leases(2, window=9)
    assert leases.patience_s == FIRST_PATIENCE_S
    leases.brought(0, 1.0)
    assert leases.patience_s == LEAST_PATIENCE_S
    leases.brought(1, 100.0)
    assert leases.patience_s == 400.0


def test_a_unit_that_lost_three_workers_is_set_aside_and_the_rest_goes_on() -> None:
    leases = Leases(2, window=9)
    told = []
    for now in (0.0, 1.0, 2.0):
        assert leases.take(now) == 0
        told.append(leases.lost(0, now, f"killed at {now}"))
    assert told == [False, False, True] and leases.aside == {0}
    assert leases.losses[0][-1] == "killed at 2.0"
    assert leases.take(3.0) == 1
    assert leases.brought(1, 1.0) and leases.is_finished


def test_one_of_two_workers_with_the_same_unit_may_be_lost() -> None:
    leases = Leases(1, window=9)
    leases.take(0.0), leases.take(FIRST_PATIENCE_S + 1)
    assert leases.lost(0, 0.0, "cut off") is False
    assert not leases.waiting
    assert leases.brought(0, 3.0) is True
