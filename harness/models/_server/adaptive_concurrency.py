"""How many requests a server gets at a time: more while it keeps up, fewer once it is busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BEGIN = 8  # requests under way at the start
_SLOW = 3.0  # replies that take so many times as long as the fastest ones did: the server queues them
_SMOOTH = 0.1  # weight of a new reply in the running mean of the latency
_FORGET = 1.002  # by reply: a server that became slower for good is measured against its new speed in the end


class AdaptiveConcurrency:
    """Additive increase, multiplicative decrease (AIMD, as TCP's congestion control), for one server. Thread-safe.

    The window begins at BEGIN and doubles with each round of replies until the first sign of congestion; from then on it grows
    by one a round. A busy reply (429) or a timeout cuts it to 70 % (as CUBIC), replies that became slow to 80 %, both once for
    all the requests that were under way together. It stays between 1 and `most`.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = float(most), clock
        self._window = min(self._most, float(BEGIN))
        self._doubling = True
        self._under_way = self._backing_off = 0
        self._open_at = self._shrunk_at = float("-inf")
        self._latency = self._fastest = 0.0
        self._changed = threading.Condition()

    @property
    def allowed(self) -> int:
        """Requests that may be begun and not ended, up to `most` of those that wait for another try included."""
        with self._changed:
            return int(self._window) + min(self._backing_off, int(self._most))  # each is a thread

    @property
    def load(self) -> float:
        """Requests under way as a share of the window."""
        with self._changed:
            return self._under_way / self._window

    @contextmanager
    def slot(self) -> Iterator[None]:
        """One try of one request: waits for its turn, then notes how it went."""
        started = self._take()
        try:
            yield
        except Exception as error:
            self._give(started, congested=getattr(error, "congested", False))
            raise
        except BaseException:
            self._give(started, congested=False)
            raise
        self._give(started, congested=False, latency_s=self._clock() - started)

    def pause(self, wait_s: float) -> None:
        """No request begins for so long: a busy server's wait holds for all."""
        with self._changed:
            self._open_at = max(self._open_at, self._clock() + wait_s)

    def back_off(self, wait_s: float) -> None:
        """One request waits for its next try and leaves its place to others."""
        with self._changed:
            self._backing_off += 1
        try:
            time.sleep(wait_s)
        finally:
            with self._changed:
                self._backing_off -= 1

    def _take(self) -> float:
        with self._changed:
            while True:
                now = self._clock()
                if now >= self._open_at and self._under_way < int(self._window):
                    self._under_way += 1
                    return now
                self._changed.wait(self._open_at - now if now < self._open_at else None)

    def _give(self, started: float, congested: bool, latency_s: float | None = None) -> None:
        with self._changed:
            self._under_way -= 1
            if congested:
                self._shrink(started, 0.7)
            elif latency_s is not None:
                self._note(latency_s)
                if self._latency > _SLOW * self._fastest:
                    self._shrink(started, 0.8)
                else:
                    self._window = min(self._most, self._window + (1.0 if self._doubling else 1.0 / self._window))
            self._changed.notify_all()

    def _shrink(self, started: float, factor: float) -> None:
        """Once for requests that were under way together: those that began before the last cut say nothing new."""
        if started < self._shrunk_at:
            return
        self._window, self._doubling = max(1.0, self._window * factor), False
        self._shrunk_at = self._clock()
        self._latency = self._fastest  # measured anew

    def _note(self, latency_s: float) -> None:
        self._latency = latency_s if not self._latency else self._latency + _SMOOTH * (latency_s - self._latency)
        self._fastest = min(self._fastest * _FORGET, self._latency) if self._fastest else self._latency
