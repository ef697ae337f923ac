"""Stored runs over POPE questions for the scripts that read them: made-up checkpoints that are right 88 times in a hundred."""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.pope import Pope
from harness.config.schema import BenchmarkConfig
from harness.core.evaluation import Answer, Item
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage.run_store import Store, StoredResult, StoredRun


def fill(store: Store, asked: tuple[Item, ...], n_runs: int, data: str) -> None:
    """Runs run-0, run-1, ... of one checkpoint each; `data`: the folder they were made from."""
    pope, rng = Pope(), random.Random(0)
    for number in range(n_runs):
        run = f"run-{number}"
        store.begin(
            StoredRun(
                run,
                run,
                f"2026-01-{number + 1:02}",
                "complete",
                "model: {name: scripted}\nsweep: [{name: pope}]\n",
                "",
                {},
                data,
            )
        )
        answers = {}
        for item in asked:
            label = next(iter(item.truth["labels"].values()))[0]
            said = label if rng.random() < 0.88 else {"yes": "no", "no": "yes"}[label]
            answers[item.id] = Answer(item.id, f"{said.capitalize()}.", 2, "end")
        store.add_answers(run, {f"{run}/{i}": answer for i, answer in answers.items()})
        spec = BenchmarkConfig(name="pope").model_dump(exclude_none=True)
        keys, scores = tuple(f"{run}/{i.id}" for i in asked), tuple(pope.score(i, answers[i.id]) for i in asked)
        checkpoint = Checkpoint(run, run, "", f"{number:064x}")
        store.add_result(run, 0, StoredResult("base", "pope", checkpoint, spec, ProtocolRecord({}), asked, keys, scores))
