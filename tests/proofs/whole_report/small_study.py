"""The small study of the proofs: the miniature checkpoint, two arms that differ in the learning rate, three benchmarks.

`dpo` has two seeds. `hot` has one, and a learning rate that ruins it: something in the report is significant.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import schema as config
from harness.core import registry
from harness.core.gating import GatePolicy
from harness.results.run_records import records_of
from harness.run import pipeline
from harness.storage.run_store import Store
from reports.comparison.compare import compare
from tests.end_to_end.conftest import _BDHS, SMALL
from tests.proofs.whole_report.recompute_scores import Sweeps, sweeps_of


def _arm(name: str, rate: float, **seeds: Any) -> dict[str, Any]:
    training = {"epochs": 1, "batch_size": 8, "learning_rate": rate, "max_steps": 2}
    return {"name": name, "pairs": {**_BDHS, "limit": 8}, "align": {"name": "dpo", "training": training}, **seeds}


ARMS = [_arm("dpo", 3e-4, seeds=[0, 1]), _arm("hot", 1e-2)]
FIRST = [{"name": "pope", "limit_images": 10}, {"name": "chair", "limit_images": 10, "max_new_tokens": 40}]
STUDY = {**SMALL, "arms": ARMS, "sweep": [*FIRST, {**SMALL["sweep"][2], "limit": None, "max_new_tokens": 32}]}
DPO, HOT = ("dpo-seed0", "dpo-seed1"), "hot"


@dataclass(frozen=True)
class Written:
    """What every writer made of a comparison, and the sweeps behind it as the independent code read them."""

    texts: dict[str, str]
    sweeps: Sweeps
    questions: dict[str, str]  # item of POPE -> the object it asks for
    store: Path

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.texts["json"])


def run_study(folder: Path, world: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "data").symlink_to(world)
    pipeline.run(config.parse(STUDY | {"data": str(folder / "data"), "output": str(folder)}), "test")


def written(study: Path, arms: Sequence[str], policy: GatePolicy | None = None) -> Written:
    """The report of these arms of the finished study."""
    with Store(study / "store.sqlite") as store:
        records = [record for record in records_of(store, store.run("small").id) if record.name in arms]
    made, sweeps = compare(records, policy=policy), sweeps_of(study / "store.sqlite", study / "data")
    asked = {i.id: i.question[len("Is there ") :].partition(" in the image")[0] for i in records[0].sweeps[0].results[0].items}
    objects = {item: text.removeprefix("an ").removeprefix("a ") for item, text in asked.items()}
    texts = {name: registry.get("report", name)(made) for name in ("json", "csv", "html", "markdown", "latex")}
    return Written(texts, {label: sweeps[label] for label in ("base", *arms)}, objects, study / "store.sqlite")
