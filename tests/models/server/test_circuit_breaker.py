"""When a server is held to be gone, and when it is said that it is busy; by a clock that is set by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.models._server import circuit_breaker
from harness.models._server.circuit_breaker import CircuitBreaker


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(s=1000.0)
    monkeypatch.setattr(circuit_breaker, "time", SimpleNamespace(monotonic=lambda: now.s))
    return now


def silent(circuit: CircuitBreaker, n: int) -> CircuitBreaker:
    for _ in range(n):
        circuit.failed("no reply", reached=False)
    return circuit


def test_a_server_is_looked_at_after_eight_requests_without_a_reply_and_then_every_half_minute(clock: SimpleNamespace) -> None:
    looks: list[float] = []

    def is_dead() -> bool:
        looks.append(clock.s)
        return False

    circuit = silent(CircuitBreaker(), 7)
    assert not circuit.gone(is_dead) and not looks and circuit.shaky
    silent(circuit, 1)
    for clock.s in (1001.0, 1030.9, 1031.0):
        assert circuit.gone(is_dead)
    assert looks == [1001.0, 1031.0]
    circuit.answered()
    assert not circuit.gone(is_dead) and not circuit.shaky and len(looks) == 2


def test_a_reply_that_is_an_error_shows_that_the_server_is_there(clock: SimpleNamespace) -> None:
    circuit = silent(CircuitBreaker(), 7)
    circuit.failed("HTTP 500", reached=True)
    assert not silent(circuit, 7).gone(lambda: False) and circuit.why == "no reply"


def test_a_server_that_lists_its_models_is_given_up_after_forty_requests_without_a_reply(clock: SimpleNamespace) -> None:
    circuit = silent(CircuitBreaker(), 39)
    assert not circuit.gone(lambda: True)
    clock.s += 30
    silent(circuit, 1)
    assert circuit.gone(lambda: True)
    clock.s += 30
    assert not circuit.gone(lambda: True)  # a request goes through
    clock.s += 30
    assert silent(circuit, 1).gone(lambda: True)


def test_a_busy_server_is_told_of_after_twenty_seconds_and_every_two_minutes(clock: SimpleNamespace) -> None:
    circuit = CircuitBreaker()
    assert circuit.busy(19.9) is None and circuit.busy(20.0) == 0.0  # with the wait that begins
    clock.s += 119.9
    assert circuit.busy(60.0) is None
    clock.s += 0.1
    assert circuit.busy(1.0) == pytest.approx(120.0)
    clock.s += 200
    circuit.answered()
    assert circuit.busy(1.0) is None and circuit.busy(20.0) == 0.0
