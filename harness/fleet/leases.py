"""Which unit of work is whose, until when, and what became of it. Pure: time is given, nothing is called."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

FIRST_PATIENCE_S = 600.0  # before any unit came back nothing is known about how long one takes
LEAST_PATIENCE_S = 60.0
MOST_LOSSES = 3


@dataclass(slots=True)
class Leases:
    """The units 0 .. n-1 of one piece of work.

    They are handed out in order, at most `window` ahead of the first that is not there: a driver that is killed loses no
    more than that. A unit whose worker is lost goes back to the front; one that is overdue is handed out again where
    somebody is idle. Whatever comes first counts, what comes again is dropped. One that lost three workers is set aside.
    """

    n: int
    window: int
    waiting: deque[int] = field(init=False)
    since: dict[int, list[float]] = field(default_factory=dict)  # unit -> when each of its leases began
    losses: dict[int, list[str]] = field(default_factory=dict)
    came: set[int] = field(default_factory=set)
    aside: set[int] = field(default_factory=set)
    slowest_s: float | None = None
    _first: int = 0

    def __post_init__(self) -> None:
        self.waiting = deque(range(self.n))

    @property
    def patience_s(self) -> float:
        """How long a unit may take before somebody else may have it too."""
        return FIRST_PATIENCE_S if self.slowest_s is None else max(LEAST_PATIENCE_S, 4 * self.slowest_s)

    @property
    def is_finished(self) -> bool:
        return not self.left

    @property
    def left(self) -> int:
        return self.n - len(self.came) - len(self.aside)

    def first_open(self) -> int:
        while self._first < self.n and (self._first in self.came or self._first in self.aside):
            self._first += 1
        return self._first

    def on_offer(self, now: float) -> int:
        """How many units an idle worker could take."""
        end = self.first_open() + self.window
        ready = sum(unit < end for unit in islice(self.waiting, self.window))
        return ready or sum(1 for _ in self._overdue(now))

    def take(self, now: float) -> int | None:
        """The next unit for an idle worker; None where there is none for it."""
        if self.waiting and self.waiting[0] < self.first_open() + self.window:
            unit = self.waiting.popleft()
        else:
            unit = next(self._overdue(now), -1)
        if unit < 0:
            return None
        self.since.setdefault(unit, []).append(now)
        return unit

    def _overdue(self, now: float) -> Iterator[int]:
        """Units that one worker has had for too long, the oldest first."""
        for unit, began in sorted(self.since.items(), key=lambda pair: pair[1]):
            if len(began) == 1 and now - began[0] > self.patience_s:
                yield unit

    def brought(self, unit: int, took_s: float) -> bool:
        """A unit is there; False where it was before, or was set aside."""
        self.since.pop(unit, None)
        self.slowest_s = max(took_s, self.slowest_s or 0.0)
        if unit in self.came or unit in self.aside:
            return False
        self.came.add(unit)
        return True

    def lost(self, unit: int, began: float, why: str) -> bool:
        """A worker that had the unit is lost. True where the unit is now set aside."""
        if unit in self.came or unit in self.aside:
            return False
        self.losses.setdefault(unit, []).append(why)
        left = self.since.get(unit, [])
        if began in left:
            left.remove(began)
        if left:
            return False  # another worker has it
        self.since.pop(unit, None)
        if len(self.losses[unit]) >= MOST_LOSSES:
            self.aside.add(unit)
            return True
        self.waiting.appendleft(unit)
        return False
