"""Parts of stored results, read without the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import StoreError
from harness.core.evaluation import Item, Score
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store, StoredResult, StoredRun

ITEMS = tuple(Item(str(n), f"{n}.jpg", "q", {"label": "yes"}) for n in range(3))
SCORES = (Score("0", {"right": 1.0}), Score("2", {"right": 0.0}, flag="unclear"))
RESULT = StoredResult(
    "base", "POPE", Checkpoint("m", "m", "", "d"), {"name": "pope"}, ProtocolRecord({}), ITEMS, ("a", None, "c"), SCORES
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store.sqlite")
    made.begin(StoredRun("r", "r", "2026-01-01", "complete", "", "", {}, ""))
    made.add_result("r", 0, RESULT)
    return made


def test_the_parts_of_a_result_are_those_of_the_whole(store: Store) -> None:
    reader, (whole,) = ResultQueries(store), store.results("r")
    (head,) = reader.heads("r")
    assert (head.label, head.benchmark, head.checkpoint, head.options) == ("base", "POPE", whole.checkpoint, whole.options)
    assert reader.items(head.item_set) == whole.items and tuple(reader.answer_keys(head)) == whole.answer_keys
    assert tuple(reader.scores(head)) == whole.scores


def test_scores_that_are_no_list_are_refused_as_a_damaged_store(store: Store) -> None:
    with store.transaction() as db:
        db.execute("UPDATE results SET scores='3'")
    (head,) = ResultQueries(store).heads("r")
    with pytest.raises(StoreError, match="damaged"):
        list(ResultQueries(store).scores(head))


@pytest.fixture
def several(tmp_path: Path) -> Store:
    """Two runs of two checkpoints and two benchmarks, each result with a score of its own; put in out of their order."""
    made, number = Store(tmp_path / "several.sqlite"), 0
    for run in ("r", "s"):
        made.begin(StoredRun(run, run, "2026-01-01", "complete", "", "", {}, ""))
        for place, (label, benchmark) in reversed(list(enumerate(PLACES))):
            number += 1
            items = tuple(replace(item, question=benchmark) for item in ITEMS)
            checkpoint = Checkpoint(f"{run}/{label}", "m", "", f"{run}/{label}")
            scores = (Score("0", {"right": float(number)}),)
            keys, options = (f"{run}/{label}/{benchmark}", None, None), {"name": benchmark, "limit": number}
            made.add_result(
                run, place, StoredResult(label, benchmark, checkpoint, options, ProtocolRecord({}), items, keys, scores)
            )
    return made


PLACES = [("base", "POPE"), ("base", "MME"), ("a", "POPE"), ("a", "MME")]


@pytest.mark.parametrize("run", ["r", "s"])
def test_every_part_is_that_of_its_run_checkpoint_and_benchmark(several: Store, run: str) -> None:
    reader, whole = ResultQueries(several), {(r.label, r.benchmark): r for r in several.results(run)}
    heads = reader.heads(run)
    assert [(head.label, head.benchmark) for head in heads] == reader.columns(run) == PLACES == list(whole)
    assert reader.checkpoints(run) == {label: whole[label, "POPE"].checkpoint for label in ("base", "a")}
    for head in heads:
        result = whole[head.label, head.benchmark]
        assert (head.run, head.checkpoint, head.options) == (run, result.checkpoint, result.options)
        assert tuple(reader.answer_keys(head)) == result.answer_keys and tuple(reader.scores(head)) == result.scores
        assert reader.items(head.item_set) == result.items
        (mark,) = reader.marks(run, head.benchmark, head.label)
        assert mark["values"] == result.scores[0].values
        found = reader.answer_and_score(run, head.benchmark, head.label, 0, 0)
        assert found == (result.answer_keys[0], result.scores[0])
    assert reader.options(run, "MME")["name"] == "MME" and reader.options(run, "CHAIR") is None
    sizes = reader.sizes(run, "MME")
    assert [(label, item_set) for label, item_set, _ in sizes] == [(h.label, h.item_set) for h in heads if h.benchmark == "MME"]


def test_options_are_those_of_the_run_that_is_asked(several: Store) -> None:
    limits = [ResultQueries(several).options(run, "MME")["limit"] for run in ("r", "s")]
    assert limits[0] in (1, 3) and limits[1] in (5, 7)


def test_an_answer_that_is_missing_has_no_key_and_a_score_that_is_missing_is_none(several: Store) -> None:
    assert ResultQueries(several).answer_and_score("s", "MME", "a", 1, 7) == (None, None)


def test_the_version_changes_with_what_another_connection_writes(several: Store) -> None:
    reader, before = ResultQueries(several), ResultQueries(several).data_version()
    with Store(several.path) as other:
        other.set_status("s", "stopped")
    assert reader.data_version() != before


def test_a_score_follows_the_items_less_those_without_an_answer(store: Store) -> None:
    assert ResultQueries(store).answer_and_score("r", "POPE", "base", 2, 1) == ("c", SCORES[1])
