"""What servers charge for answers, verdicts, pairs and annotations, stored while it grows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from harness.core.capabilities import Cost, CountsCost, cost_of
from harness.core.edge.foreign import system_errors
from harness.core.plugins import Annotator, Judge, Progress
from harness.storage.artifacts import ArmCost, ServerCost
from harness.storage.run_store import Store

COST_LOG = "judge_costs.jsonl"  # in the output folder
_EVERY_S = 10.0  # between its lines

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


class CostLog:
    """What a server charges for questions outside of any run, kept as lines of `COST_LOG` in the output folder:

        {"at": "2026-11-28T09:30:00+00:00", "command": "judges check", "asked": "chat gpt-x 1a2b, temperature 0",
         "requests": 2500, "retries": 0, "lost": 0, "tokens_in": 812000, "tokens_cached": 0, "tokens_out": 2500, "cost": 2.04}

    A line holds what was asked since the line before, so that lines may be added up; null is unknown. A model that runs
    here has none. As a context it writes the rest at the end, of an error or an interruption too, and says the total.

    Args:
        output: the output folder. command, asked: as in the lines.
        judge: what may be a server, asked by nobody else; its counts are not cleared.
        who: begins what `say` hears at the end.
    """

    def __init__(self, output: Path, command: str, who: str, judge: Judge | Annotator, say: Callable[[str], None]) -> None:
        self._path, self._judge, self._who, self._say = output / COST_LOG, judge, who, say
        self._of = {"command": command, "asked": f"{judge.name} {judge.version}".strip()}
        self._written: Mapping[str, Any] = {}
        self._due = time.monotonic() + _EVERY_S

    def grow(self) -> None:
        """To be called with every batch of replies: a killed process leaves out the last seconds."""
        if time.monotonic() >= self._due:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if (spent := cost_of(self._judge)) is not None and spent.requests:
            self._say(f"{self._who}: {spent}")
            self._write()

    def _write(self) -> None:
        self._due = time.monotonic() + _EVERY_S
        if (spent := cost_of(self._judge)) is None:
            return
        now, before = spent.added_to({}), self._written
        more = {name: _less(value, before.get(name, 0)) for name, value in now.items()}
        if not more["requests"]:
            return
        row = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **self._of, **more}
        with system_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        self._written = now


def _less(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def cost_of_all(asked: Sequence[object]) -> Cost | None:
    """What several models were asked and charged together; None where all of them run here."""
    counted = [found for one in asked if isinstance(one, CountsCost) and (found := one.spent()) is not None]
    return SummedCost(counted) if counted else None
