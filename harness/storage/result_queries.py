"""Parts of stored results, one at a time: for readers that show or keep a part of what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.core.evaluation import Item, Score
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage import codec
from harness.storage.artifacts import Artifact
from harness.storage.database import Database

A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True, slots=True)
class Head:
    """What a result is about, without its items, answers and scores; `item_set`: digest of its items."""

    run: str
    label: str
    benchmark: str
    checkpoint: Checkpoint
    options: Mapping[str, Any]
    item_set: str


class ResultQueries:
    """Read-only queries over the results of a store."""

    def __init__(self, store: Database) -> None:
        self._rows, self.data_version = store.rows, store.data_version

    def columns(self, run: str) -> list[tuple[str, str]]:
        """(label, benchmark) of every result of a run, in sweep order."""
        return list(self._rows("SELECT label, benchmark FROM results WHERE run=? ORDER BY position", (run,)))

    def checkpoints(self, run: str) -> dict[str, Checkpoint]:
        """Checkpoint by label."""
        rows = self._rows("SELECT label, checkpoint FROM results WHERE run=? ORDER BY position", (run,))
        return {label: codec.checkpoint(codec.loads(text)) for label, text in rows}

    def trained_to(self, digest: str) -> list[tuple[str, str, Checkpoint]]:
        """(run, arm, checkpoint) of the arms of all runs that ended in weights of this digest."""
        sql = "SELECT DISTINCT run, label, checkpoint FROM results WHERE label!='base' AND instr(checkpoint, ?)"
        rows = self._rows(sql, (digest,))
        found = [(run, label, codec.checkpoint(codec.loads(text))) for run, label, text in rows]
        return [one for one in found if one[2].digest == digest]

    def protocols(self, run: str) -> list[tuple[str, str, ProtocolRecord]]:
        """(label, benchmark, protocol) of every result of a run, in sweep order."""
        rows = self._rows("SELECT label, benchmark, protocol FROM results WHERE run=? ORDER BY position", (run,))
        return [(label, benchmark, codec.protocol(codec.loads(text))) for label, benchmark, text in rows]

    def options(self, run: str, benchmark: str) -> Mapping[str, Any] | None:
        """The stored configuration of a benchmark; None where the run has no result of it."""
        rows = self._rows("SELECT options FROM results WHERE run=? AND benchmark=? LIMIT 1", (run, benchmark))
        return codec.loads(rows[0][0]) if rows else None

    def sizes(self, run: str, benchmark: str) -> tuple[tuple[str, str, int], ...]:
        """(label, digest of the items, length of the stored scores): when one of these changes, so did the result."""
        sql = "SELECT label, item_set, length(scores) FROM results WHERE run=? AND benchmark=? ORDER BY position"
        return tuple(self._rows(sql, (run, benchmark)))

    def heads(self, run: str) -> list[Head]:
        """The results of a run in sweep order."""
        sql = "SELECT label, benchmark, checkpoint, options, item_set FROM results WHERE run=? ORDER BY position"
        return [
            Head(run, label, benchmark, codec.checkpoint(codec.loads(checkpoint)), codec.loads(options), item_set)
            for label, benchmark, checkpoint, options, item_set in self._rows(sql, (run,))
        ]

    def answer_keys(self, head: Head) -> list[str | None]:
        """The keys of a result's answers, which follow its items (None: no answer)."""
        keys: list[str | None] = codec.loads(self._part("answer_keys", head))
        return keys

    def scores(self, head: Head) -> Iterator[Score]:
        """The scores of a result, one at a time."""
        return map(codec.score, _taken(self._part("scores", head)))

    def by_products(self, kind: type[A], run: str, label: str) -> list[A]:
        """The by-products of that kind of a label, under every benchmark or process."""
        found = self._rows("SELECT value FROM by_products WHERE run=? AND label=? AND kind=?", (run, label, kind.kind))
        return [kind.read(codec.loads(value)) for (value,) in found]

    def _part(self, column: str, head: Head) -> str:
        sql = f"SELECT {column} FROM results WHERE run=? AND label=? AND benchmark=?"
        text: str = self._rows(sql, (head.run, head.label, head.benchmark))[0][0]
        return text

    def items(self, digest: str) -> tuple[Item, ...]:
        """An item set by its digest."""
        (text,) = self._rows("SELECT items FROM item_sets WHERE digest=?", (digest,))[0]
        return tuple(map(codec.item, _taken(text)))

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


def _taken(text: str) -> Iterator[dict[str, Any]]:
    """Stored rows in order, each let go when it is taken: they and what is made of them are not held twice."""
    rows = _backwards(text)
    while rows:
        yield rows.pop()


@codec.of_a_whole_store
def _backwards(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = codec.loads(text)
    rows.reverse()
    return rows
