"""The run store: one SQLite file with every run, answer, verdict and score.

Answers and verdicts are kept by content key (checkpoint digest, image digest, prompt, decoding, ...), so they serve
every run with the same requests.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from harness.core.digests import text_digest
from harness.core.edge.launch import command_line
from harness.core.edge.processes import without_collecting
from harness.core.errors import StoreError
from harness.core.evaluation import Answer, Item, Score, Verdict
from harness.core.files import storable
from harness.core.flags import UNJUDGED
from harness.core.nearest import did_you_mean
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage import codec
from harness.storage.artifacts import Artifact
from harness.storage.database import Database

_log = logging.getLogger("harness")
A = TypeVar("A", bound=Artifact)
_AT_ONCE = 500  # host parameters of one SELECT
_ADD_LOG_ODDS = "INSERT OR IGNORE INTO log_odds VALUES (?,?)"
_ADD_OPTIONS = "INSERT INTO option_log_probs VALUES (?,?) ON CONFLICT DO UPDATE SET nats = json_patch(excluded.nats, nats)"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A row of the runs table."""

    id: str
    name: str
    created_at: str
    status: str  # "running", "complete" or "stopped: why"
    config: str
    command: str
    versions: Mapping[str, str]
    data_folder: str


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One checkpoint on one benchmark, as stored; `scores` and `answer_keys` follow `items` (None: no answer)."""

    label: str
    benchmark: str
    checkpoint: Checkpoint
    options: Mapping[str, Any]
    protocol: ProtocolRecord
    items: tuple[Item, ...]
    answer_keys: tuple[str | None, ...]
    scores: tuple[Score, ...]

    @property
    def is_whole(self) -> bool:
        """Every item has an answer and no verdict is missing; else the next run repeats only the missing ones."""
        return None not in self.answer_keys and all(score.flag != UNJUDGED for score in self.scores)


class Store(Database):
    """Runs, answers, verdicts, scores. Raises StoreError, with what to do, for every SQLite error."""

    def __init__(self, path: Path, reading: bool = False) -> None:
        super().__init__(path, reading)
        self._item_sets: dict[str, tuple[Item, ...]] = {}
        self._said = set[str]()

    # ------------------------------------------------------------ runs

    def begin(self, run: StoredRun) -> None:
        """Store a run; an existing one keeps its start time, is `running` again and takes this study's notes and gates."""
        with self.transaction() as db:
            values = (run.id, run.name, run.created_at, run.status, run.config, run.command)
            db.execute(
                "INSERT INTO runs VALUES (?,?,?,?,?,?,?,?) ON CONFLICT(id) "
                "DO UPDATE SET status=excluded.status, config=excluded.config",
                (*values, codec.dumps(run.versions), run.data_folder),
            )

    def set_status(self, run: str, status: str) -> None:
        with self.transaction() as db:
            db.execute("UPDATE runs SET status=? WHERE id=?", (status, run))

    def runs(self) -> list[StoredRun]:
        """All runs in the order in which they were begun, whatever the clock said."""
        rows = self.rows("SELECT * FROM runs ORDER BY rowid")
        return [
            StoredRun(i, name, at, status, config, command, codec.loads(versions), data)
            for i, name, at, status, config, command, versions, data in rows
        ]

    def run(self, name: str) -> StoredRun:
        """A run by id, by its unique prefix, or by name (the newest, with a warning). Raises StoreError with the nearest."""
        runs = self.runs()
        exact = [r for r in runs if r.id == name] or [r for r in runs if r.name == name]
        found = exact or [r for r in runs if name and r.id.startswith(name)]
        if len(found) > 1 and not exact:
            raise StoreError(
                f"{name!r} begins the ids of {len(found)} runs: {', '.join(r.id for r in found)}. Give more characters."
            )
        if not found:
            hint = did_you_mean(name, [r.id for r in runs] + [r.name for r in runs])
            all_of_them = command_line("list", "runs", "--output", self.path.parent)
            raise StoreError(f"There is no run {name!r} in {self.path}.{hint} `{all_of_them}` shows all.")
        if len(found) > 1 and name not in self._said:
            self._said.add(name)
            _log.warning("%s is the name of %d runs; the newest is taken: %s.", name, len(found), found[-1].id)
        return found[-1]

    # ------------------------------------------------------------ answers and verdicts

    @without_collecting()
    def answers(self, keys: Iterable[str]) -> dict[str, Answer]:
        """Stored answers among these keys; `item_id` is empty, an answer belongs to every item with its key."""
        names = ("text", "n_tokens", "stopped", "latency_s", "yes_nats", "model")
        joined = "answers LEFT JOIN log_odds USING (key) LEFT JOIN option_log_probs USING (key)"
        found = self._select(f"SELECT key, {', '.join(names)}, nats FROM {joined} WHERE key IN", keys)
        answers = {row[0]: Answer("", **dict(zip(names, row[1:-1], strict=True))) for row in found}
        told = {key: codec.loads(nats) for key, *_, nats in found if nats is not None}
        return answers | {key: replace(answers[key], option_nats=nats) for key, nats in told.items()}

    @without_collecting()
    def texts(self, keys: Iterable[str]) -> dict[str, str]:
        """The texts alone of stored answers: a quarter of the time, where hundreds of thousands are read."""
        return dict(self._select("SELECT key, text FROM answers WHERE key IN", keys))

    def add_answers(self, checkpoint: str, answers: Mapping[str, Answer]) -> None:
        """Keep a finished batch with its log-odds of yes, where there are any; all of it or nothing."""
        rows = [
            (k, checkpoint, storable(a.text), a.n_tokens, a.stopped, a.latency_s, a.host, a.model) for k, a in answers.items()
        ]
        with self.transaction() as db:
            db.executemany("INSERT OR IGNORE INTO answers VALUES (?,?,?,?,?,?,?,?)", rows)
            db.executemany(_ADD_LOG_ODDS, [(k, a.yes_nats) for k, a in answers.items() if a.yes_nats is not None])

    def hosts(self, keys: Iterable[str]) -> dict[str, str]:
        """Which host of a fleet gave an answer, by its key; nothing for answers of the run's own process."""
        return dict(self._select("SELECT key, host FROM answers WHERE host IS NOT NULL AND key IN", keys))

    def log_odds(self, keys: Iterable[str]) -> dict[str, float]:
        """Log-odds of yes in nats, by the key of the answer."""
        return dict(self._select("SELECT key, yes_nats FROM log_odds WHERE key IN", keys))

    def add_log_odds(self, nats: Mapping[str, float]) -> None:
        with self.transaction() as db:
            db.executemany(_ADD_LOG_ODDS, nats.items())

    def option_log_probs(self, keys: Iterable[str]) -> dict[str, dict[str, float]]:
        """Log-probabilities in nats of the answers that benchmarks offer, by the key of the answer."""
        found = self._select("SELECT key, nats FROM option_log_probs WHERE key IN", keys)
        return {key: codec.loads(nats) for key, nats in found}

    def add_option_log_probs(self, nats: Mapping[str, Mapping[str, float]]) -> None:
        """What is stored is never replaced; other answers of the same key are added to it."""
        with self.transaction() as db:
            db.executemany(_ADD_OPTIONS, [(key, codec.dumps(dict(values))) for key, values in nats.items()])

    def verdicts(self, keys: Iterable[str]) -> dict[str, Verdict]:
        found = self._select("SELECT key, verdict FROM verdicts WHERE key IN", keys)
        return {key: codec.verdict(codec.loads(text)) for key, text in found}

    def add_verdict(self, key: str, verdict: Verdict) -> None:
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO verdicts VALUES (?,?)", (key, codec.dumps(verdict)))

    def _select(self, sql: str, keys: Iterable[str]) -> list[Any]:
        wanted, rows = list(dict.fromkeys(keys)), []
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            rows += self.rows(f"{sql} ({','.join('?' * len(part))})", part)
        return rows

    # ------------------------------------------------------------ results and artifacts

    def add_result(self, run: str, position: int, result: StoredResult) -> None:
        """Keep one checkpoint's scores on one benchmark, replacing those of an earlier attempt."""
        items = codec.dumps(result.items)
        digest = text_digest(items)
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO item_sets VALUES (?,?)", (digest, items))
            facts = (codec.dumps(result.checkpoint), codec.dumps(result.options), codec.dumps(result.protocol.facts))
            blobs = (digest, codec.dumps(result.answer_keys), codec.dumps(result.scores))
            db.execute(
                "INSERT OR REPLACE INTO results VALUES (?,?,?,?,?,?,?,?,?,?)",
                (run, result.label, result.benchmark, position, *facts, *blobs),
            )

    @without_collecting()
    def results(self, run: str) -> list[StoredResult]:
        """All results of a run in sweep order."""
        rows = self.rows(
            "SELECT label, benchmark, checkpoint, options, protocol, item_set, answer_keys, scores FROM results "
            "WHERE run=? ORDER BY position",
            (run,),
        )
        return [_result(row, self._items(row[5])) for row in rows]

    @codec.of_a_whole_store
    def _items(self, digest: str) -> tuple[Item, ...]:
        """An item set; all results over it share one tuple, which is read once."""
        if digest not in self._item_sets:
            (row,) = self.rows("SELECT items FROM item_sets WHERE digest=?", (digest,))
            self._item_sets[digest] = tuple(codec.item(i) for i in codec.loads(row[0]))
        return self._item_sets[digest]

    def how_complete(self, run: str) -> str:
        """'complete', or 'complete but for 3 items without an answer and 55 without a verdict'."""
        rows = [
            [codec.loads(text) for text in row]
            for row in self.rows("SELECT answer_keys, scores FROM results WHERE run=?", (run,))
        ]
        unanswered = sum(keys.count(None) for keys, _ in rows)
        unjudged = sum(score["flag"] == UNJUDGED for _, scores in rows for score in scores)
        lost = [f"{unanswered:,} items without an answer"] if unanswered else []
        lost += [f"{unjudged:,} {'' if unanswered else 'items '}without a verdict"] if unjudged else []
        return f"complete but for {' and '.join(lost)}" if lost else "complete"

    def put(self, run: str, value: Artifact, label: str = "", benchmark: str = "") -> None:
        """Keep a by-product of a run, of one of its checkpoints (`label`), or of a checkpoint on a benchmark."""
        with self.transaction() as db:
            row = (run, label, benchmark, value.kind, codec.dumps(value))
            db.execute("INSERT OR REPLACE INTO by_products VALUES (?,?,?,?,?)", row)

    def get(self, kind: type[A], run: str, label: str = "", benchmark: str = "") -> A | None:
        """The by-product of that kind; None where there is none."""
        where = (run, label, benchmark, kind.kind)
        rows = self.rows("SELECT value FROM by_products WHERE run=? AND label=? AND benchmark=? AND kind=?", where)
        return kind.read(codec.loads(rows[0][0])) if rows else None


def open_store(output: Path, reading: bool = True) -> Store:
    """The store of an output folder, to be read (`Database`) or written. Raises StoreError where no run was started there."""
    path = output / "store.sqlite"
    if not path.is_file():
        raise StoreError(f"There is no run store in {output}. Start a run first: python -m harness run")
    return Store(path, reading)


@codec.of_a_whole_store
def _result(row: Any, items: tuple[Item, ...]) -> StoredResult:
    label, benchmark, checkpoint, options, protocol, _, keys, scores = row
    return StoredResult(
        label=label,
        benchmark=benchmark,
        checkpoint=codec.checkpoint(codec.loads(checkpoint)),
        options=codec.loads(options),
        protocol=codec.protocol(codec.loads(protocol)),
        items=items,
        answer_keys=tuple(codec.loads(keys)),
        scores=tuple(codec.score(s) for s in codec.loads(scores)),
    )
