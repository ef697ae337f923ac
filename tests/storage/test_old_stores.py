"""A store that version 0.1 wrote (data/version_0_1.sql, dumped from its own code) opens, migrates and reads the same."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import StoreError
from harness.core.preference import PreferencePair
from harness.results.run_records import config_of, records_of
from harness.storage import database
from harness.storage.artifacts import MissingItems, Pairs, RewardAccuracy, ServerCost, Timings, TrainingLog
from harness.storage.run_folder import locked
from harness.storage.run_store import Store, open_store
from harness.storage.vote_store import Reviews

RUN = "old-12345678"
LOST = "a.jpg Is there a car in the image?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript((Path(__file__).parent / "data/version_0_1.sql").read_text())
    old.close()
    return path


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as store:
        yield store


def test_pairs_of_an_arm_are_one_value(store: Store) -> None:
    example = PreferencePair("p1", "a.jpg", "d1", "Describe.", "A dog.", ("A cat.",), "bdhs", {"tries": 2})
    assert store.get(Pairs, RUN, "bdhs") == Pairs({"pairs": 1, "tries": 3}, (example,), ("d1",))


def test_the_training_log_has_its_steps_and_notes(store: Store) -> None:
    steps = ({"step": 1, "loss": 0.69}, {"step": 2, "loss": 0.5})
    assert store.get(TrainingLog, RUN, "bdhs") == TrainingLog(steps, ("stopped early",))


def test_missing_items_belong_to_a_checkpoint_and_a_benchmark(store: Store) -> None:
    assert store.get(MissingItems, RUN, "base", "pope") == MissingItems({LOST: "the server gave up"})
    assert store.get(MissingItems, RUN, "bdhs", "pope") == MissingItems({})
    assert store.get(MissingItems, RUN, "base", "chair") is None


def test_what_servers_charged_is_kept_by_role(store: Store) -> None:
    cost = ServerCost({"requests": 3, "tokens_in": 300, "cost": 0.25}, {"requests": 1})
    assert store.get(ServerCost, RUN, "base", "pope") == cost


def test_timings_and_reward_accuracies_belong_to_the_run(store: Store) -> None:
    assert store.get(Timings, RUN) == Timings({"sweep base": 12.5, "pairs bdhs": 3.0})
    assert store.get(RewardAccuracy, RUN) == RewardAccuracy({"rm": {"rm": 0.75, "other": None}})


def test_its_flat_configuration_is_read_in_the_new_form(store: Store) -> None:
    config = config_of(store.run("old"))
    assert config.arms[0].align.options == {"beta": 0.5, "training": {"learning_rate": 5e-5, "epochs": 2}}
    assert config.published == ["Table 6"]


def test_reports_read_its_runs(store: Store) -> None:
    (record,) = records_of(store, RUN)
    assert (record.name, record.complete, record.data_folder) == ("bdhs", True, Path("/data"))
    assert record.timings["sweep base"] == 12.5 and len(record.training) == 2 and record.notes == ("stopped early",)
    base, aligned = (sweep.results[0] for sweep in record.sweeps)
    assert [a.text for a in base.answers] == ["Yes.", "Yes."] and [a.text for a in aligned.answers] == ["Yes.", "No.", "No."]
    assert base.missing == {LOST: "the server gave up"} and base.answers[0].yes_nats == 1.25
    assert [s.correct for s in base.scores] == [True, False] and [s.correct for s in aligned.scores] == [True] * 3


def test_votes_and_verdicts_stay(path: Path, store: Store) -> None:
    assert store.verdicts(["v1"])["v1"].value == 4.0
    with Reviews(path) as reviews:
        (vote,) = reviews.votes()
    assert (vote.item_id, vote.label, vote.judgement) == ("a.jpg Is there a cat in the image?", "no", "wrong")


def test_a_by_product_is_replaced_by_the_next_one_of_its_kind(store: Store) -> None:
    store.put(RUN, Timings({"sweep base": 1.0}))
    assert store.get(Timings, RUN) == Timings({"sweep base": 1.0})


def test_a_store_is_left_as_it_is_while_a_process_of_the_older_version_works(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOCKING_S", 0.0)
    (path.parent / RUN).mkdir()
    with (path.parent / RUN / "lock").open("w") as lock:
        print(4242, file=lock, end="", flush=True)  # as 0.1.0 writes it
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=rf"still works in .*{RUN} \(process 4242\).* could not store anything more"):
            open_store(path.parent)
        with sqlite3.connect(path) as old:
            assert old.execute("PRAGMA user_version").fetchone() == (3,)
        old.close()
    with open_store(path.parent) as store:  # the process has ended; its lock file stays
        assert store.run("old").id == RUN


def test_processes_of_this_version_do_not_wait_for_each_other(path: Path) -> None:
    with locked(path.parent / "one-1"), locked(path.parent / "other-2"), Store(path) as store:
        assert store.run("old").id == RUN
