"""The run store as the run browser reads it: lists without decoding what they do not show, one item at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.config.schema import BenchmarkConfig
from harness.core.capabilities import DescribesItems
from harness.core.errors import HarnessError
from harness.core.evaluation import Item
from harness.core.plugins import Benchmark
from harness.evaluation.scoring import unjudged
from harness.results.run_state import state_of
from harness.storage.result_queries import ResultQueries
from harness.storage.run_folder import FLEET_FILE
from harness.storage.run_store import Store, StoredRun
from reports.web.browse.records import FleetTable, ItemResult, Listing, Mark, RunCard, RunLine
from reports.web.shelf import ImageUnavailable, Shelf, read_beneath

_LISTINGS = 6  # benchmarks kept in memory: 9,000 items x 20 checkpoints are about 20 MB
_NONE = Mark(None, "", answered=False)
_FRESH_S = 60.0


class StoredArchive:
    """`reports.web.browse.records.Archive` over a store. `data` replaces the data folder of runs that have moved."""

    def __init__(self, store: Store, output: Path, shelf: Shelf, data: Path | None = None) -> None:
        self._store, self._output, self._shelf, self._data = store, output, shelf, data
        self._results = ResultQueries(store)
        self._listing = lru_cache(maxsize=_LISTINGS)(self._read_listing)
        self._sizes, self._version = lru_cache(maxsize=64)(self._read_sizes), (-1, -1)

    def runs(self) -> list[RunLine]:
        return [self._line(run) for run in self._store.runs()]

    def fleet(self) -> FleetTable | None:
        """How the fleet goes that works for a run of this folder now; None where there is none."""
        file = self._output / FLEET_FILE
        try:
            if time.time() - file.stat().st_mtime > _FRESH_S:
                return None
            found = json.loads(file.read_text(encoding="utf-8"))
            return FleetTable(tuple(found["header"]), tuple(tuple(row) for row in found["rows"]), str(found["summary"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def run(self, id: str) -> RunCard | None:
        run = self._stored(id)
        if run is None:
            return None
        return RunCard(
            line=self._line(run),
            command=run.command,
            config=run.config,
            versions=run.versions,
            data_folder=self._folder(run),
            digests={label: checkpoint.digest for label, checkpoint in self._results.checkpoints(id).items()},
            summary=self._summary(id),
            has_report=self.report(id) is not None,
        )

    def report(self, run: str) -> str | None:
        return self._file(run, "report.html")

    def listing(self, run: str, benchmark: str) -> Listing | None:
        """Marks of all items, kept until the store changes."""
        now = self._results.data_version()
        if now != self._version:
            self._version = now
            self._sizes.cache_clear()
        rows = self._sizes(run, benchmark)
        return self._listing(run, benchmark, rows) if rows else None

    def item_results(self, run: str, benchmark: str, listing: Listing, place: int) -> list[ItemResult]:
        found = []
        for label, marks in listing.marks.items():
            scored = sum(mark.answered for mark in marks[:place])  # scores follow the items, less those without an answer
            key, score = self._results.answer_and_score(run, benchmark, label, place, scored)
            answer = self._store.answers([key]).get(key) if key is not None else None
            found.append(ItemResult(label, answer, score if marks[place].answered else None))
        return found

    def prompt(self, run: str, benchmark: str, item: Item) -> str:
        """The prompt of an item; the question alone where the benchmark can no longer be made."""
        made = self._benchmark(run, benchmark)
        try:
            return made.prompt(item) if made is not None else item.question
        except (HarnessError, ValueError, KeyError):
            return item.question

    def references(self, run: str, benchmark: str) -> Callable[[Item], str]:
        """The reference of an item as the benchmark describes it; "" where it has none, or can no longer be made."""
        made = self._benchmark(run, benchmark)

        def reference(item: Item) -> str:
            try:
                return made.reference(item) if isinstance(made, DescribesItems) else ""
            except (KeyError, IndexError, TypeError, AttributeError):
                return ""  # another version's items

        return reference

    def _benchmark(self, run: str, benchmark: str) -> Benchmark | None:
        options = self._results.options(run, benchmark)
        try:
            return unjudged(BenchmarkConfig.model_validate(options)) if options is not None else None
        except (HarnessError, ValueError, KeyError):
            return None

    def _stored(self, id: str) -> StoredRun | None:
        return next((run for run in self._store.runs() if run.id == id), None)

    def _line(self, run: StoredRun) -> RunLine:
        rows = self._results.columns(run.id)
        labels, benchmarks = (tuple(dict.fromkeys(column)) for column in zip(*rows, strict=True)) if rows else ((), ())
        return RunLine(run.id, run.name, run.created_at, state_of(run, self._output), labels, benchmarks)

    def _folder(self, run: StoredRun) -> Path:
        return self._data or Path(run.data_folder)

    def _summary(self, run: str) -> dict[str, Any]:
        try:
            summary = json.loads(self._file(run, "report.json") or "{}")
        except ValueError:
            return {}
        return summary if isinstance(summary, dict) else {}

    def _file(self, run: str, name: str) -> str | None:
        """A file of a run's folder. Ids of a shared store are untrusted, so a path may not leave the output folder."""
        try:
            return read_beneath(self._output, f"{run}/{name}").decode("utf-8", "replace")
        except ImageUnavailable:
            return None

    def _read_sizes(self, run: str, benchmark: str) -> tuple[tuple[str, str, int], ...]:
        return self._results.sizes(run, benchmark)

    def _read_listing(self, run: str, benchmark: str, rows: tuple[tuple[str, str, int], ...]) -> Listing:
        stored = self._stored(run)
        listed = self._results.items(rows[0][1])
        if stored is not None:
            self._shelf.add((item.image for item in listed), self._folder(stored))
        marks = {}
        for label, *_ in rows:
            scores = {row["item_id"]: _mark(row) for row in self._results.marks(run, benchmark, label)}
            marks[label] = tuple(scores.get(item.id, _NONE) for item in listed)
        return Listing(benchmark, listed, marks)


def _mark(row: dict[str, Any]) -> Mark:
    return _known_mark(row["correct"], row["flag"])


@lru_cache(maxsize=256)
def _known_mark(correct: bool | None, flag: str) -> Mark:
    return Mark(correct, flag)
