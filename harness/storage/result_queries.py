"""Parts of stored results, one at a time: what the run browser lists without decoding what it does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.evaluation import Item, Score
from harness.core.run_record import Checkpoint
from harness.storage import codec
from harness.storage.database import Database


class ResultQueries:
    """Read-only queries over the results of a store."""

    def __init__(self, store: Database) -> None:
        self._rows = store.rows

    def data_version(self) -> int:
        """A number that changes when another connection has changed the store."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def columns(self, run: str) -> list[tuple[str, str]]:
        """(label, benchmark) of every result of a run, in sweep order."""
        return list(self._rows("SELECT label, benchmark FROM results WHERE run=? ORDER BY position", (run,)))

    def checkpoints(self, run: str) -> dict[str, Checkpoint]:
        """Checkpoint by label."""
        rows = self._rows("SELECT label, checkpoint FROM results WHERE run=? ORDER BY position", (run,))
        return {label: codec.checkpoint(codec.loads(text)) for label, text in rows}

    def options(self, run: str, benchmark: str) -> Mapping[str, Any] | None:
        """The stored configuration of a benchmark; None where the run has no result of it."""
        rows = self._rows("SELECT options FROM results WHERE run=? AND benchmark=? LIMIT 1", (run, benchmark))
        return codec.loads(rows[0][0]) if rows else None

    def sizes(self, run: str, benchmark: str) -> tuple[tuple[str, str, int], ...]:
        """(label, digest of the items, length of the stored scores): when one of these changes, so did the result."""
        sql = "SELECT label, item_set, length(scores) FROM results WHERE run=? AND benchmark=? ORDER BY position"
        return tuple(self._rows(sql, (run, benchmark)))

    def items(self, digest: str) -> tuple[Item, ...]:
        """An item set by its digest."""
        return tuple(
            codec.item(row) for row in codec.loads(self._rows("SELECT items FROM item_sets WHERE digest=?", (digest,))[0][0])
        )

    def marks(self, run: str, benchmark: str, label: str) -> list[dict[str, Any]]:
        """The scores of one result as stored mappings, not decoded further."""
        sql = "SELECT scores FROM results WHERE run=? AND benchmark=? AND label=?"
        rows: list[dict[str, Any]] = codec.loads(self._rows(sql, (run, benchmark, label))[0][0])
        return rows

    def answer_and_score(self, run: str, benchmark: str, label: str, item: int, score: int) -> tuple[str | None, Score | None]:
        """(answer key of item number `item`, score number `score`): scores follow the items, less those without an answer."""
        key, text = self._rows(
            "SELECT json_extract(answer_keys, ?), json_extract(scores, ?) FROM results WHERE run=? AND benchmark=? AND label=?",
            (f"$[{item}]", f"$[{score}]", run, benchmark, label),
        )[0]
        return key, None if text is None else codec.score(codec.loads(text))
