"""Work whose model turns out to answer under other facts than it told begins again: answers are stored under facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.core.errors import FactsChanged

T = TypeVar("T")
_TIMES = 3  # a server's version, and whether it takes a temperature, can both turn out to be others


def begun_again(work: Callable[[], T], say: Callable[[str], None]) -> T:
    """What `work` returns, which is done anew where it raises FactsChanged; what was stored on the way is found again."""
    for _ in range(_TIMES):
        try:
            return work()
        except FactsChanged as changed:
            say(str(changed))
    return work()
