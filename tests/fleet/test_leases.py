"""Leases on units of work: order, window, timeouts, retries."""

from __future__ import annotations

from harness.fleet.leases import INITIAL_TIMEOUT_S, MIN_TIMEOUT_S, Leases


def test_units_are_leased_in_order_and_once() -> None:
    leases = Leases(3, window=9)
    assert [leases.acquire(0.0) for _ in range(4)] == [0, 1, 2, None]


def test_no_unit_beyond_the_window_is_leased() -> None:
    leases = Leases(5, window=2)
    assert [leases.acquire(0.0) for _ in range(3)] == [0, 1, None]
    leases.complete(1, 1.0)
    assert leases.acquire(1.0) is None
    leases.complete(0, 1.0)
    assert [leases.acquire(2.0), leases.acquire(2.0), leases.acquire(2.0)] == [2, 3, None]


def test_a_unit_whose_worker_is_lost_is_the_next_one() -> None:
    leases = Leases(3, window=9)
    leases.acquire(0.0), leases.acquire(1.0)
    assert leases.worker_lost(0, 0.0, "killed") is False
    assert [leases.acquire(2.0), leases.acquire(2.0)] == [0, 2]


def test_a_timed_out_unit_is_leased_a_second_time_and_not_a_third_and_the_second_result_is_dropped() -> None:
    leases = Leases(1, window=9)
    leases.acquire(0.0)
    assert leases.acquire(INITIAL_TIMEOUT_S) is None
    late = INITIAL_TIMEOUT_S + 1
    assert leases.acquire(late) == 0
    assert leases.acquire(late) is None and leases.acquire(9 * late) is None
    assert leases.complete(0, 5.0) is True
    assert leases.complete(0, 9.0) is False
    assert leases.remaining == 0


def test_the_timeout_grows_with_the_slowest_unit() -> None:
    leases = Leases(2, window=9)
    assert leases.timeout_s == INITIAL_TIMEOUT_S
    leases.complete(0, 1.0)
    assert leases.timeout_s == MIN_TIMEOUT_S
    leases.complete(1, 100.0)
    assert leases.timeout_s == 400.0


def test_a_unit_that_lost_three_workers_is_set_aside_and_the_rest_goes_on() -> None:
    leases = Leases(2, window=9)
    set_aside = []
    for now in (0.0, 1.0, 2.0):
        assert leases.acquire(now) == 0
        set_aside.append(leases.worker_lost(0, now, f"killed at {now}"))
    assert set_aside == [False, False, True] and leases.set_aside == {0}
    assert leases.losses[0][-1] == "killed at 2.0"
    assert leases.acquire(3.0) == 1
    assert leases.complete(1, 1.0) and leases.remaining == 0


def test_one_of_two_workers_with_the_same_unit_may_be_lost() -> None:
    leases = Leases(1, window=9)
    leases.acquire(0.0), leases.acquire(INITIAL_TIMEOUT_S + 1)
    assert leases.worker_lost(0, 0.0, "cut off") is False
    assert not leases.pending
    assert leases.complete(0, 3.0) is True
