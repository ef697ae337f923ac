"""Circuit breaker of a server: one that is down must not cost every remaining request all of its retries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SUSPECT = 8  # requests in a row without any reply before the server itself is checked
HOPELESS = 40  # the same for a server that still lists its models: its front end is up, the model behind it is not
LOOK_EVERY_S = 30.0
SAY_AFTER_S, SAY_EVERY_S = 20.0, 120.0  # of a server that is busy


class CircuitBreaker:
    """Counts consecutive requests that got no answer.

    After the first one the next get one try each (`shaky`), so that a question that breaks the server does not slow the
    rest. When many got no reply at all, the server is checked, and given up (`gone`) until it is there again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed = self._silent = 0
        self._gone, self._looked_at = False, float("-inf")
        self._busy_since, self._said_at = float("inf"), float("-inf")
        self.why = ""

    @property
    def shaky(self) -> bool:
        return self._failed > 0

    def answered(self) -> None:
        with self._lock:
            self._failed = self._silent = 0
            self._gone = False
            self._busy_since = float("inf")

    def failed(self, why: str, reached: bool) -> None:
        """One request gave up. `reached`: the server replied, if only with an error."""
        with self._lock:
            self._failed += 1
            self._silent = 0 if reached else self._silent + 1
            self.why = why

    def busy(self, wait_s: float) -> float | None:
        """One request was told to wait. Seconds since the last answer that a server has been busy, where this is long and was
        not said lately: the caller says it."""
        with self._lock:
            now = time.monotonic()
            self._busy_since = min(self._busy_since, now)
            busy_s = now - self._busy_since
            if busy_s + wait_s < SAY_AFTER_S or now - self._said_at < SAY_EVERY_S:
                return None
            self._said_at = now
            return busy_s

    def gone(self, is_alive: Callable[[], bool]) -> bool:
        with self._lock:
            if self._silent < SUSPECT:
                return False
            if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
                self._looked_at = time.monotonic()
                self._gone = not is_alive() or self._silent >= HOPELESS
                self._silent = min(self._silent, HOPELESS - 1)  # the next check lets one request through
            return self._gone
