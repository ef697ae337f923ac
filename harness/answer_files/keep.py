"""A run of one checkpoint and one benchmark whose answers came from files: answers, scores and reports into the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.config.schema import RunConfig
from harness.core.evaluation import Answer, Item, Score
from harness.core.plugins import Judge
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.evaluation.judging_ahead import asked_together
from harness.evaluation.server_cost import GrowingCost
from harness.results.report_files import Outcome, report
from harness.results.run_state import begin, finish
from harness.storage.artifacts import MissingItems
from harness.storage.run_store import Store, StoredResult


@dataclass(frozen=True, slots=True)
class FileRun:
    """What a run from files is made of. `config` has its one benchmark; `checkpoint` is its files, by their digest.

    answers, keys: by item; an answer is stored under its key. lacking: why the other items have none. judge: None where none is
    asked. score, facts: of the answers, and of the protocol once they are scored, since a judge may tell more by then.
    """

    config: RunConfig
    run_id: str
    checkpoint: Checkpoint
    items: tuple[Item, ...]
    answers: Mapping[str, Answer]
    keys: Mapping[str, str]
    lacking: str
    judge: Judge | None
    score: Callable[[], tuple[Score, ...]]
    facts: Callable[[], Mapping[str, str]]


def keep(run: FileRun, store: Store, data: Path, output: Path, command: str, say: Callable[[str], None]) -> Outcome:
    """Score and store the run, and write its reports. The caller holds the run's folder."""
    run_id, spec = run.run_id, run.config.sweep[0]
    begin(store, run_id, run.config, command, data)
    store.add_answers(run.checkpoint.digest, {run.keys[item]: answer for item, answer in run.answers.items()})
    missing = {item.id: run.lacking for item in run.items if item.id not in run.answers}
    store.put(run_id, MissingItems(missing), "base", spec.title)
    with GrowingCost(store, (run_id, "base", spec.title), "judge", run.judge, say) as cost:
        scores = asked_together(run.judge, run.score, lambda total, done: cost.grow())
    result = StoredResult(
        label="base",
        benchmark=spec.title,
        checkpoint=run.checkpoint,
        options=spec.model_dump(exclude_none=True),
        protocol=ProtocolRecord(run.facts()),
        items=run.items,
        answer_keys=tuple(run.keys.get(item.id) for item in run.items),
        scores=scores,
    )
    store.add_result(run_id, 0, result)
    finish(store, run_id)
    return report(store, run_id, output / run_id)
