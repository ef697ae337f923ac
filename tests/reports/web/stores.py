"""A store of three checkpoints' answers to POPE, as runs leave it behind: what the review page really opens."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pope import SPLITS, Pope
from harness.config.schema import BenchmarkConfig
from harness.core.evaluation import Answer, Item
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage.run_store import Store, StoredResult, StoredRun
from tests.reports.web.desks import draw_images

CHECKPOINTS = ("base", "dpo", "rloo")
DOUBTFUL = "0 cup"  # all checkpoints contradict this label


def ask(n: int) -> tuple[Item, ...]:
    """n questions: a cup (labelled yes) and a dog (labelled no) in each image, six images in turn."""
    found = []
    for i in range(n):
        object_name, label = (("cup", "yes"), ("dog", "no"))[i % 2]
        truth = {"labels": {SPLITS[0]: [label]}, "ids": {SPLITS[0]: [i]}}
        found.append(
            Item(f"{i // 2} {object_name}", f"images/{i // 2 % 6}.png", f"Is there a {object_name} in the image?", truth)
        )
    return tuple(found)


def fill(output: Path, n: int = 20) -> Path:
    """Images and a finished run under `output`, which is returned."""
    draw_images(output / "data")
    pope, asked = Pope(), ask(n)
    spec = BenchmarkConfig.model_validate({"name": "pope"}).model_dump(exclude_none=True)
    with Store(output / "store.sqlite") as store:
        store.begin(
            StoredRun(
                "run",
                "run",
                "2026-01-01",
                "complete",
                "model: {name: scripted}\nsweep: [{name: pope}]\n",
                "",
                {},
                str(output / "data"),
            )
        )
        for place, name in enumerate(CHECKPOINTS):
            answers = {item.id: _answer(item, name) for item in asked}
            store.add_answers(name, {f"{name}/{item_id}": answer for item_id, answer in answers.items()})
            scores = tuple(pope.score(item, answers[item.id]) for item in asked)
            keys = tuple(f"{name}/{item.id}" for item in asked)
            checkpoint = Checkpoint(name, name, "", f"{place:064x}")
            store.add_result(
                "run", place, StoredResult(name, "pope", checkpoint, spec, ProtocolRecord({}), asked, keys, scores)
            )
    return output


def _answer(item: Item, name: str) -> Answer:
    says = item.truth["labels"][SPLITS[0]][0]
    if item.id == DOUBTFUL:
        says = "no"
    return Answer(item.id, f"{says.capitalize()}, says {name}.", 4, "end")
