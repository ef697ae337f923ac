"""Images that training and benchmarks share: whose training is known, and what is said where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.digests import file_digest
from harness.core.evaluation import Item
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.results.run_records import records_of
from harness.results.training_images import BenchmarkImages, benchmark_images, seen_images
from harness.storage.artifacts import Pairs, TrainingLog
from harness.storage.run_store import Store, StoredResult, StoredRun

BASE, ALIGNED, AGAIN = (
    Checkpoint("b", "b", "", "base"),
    Checkpoint("a", "b", "", "one", "base"),
    Checkpoint("c", "b", "", "two", "one"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A run that aligned `one`, another that aligned it further to `two`, and a sweep of strangers."""
    made = Store(tmp_path / "store.sqlite")
    swept = {
        "first": [("base", BASE), ("arm", ALIGNED)],
        "second": [("base", ALIGNED), ("arm", AGAIN)],
        "theirs": [("base", BASE)],
    }
    for run, checkpoints in swept.items():
        made.begin(StoredRun(run, run, "2026-01-01", "complete", "", "", {}, ""))
        for n, (label, checkpoint) in enumerate(checkpoints):
            made.add_result(run, n, StoredResult(label, "pope", checkpoint, {}, ProtocolRecord({}), (), (), ()))
    made.put("first", Pairs({}, (), ("x",)), "arm")
    made.put("second", Pairs({}, (), ("y",)), "arm")
    return made


def test_what_a_checkpoint_was_trained_on_before_is_followed_by_its_weights(store: Store) -> None:
    assert seen_images(store, "first", "arm", [BASE, ALIGNED]).trained == {"x"}
    assert seen_images(store, "second", "arm", [ALIGNED, AGAIN]).trained == {"x", "y"}
    assert seen_images(store, "swept later", "", [AGAIN]).trained == {"x", "y"}
    assert seen_images(store, "second", "arm", [ALIGNED]).trained == {"x", "y"}  # the arm is not swept yet


def test_a_checkpoint_that_was_trained_elsewhere_is_not_known(store: Store) -> None:
    assert seen_images(store, "theirs", "", [BASE]).trained is None
    asked = BenchmarkImages({"x": "x.jpg"}, 1)
    assert asked.shared_with(None, has_arm=False) == ({}, "this run trained no checkpoint that it swept")
    assert asked.shared_with(frozenset(), has_arm=True) == ({}, "")  # pairs without images


def test_images_that_are_gone_are_not_said_to_be_different(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"same")
    (tmp_path / "copy.jpg").write_bytes(b"same")
    items = tuple(Item(name, name, "q") for name in ("a.jpg", "copy.jpg", "gone.jpg"))
    result = StoredResult("base", "pope", BASE, {}, ProtocolRecord({}), items, (), ())
    run = StoredRun("r", "r", "", "complete", "", "", {}, str(tmp_path))
    digest = file_digest(tmp_path / "a.jpg")
    shared, unknown = benchmark_images(run, [result]).shared_with(frozenset({digest}), has_arm=True)
    assert (list(shared), unknown) == ([digest], "1 of 3 images of the benchmarks are no longer in the data folder")


REWARDED = """
model: {name: scripted}
sweep: [{name: pope}]
reward_models: [{name: rm, pairs: {name: random_edit}, align: {name: reward_model}}]
arms:
- {name: arm, pairs: {name: random_edit}, align: {name: grpo, reward: rm}}
- {name: other, pairs: {name: random_edit}, align: {name: dpo}}
"""


@pytest.fixture
def rewarded(tmp_path: Path) -> Store:
    """A run that trained `one` by a reward model of its own, and another that aligned it further."""
    made = Store(tmp_path / "store.sqlite")
    for run, config, checkpoints in (
        ("first", REWARDED, [("base", BASE), ("arm", ALIGNED)]),
        ("second", "", [("base", ALIGNED), ("arm", AGAIN)]),
    ):
        made.begin(StoredRun(run, run, "2026-01-01", "complete", config, "", {}, str(tmp_path)))
        for n, (label, checkpoint) in enumerate(checkpoints):
            item = Item("1", "seen.jpg", "q")
            made.add_result(
                run, n, StoredResult(label, "pope", checkpoint, {"name": "pope"}, ProtocolRecord({}), (item,), (None,), ())
            )
    (tmp_path / "seen.jpg").write_bytes(b"seen by the reward model")
    made.put("first", Pairs({}, (), ("x",)), "arm")
    made.put("first", Pairs({}, (), (file_digest(tmp_path / "seen.jpg"),)), "rm")
    made.put("first", TrainingLog(({"step": 1.0},), ("Training ended at step 1: early stop.",)), "rm")
    return made


def test_the_images_of_the_reward_model_of_a_training_are_named_apart(rewarded: Store, tmp_path: Path) -> None:
    seen = {file_digest(tmp_path / "seen.jpg")}
    assert seen_images(rewarded, "first", "arm", [BASE, ALIGNED]).rewards == {"rm": seen}
    by_weights_it_began_with = seen_images(rewarded, "second", "arm", [ALIGNED, AGAIN])
    assert by_weights_it_began_with.rewards == {"rm of first": seen}
    assert seen_images(rewarded, "first", "other", [BASE]).rewards == {}
    arm, other = records_of(rewarded, "first")
    assert arm.overlap == {} and list(arm.overlap_rewards["rm"].values()) == ["seen.jpg"]
    assert other.overlap_rewards == {}


def test_a_record_has_the_notes_on_the_training_of_its_reward_models(rewarded: Store) -> None:
    arm, _ = records_of(rewarded, "first")
    assert arm.reward_notes == {"rm": ("trained in 1 step.", "Training ended at step 1: early stop.")}
