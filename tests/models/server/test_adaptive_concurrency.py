"""How many requests are under way follows the server: more while it keeps up, fewer once it is busy."""

from __future__ import annotations

import threading
import time

import pytest

from harness.models._server.adaptive_concurrency import BEGIN, AdaptiveConcurrency
from harness.models._server.refusals import Again


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def replies(pace: AdaptiveConcurrency, clock: Clock, n: int, seconds: float = 1.0) -> None:
    for _ in range(n):
        with pace.slot():
            clock.now += seconds


def busy(pace: AdaptiveConcurrency) -> None:
    with pytest.raises(Again), pace.slot():
        raise Again("HTTP 429", busy=True)


def test_the_window_doubles_with_each_round_until_the_most() -> None:
    clock = Clock()
    pace = AdaptiveConcurrency(40, clock)
    assert pace.allowed == BEGIN
    replies(pace, clock, BEGIN)
    assert pace.allowed == 2 * BEGIN
    replies(pace, clock, 100)
    assert pace.allowed == 40


def test_a_busy_reply_cuts_it_to_70_percent_and_then_it_grows_by_one_a_round() -> None:
    clock = Clock()
    pace = AdaptiveConcurrency(64, clock)
    replies(pace, clock, 24)
    assert pace.allowed == 32
    busy(pace)
    assert pace.allowed == 22  # 22.4
    clock.now += 1
    replies(pace, clock, 23)  # a little more than a round, since each reply adds one part in the present window
    assert pace.allowed == 23


def test_requests_that_were_under_way_together_cut_it_once() -> None:
    clock = Clock()
    pace = AdaptiveConcurrency(64, clock)
    first, second = pace.slot(), pace.slot()
    first.__enter__()
    second.__enter__()
    clock.now += 1
    for slot in (first, second):
        error = Again("HTTP 429", busy=True)
        assert not slot.__exit__(Again, error, None)
    assert pace.allowed == 5  # 0.7 x 8


def test_it_never_falls_below_one() -> None:
    clock = Clock()
    pace = AdaptiveConcurrency(8, clock)
    for _ in range(10):
        clock.now += 1
        busy(pace)
    assert pace.allowed == 1


def test_replies_that_became_slow_cut_it_by_a_fifth() -> None:
    clock = Clock()
    pace = AdaptiveConcurrency(20, clock)
    replies(pace, clock, 40, 0.1)
    assert pace.allowed == 20
    replies(pace, clock, 4, 1.0)  # the running mean passes three times the fastest: 0.1, .19, .27, .34
    assert pace.allowed == 16


def test_an_error_of_the_server_is_no_sign_of_congestion() -> None:
    pace = AdaptiveConcurrency(8, Clock())
    with pytest.raises(Again), pace.slot():
        raise Again("HTTP 500")
    assert pace.allowed == BEGIN


def test_a_request_that_waits_for_another_try_leaves_its_place() -> None:
    pace = AdaptiveConcurrency(1)
    waiting = threading.Thread(target=pace.back_off, args=(0.2,))
    waiting.start()
    time.sleep(0.05)
    assert pace.allowed == 2
    waiting.join()
    assert pace.allowed == 1


def test_no_request_begins_during_a_pause() -> None:
    pace = AdaptiveConcurrency(4)
    pace.pause(0.15)
    started = time.monotonic()
    with pace.slot():
        assert time.monotonic() - started >= 0.15
