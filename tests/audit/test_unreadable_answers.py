"""Audits of runs whose answers say nothing: labels are listed all the same, without evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.pope import Pope
from harness.audit.queue import queue
from harness.audit.rescore_runs import rescore
from harness.cli import app
from harness.core.evaluation import Item
from harness.storage.label_revisions import Revision
from harness.storage.run_store import Store
from tests.audit.test_rescore import edit, keep

SPEC = {"name": "pope", "splits": ["random"]}
UNREADABLE = {
    "nothing": {"a": "", "b": "", "c": ""},
    "gibberish": dict.fromkeys("abc", "\u2028 ??? [/b] \x1b[2J"),
    "missing": {},
}
ITEMS = [Item(i, f"{i}.jpg", f"Is there a {o} in the image?", {"labels": {"random": [label]}})
         for i, o, label in (("a", "dog", "no"), ("b", "cat", "yes"), ("c", "dog", "yes"))]  # fmt: skip


@pytest.mark.parametrize("answers", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("runs", [1, 2])
def test_labels_are_queued_though_no_answer_can_be_read(store: Store, answers: dict[str, str], runs: int) -> None:
    for n in range(runs):
        keep(store, f"run{n}", Pope(splits=["random"], log_odds=n == 1), SPEC, ITEMS, answers)
    cases = queue(store, "pope", sample=2)
    assert {case.item_id for case in cases} == {"a", "b", "c"} and sum(case.control for case in cases) == 2
    assert all(case.suspicion == pytest.approx(0.03, abs=0.03) for case in cases)


def test_the_queue_and_the_rescoring_of_an_unreadable_run_are_shown(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        keep(store, "one", Pope(splits=["random"]), SPEC, ITEMS, UNREADABLE["gibberish"])
        assert len(rescore(store, ["one"], [Revision("mine", "", (edit("a", "flipped"),))]).edits) == 1
    shown = CliRunner().invoke(app, ["labels", "queue", "pope", "--output", str(tmp_path), "--answers"])
    assert shown.exit_code == 0 and "3 labels" in shown.output and "\x1b" not in shown.output
