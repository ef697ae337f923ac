"""Several checkpoints on one pool: who loads what when, and what a broken checkpoint costs the others."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from harness.core import registry
from harness.core.errors import ConfigError, ModelError
from harness.core.evaluation import Answer, Request
from harness.fleet.fleet_model import FleetModel
from harness.fleet.messages import CheckpointSpec
from harness.fleet.scheduling import CheckpointDemand, next_checkpoint
from harness.fleet.worker_pool import WorkerPool
from harness.run.on_fleet.sweeps import distinct_names
from harness.storage.run_store import Store
from tests.fleet.fake_cluster import FakeCluster, Toy
from tests.fleet.test_fleet_model import answers, asked, pool

A, B, C = (CheckpointSpec("toy", {"digest": name}, 1, ".", name) for name in "ABC")


def together(made: WorkerPool, *specs: CheckpointSpec) -> dict[str, Any]:
    """What came of asking each checkpoint in a thread of its own: answers, or an error."""
    found: dict[str, Any] = {}

    def ask(spec: CheckpointSpec) -> None:
        try:
            found[spec.name] = answers(FleetModel(made, spec), asked(9))
        except ModelError as error:
            found[spec.name] = error
        finally:
            made.release()

    threads = [threading.Thread(target=ask, args=[spec]) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_checkpoints_that_are_asked_together_each_give_the_answers_of_one_process(cluster: FakeCluster) -> None:
    made = pool(2)
    assert together(made, A, B, C) == dict.fromkeys("ABC", answers(Toy(), asked(9)))
    made.close()


def test_a_worker_loads_a_checkpoint_once(cluster: FakeCluster) -> None:
    loaded: list[tuple[int, str]] = []

    def note(method: str, words: Any) -> str:
        if method == "load":
            loaded.append(words[0].name)
        return ""

    cluster.deadly = note
    made = pool(1)
    together(made, A, B, C)
    assert sorted(loaded) == ["A", "B", "C"] and made.counters.loads == 3
    made.close()


def test_a_checkpoint_that_cannot_be_loaded_stops_no_other(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def made_or_not(kind: str, name: str, options: dict[str, str]) -> Toy:
        if options["digest"] == "B":
            raise ModelError("B is broken.")
        return Toy(**options)

    monkeypatch.setattr(registry, "make", made_or_not)
    made = pool(2)
    found = together(made, A, B, C)
    assert "B is broken." in str(found["B"])
    assert found["A"] == found["C"] == answers(Toy(), asked(9))
    made.close()


def test_whoever_waits_learns_that_the_fleet_was_closed(cluster: FakeCluster) -> None:
    made, came = pool(1), list[str]()
    cluster.wait = lambda *_: []  # type: ignore[method-assign]  # nobody ever answers

    def ask() -> None:
        with pytest.raises(ModelError, match="The fleet was closed"):
            FleetModel(made, A)
        came.append("closed")

    thread = threading.Thread(target=ask)
    thread.start()
    made.close()
    thread.join(60)
    assert came == ["closed"]


# ------------------------------------------------------------ which checkpoint is next


def test_an_idle_worker_waits_for_its_own_checkpoint_as_long_as_a_load_takes() -> None:
    demands = [CheckpointDemand(A, 0, 1), CheckpointDemand(B, 9, 1)]
    assert next_checkpoint(A, idle_s=29, load_s=30, demands=demands) is None
    assert next_checkpoint(A, idle_s=31, load_s=30, demands=demands) == B


def test_a_worker_whose_checkpoint_is_done_takes_another_at_once() -> None:
    assert next_checkpoint(A, idle_s=0, load_s=30, demands=[CheckpointDemand(B, 9, 1)]) == B
    assert next_checkpoint(A, idle_s=0, load_s=30, demands=[]) is None


def test_the_checkpoint_with_most_work_for_each_of_its_workers_is_next() -> None:
    assert next_checkpoint(None, 0, 0, [CheckpointDemand(A, 20, 3), CheckpointDemand(B, 12, 1)]) == B  # 5 and 6 units each
    assert next_checkpoint(None, 0, 0, [CheckpointDemand(A, 0, 1), CheckpointDemand(B, 0, 0)]) == B  # nobody has it yet
    assert next_checkpoint(A, 99, 1, [CheckpointDemand(A, 0, 1), CheckpointDemand(B, 0, 2)]) is None  # nothing waits anywhere


# ------------------------------------------------------------ which host, and names


def test_the_store_keeps_which_host_answered_and_gives_it_to_no_report(cluster: FakeCluster, store: Store) -> None:
    (batch, *_) = FleetModel(pool(1), A).generate([Request(None, "?")])
    (_, answer) = batch[0]
    store.add_answers("A", {"key": answer, "own": Answer("", "x", 1, "end")})
    assert store.hosts(["key", "own"]) == {"key": answer.host} and answer.host
    assert store.answers(["key"])["key"].host is None


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/m/llava", "/m/tuned"], ["llava", "tuned"]),
        (["r/1/arms/dpo/train/checkpoint", "r/1/arms/kto/train/checkpoint"], ["dpo", "kto"]),
        (["r/1/arms/dpo/checkpoint", "r/2/arms/dpo/checkpoint"], ["1", "2"]),
        (["/m/a/x", "/m/b/x", "/m/b/y"], ["a/x", "b/x", "b/y"]),
        (["/m/llava"], ["llava"]),
    ],
)
def test_checkpoints_are_named_by_what_tells_them_apart(paths: list[str], names: list[str]) -> None:
    assert distinct_names(paths) == names


def test_a_checkpoint_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--model /m/llava is given twice"):
        distinct_names(["/m/llava", "/m/llava/"])
