"""Leases on the units of a work queue: who may work on a unit, until when, and how often it is retried.

Pure: time is an argument, nothing is called. Times are seconds of one clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

INITIAL_TIMEOUT_S = 600.0  # before any unit is done nothing is known about how long one takes
MIN_TIMEOUT_S = 60.0
MAX_LOSSES = 3


@dataclass(slots=True)
class Leases:
    """The units 0 .. n-1 of one work queue.

    They are leased in order, at most `window` ahead of the first unfinished one: a driver that is killed loses no
    more than that. A unit whose worker is lost goes back to the front; one whose lease has timed out is leased a second time
    to an idle worker (speculative execution). The first result counts, a second one is dropped. A unit that lost
    `MAX_LOSSES` workers is set aside: it is not retried any more.
    """

    n: int
    window: int
    pending: deque[int] = field(init=False)
    leased_at: dict[int, list[float]] = field(default_factory=dict)  # unit -> when each of its leases began
    losses: dict[int, list[str]] = field(default_factory=dict)  # unit -> why each of its workers was lost
    done: set[int] = field(default_factory=set)
    set_aside: set[int] = field(default_factory=set)
    slowest_s: float | None = None
    _first: int = 0

    def __post_init__(self) -> None:
        self.pending = deque(range(self.n))

    @property
    def timeout_s(self) -> float:
        """How long a unit may take before it is leased a second time."""
        return INITIAL_TIMEOUT_S if self.slowest_s is None else max(MIN_TIMEOUT_S, 4 * self.slowest_s)

    @property
    def remaining(self) -> int:
        """Number of units that are neither done nor set aside."""
        return self.n - len(self.done) - len(self.set_aside)

    def first_unfinished(self) -> int:
        while self._first < self.n and (self._first in self.done or self._first in self.set_aside):
            self._first += 1
        return self._first

    def available(self, now: float) -> int:
        """How many units an idle worker could lease."""
        end = self.first_unfinished() + self.window
        ready = sum(unit < end for unit in islice(self.pending, self.window))
        return ready or sum(1 for _ in self._timed_out(now))

    def acquire(self, now: float) -> int | None:
        """The next unit for an idle worker; None where there is none for it."""
        if self.pending and self.pending[0] < self.first_unfinished() + self.window:
            unit = self.pending.popleft()
        else:
            unit = next(self._timed_out(now), -1)
        if unit < 0:
            return None
        self.leased_at.setdefault(unit, []).append(now)
        return unit

    def _timed_out(self, now: float) -> Iterator[int]:
        """Units whose only lease has timed out, the oldest first."""
        for unit, began in sorted(self.leased_at.items(), key=lambda pair: pair[1]):
            if len(began) == 1 and now - began[0] > self.timeout_s:
                yield unit

    def complete(self, unit: int, took_s: float) -> bool:
        """A result of the unit has arrived; False where it was done before, or set aside."""
        self.leased_at.pop(unit, None)
        self.slowest_s = max(took_s, self.slowest_s or 0.0)
        if unit in self.done or unit in self.set_aside:
            return False
        self.done.add(unit)
        return True

    def worker_lost(self, unit: int, began: float, why: str) -> bool:
        """A worker that had a lease, which began then, is lost. True where the unit is now set aside."""
        if unit in self.done or unit in self.set_aside:
            return False
        self.losses.setdefault(unit, []).append(why)
        leases = self.leased_at.get(unit, [])
        if began in leases:
            leases.remove(began)
        if leases:
            return False  # another worker has it
        self.leased_at.pop(unit, None)
        if len(self.losses[unit]) >= MAX_LOSSES:
            self.set_aside.add(unit)
            return True
        self.pending.appendleft(unit)
        return False
