"""What servers charge for answers, verdicts, pairs and annotations, stored while it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

from harness.core.capabilities import Cost, CountsCost, cost_of
from harness.core.plugins import Progress
from harness.storage.artifacts import ArmCost, ServerCost
from harness.storage.run_store import Store

_KINDS: Mapping[str, type[ServerCost | ArmCost]] = {
    "answers": ServerCost, "judge": ServerCost, "pairs": ArmCost, "training": ArmCost
}  # fmt: skip


class SummedCost:
    """What several servers were asked and charged together; those that were asked nothing have no part in it."""

    def __init__(self, parts: Sequence[Cost]) -> None:
        self._parts = [part for part in parts if part.requests]
        self.requests = sum(part.requests for part in self._parts)

    def added_to(self, before: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(before)
        for part in self._parts:
            found = part.added_to(found)
        return found

    def clear(self) -> None:
        for part in self._parts:
            part.clear()
        self.requests = 0

    def __str__(self) -> str:
        return "; ".join(map(str, self._parts))


class GrowingCost:
    """The cost of one role in a benchmark's results or in an arm, on top of earlier attempts; nothing for what runs here.

    As a context it stores the rest at the end, says it, and lets the server count anew. Of an arm it also stores that nothing
    was charged: a role that is not stored was not counted.

    Args:
        of: run, label and benchmark whose cost it is in the store.
        role: a field of `ServerCost` (answers, judge) or of `ArmCost` (pairs, training).
        asked: what may be a server.
        say: hears the total at the end.
    """

    def __init__(
        self, store: Store, of: tuple[str, str, str], role: str, asked: object, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._store, self._of, self._role, self._asked, self._say = store, of, role, asked, say
        self._before: Mapping[str, Any] = getattr(self._stored(), role) or {}

    def grow(self) -> None:
        """Store what was charged until now; to be called with every batch. A killed process leaves out what was under way."""
        if (spent := cost_of(self._asked)) is not None and spent.requests:
            self._keep(spent.added_to(self._before))

    def growing(self, progress: Progress) -> Progress:
        """`progress` that lets it grow as well."""

        def noted(what: str, done: int, total: int) -> None:
            self.grow()
            progress(what, done, total)

        return noted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.grow()
        if (spent := cost_of(self._asked)) is not None and spent.requests:
            self._say(": ".join(filter(None, (*self._of[1:], self._role, str(spent)))))
            spent.clear()
        elif isinstance(stored := self._stored(), ArmCost) and getattr(stored, self._role) is None:
            self._keep({})

    def _keep(self, charged: Mapping[str, Any]) -> None:
        run, label, benchmark = self._of
        fields: dict[str, Any] = {self._role: charged}
        self._store.put(run, replace(self._stored(), **fields), label, benchmark)

    def _stored(self) -> ServerCost | ArmCost:
        kind = _KINDS[self._role]
        return self._store.get(kind, *self._of) or kind()


@contextmanager
def cost_said(who: str, asked: object, say: Callable[[str], None]) -> Iterator[None]:
    """Says at the end, of an error or an interruption too, what a server was asked and charged; nothing of what runs here."""
    try:
        yield
    finally:
        if (spent := cost_of(asked)) is not None and spent.requests:
            say(f"{who}: {spent}")


def cost_of_all(asked: Sequence[object]) -> Cost | None:
    """What several models were asked and charged together; None where all of them run here."""
    counted = [found for one in asked if isinstance(one, CountsCost) and (found := one.spent()) is not None]
    return SummedCost(counted) if counted else None
