"""What servers charge for a checkpoint's answers and verdicts on a benchmark, stored while it grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Self

from harness.core.capabilities import cost_of
from harness.core.plugins import Judge, Model, Progress
from harness.storage.artifacts import ServerCost
from harness.storage.run_store import Store


class GrowingCost:
    """The cost of a benchmark's answers or of their judge, on top of earlier attempts; nothing for what runs here.

    As a context it stores the rest at the end, says it, and lets the server count anew.

    Args:
        of: run, label and benchmark whose cost it is in the store.
        role: a field of `ServerCost`: answers, or judge.
        asked: what may be a server.
        say: hears the total at the end.
    """

    def __init__(
        self, store: Store, of: tuple[str, str, str], role: str, asked: Model | Judge | None, say: Callable[[str], None]
    ) -> None:
        self._store, self._of, self._role, self._asked, self._say = store, of, role, asked, say
        self._before = getattr(self._stored(), role)

    def grow(self) -> None:
        """Store what was charged until now; to be called with every batch. A killed process leaves out what was under way."""
        if (spent := cost_of(self._asked)) is not None and spent.requests:
            run, label, benchmark = self._of
            cost = replace(self._stored(), **{self._role: spent.added_to(self._before)})
            self._store.put(run, cost, label, benchmark)

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
            self._say(f"{self._of[1]}: {self._of[2]}: {self._role}: {spent}")
            spent.clear()

    def _stored(self) -> ServerCost:
        return self._store.get(ServerCost, *self._of) or ServerCost()
