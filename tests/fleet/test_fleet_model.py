"""A checkpoint on several workers: the answers of one process, and what can go wrong, in one clear message each."""

from __future__ import annotations

import dataclasses
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.config.fleet_form import FleetConfig
from harness.core import registry
from harness.core.capabilities import TellsLogOdds
from harness.core.digests import file_digest
from harness.core.errors import ConfigError, ImageError, ModelError, RunLocked, StoreError, Unanswered
from harness.core.evaluation import Answer, Request
from harness.core.plugins import Model
from harness.fleet.fleet_model import FleetModel
from harness.fleet.messages import CheckpointSpec
from harness.fleet.ray_cluster import RayCluster
from harness.fleet.worker import Worker
from harness.fleet.worker_pool import WorkerPool
from harness.storage.run_folder import locked
from harness.storage.run_store import Store
from tests.fleet import in_own_network, test_real_ray
from tests.fleet.fake_cluster import FakeCluster, Toy, image

SPEC = CheckpointSpec("toy", {}, 1, ".")


def pool(workers: int = 2, said: list[str] | None = None, **more: Any) -> WorkerPool:
    return WorkerPool(FleetConfig(workers=workers, **more), (said if said is not None else []).append)


def asked(n: int) -> list[Request]:
    return [Request(None, f"question {i}") for i in range(n)]


def answers(model: Model, requests: Sequence[Request], done: dict[int, Answer] | None = None) -> list[tuple[int, str]]:
    return [(i, answer.text) for batch in model.generate(requests, done or {}) for i, answer in batch]


# ------------------------------------------------------------ the answers of one process


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_answers_of_one_process_in_its_order(cluster: FakeCluster, workers: int) -> None:
    model = FleetModel(pool(workers), SPEC)
    assert isinstance(model, Model) and isinstance(model, TellsLogOdds)
    assert answers(model, asked(9)) == answers(Toy(), asked(9))


def test_what_is_known_is_not_asked_for(cluster: FakeCluster) -> None:
    model, known = FleetModel(pool(), SPEC), Answer("", "known", 1, "end")
    assert [i for i, _ in answers(model, asked(6), {0: known, 2: known, 3: known})] == [1, 4, 5]


def test_an_image_that_cannot_be_read_leaves_the_answers_of_one_process(cluster: FakeCluster, tmp_path: Path) -> None:
    requests = asked(8)
    requests[3] = Request(image(tmp_path / "a.png", 1), "broken")
    (tmp_path / "a.png").write_bytes(b"no image")
    found: dict[str, list[int]] = {}
    for name, model in (("alone", Toy()), ("fleet", FleetModel(pool(), SPEC))):
        with pytest.raises(ImageError, match=r"a\.png"):
            for batch in model.generate(requests):
                found.setdefault(name, []).extend(i for i, _ in batch)
    assert found["fleet"] == found["alone"] == [0, 1, 2]


def test_scores_of_given_answers_come_back_by_their_request(cluster: FakeCluster, tmp_path: Path) -> None:
    paths = [image(tmp_path / f"{n}.png", n) for n in range(20)]
    requests = [Request(paths[i % 20], "?" * i) for i in range(45)]
    assert FleetModel(pool(), SPEC).yes_no_log_odds(requests) == [float(i) for i in range(45)]


# ------------------------------------------------------------ losses


def test_a_lost_worker_costs_nothing_and_is_replaced(cluster: FakeCluster) -> None:
    deaths, said = ["killed"], list[str]()
    cluster.deadly = lambda method, words: deaths.pop() if method == "answer" and deaths else ""
    made = pool(said=said)
    assert answers(FleetModel(made, SPEC), asked(9)) == answers(Toy(), asked(9))
    assert (made.counters.workers_lost, made.counters.units_retried, cluster.started) == (1, 1, 3)
    assert any("was lost while working: killed" in line for line in said)


def test_a_wave_that_kills_its_workers_is_set_aside_and_named_and_the_rest_is_answered(cluster: FakeCluster) -> None:
    cluster.deadly = lambda method, words: "SIGKILL" if method == "answer" and "question 4" in str(words[0].requests) else ""
    model, found = FleetModel(pool(), SPEC), list[int]()
    with pytest.raises(Unanswered) as caught:
        for batch in model.generate(asked(9)):
            found += [i for i, _ in batch]
    assert found == [0, 1, 2, 3, 6, 7, 8]
    assert set(caught.value.reasons) == {4, 5}
    assert "a wave of 2 requests, the first about question 4 lost 3 workers" in caught.value.reasons[4]


def test_workers_that_never_get_to_work_end_the_run(cluster: FakeCluster) -> None:
    cluster.deadly = lambda method, words: "ModuleNotFoundError: No module named 'harness'" if method == "hello" else ""
    with pytest.raises(ModelError, match=r"6 workers were lost one after the other.*No module named 'harness'"):
        FleetModel(pool(), SPEC)


def test_a_host_that_takes_all_its_workers_with_it_does_not_end_the_run(cluster: FakeCluster) -> None:
    """Eight workers are lost at once while they load: more than six one after the other."""
    lost = list[str]()

    def deadly(method: str, words: Sequence[Any]) -> str:
        if method == "load" and len(lost) < 8:
            lost.append(method)
            return "its host is gone"
        return ""

    cluster.deadly = deadly
    assert answers(FleetModel(pool(8), SPEC), asked(9)) == answers(Toy(), asked(9))
    assert len(lost) == 8


def test_a_driver_whose_own_node_is_lost_says_so(cluster: FakeCluster) -> None:
    """Ray starts no worker for it any more: a call would wait without end."""
    cluster.hosts = {"another"}
    with pytest.raises(ModelError, match="Ray node of this host, to which this command belongs, has ended"):
        FleetModel(pool(), SPEC)


def test_digests_of_images_are_read_while_another_benchmark_adds_its_own(cluster: FakeCluster, tmp_path: Path) -> None:
    """Benchmarks that are swept at once share the model. Hashing a path is Python code, in which threads change places."""
    model = FleetModel(pool(), SPEC)
    known = model._images

    class OfAnotherThread(type(tmp_path)):  # type: ignore[misc]  # adds an image wherever it is looked at
        def __hash__(self) -> int:
            known.setdefault(tmp_path / str(len(known)), "")
            return super().__hash__()

    path = image(tmp_path / "a.png", 1)
    known[OfAnotherThread(tmp_path / "theirs.png")] = ""
    assert model._digests([Request(path, "?"), Request(tmp_path / "missing.png", "?")]) == {path: file_digest(path)}


# ------------------------------------------------------------ hosts that differ


def version(worker: Worker, **versions: str) -> None:
    worker._info = dataclasses.replace(worker._info, host="gpu7", versions={**worker._info.versions, **versions})


def test_a_host_with_another_torch_is_refused_by_name(cluster: FakeCluster) -> None:
    cluster.made = lambda worker, n: version(worker, torch="1.0") if n == 2 else None
    with pytest.raises(ModelError, match=r"Host gpu7 has other versions than this one: torch 1\.0, here "):
        list(FleetModel(pool(), SPEC).generate(asked(9)))


@pytest.mark.parametrize(
    "why",
    [
        "System error: Can't get attribute 'Host' on <module 'harness.fleet.messages' from '/x/messages.py'>",
        "ModuleNotFoundError: No module named 'harness.fleet.cluster'",
    ],
)
def test_a_host_with_another_version_of_this_package_is_refused(cluster: FakeCluster, why: str) -> None:
    """What it says of itself does not unpickle here, so that its versions cannot be compared."""
    cluster.deadly = lambda method, words: why if method == "hello" else ""
    with pytest.raises(ModelError, match=r"has another version of this package \(.*Install the same one on all hosts"):
        FleetModel(pool(), SPEC)


def test_a_host_with_other_weights_is_refused_by_name(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = iter(range(9))
    monkeypatch.setattr(registry, "make", lambda *_: Toy(f"digest {next(loads)}"))
    with pytest.raises(ModelError, match="has other weights under the same path than the first worker: digest digest 1"):
        list(FleetModel(pool(), SPEC).generate(asked(9)))


def test_a_host_with_another_device_is_refused_by_name(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = iter(["cuda", "cpu"])
    monkeypatch.setattr(registry, "make", lambda *_: Toy(facts={"device": next(devices)}))
    with pytest.raises(
        ModelError, match="would answer under other conditions than the first worker: device: 'cpu', not 'cuda'"
    ):
        list(FleetModel(pool(), SPEC).generate(asked(9)))


def test_a_model_folder_that_a_host_lacks_is_said_with_the_host(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> Toy:
        raise ModelError("There is no folder /models/llava.")

    monkeypatch.setattr(registry, "make", missing)
    with pytest.raises(ModelError, match=r"On host \S+: There is no folder /models/llava\."):
        FleetModel(pool(), SPEC)


def test_another_file_under_an_images_name_is_refused(cluster: FakeCluster, tmp_path: Path) -> None:
    path = image(tmp_path / "a.png", 1)
    model = FleetModel(pool(), SPEC)
    model._digests([Request(path, "?")])
    image(path, 2)
    with pytest.raises(ModelError, match=r"On host \S+: .*a\.png is another file than on the driver's host"):
        list(model.generate([Request(path, "?")]))


def test_an_image_that_only_the_driver_has_is_not_taken_for_a_broken_one(cluster: FakeCluster, tmp_path: Path) -> None:
    path = image(tmp_path / "a.png", 1)
    model = FleetModel(pool(), SPEC)
    model._digests([Request(path, "?")])
    path.unlink()
    with pytest.raises(ModelError, match=r"a\.png cannot be read .* though the driver reads it"):
        list(model.generate([Request(path, "?")]))


def test_a_server_is_refused(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.models.scripted import Scripted

    monkeypatch.setattr(registry, "make", lambda *_: Scripted())
    with pytest.raises(ModelError, match="has no waves that workers could share"):
        FleetModel(pool(), SPEC)


# ------------------------------------------------------------ resources and addresses


def test_more_gpus_than_there_are_is_said_at_once(cluster: FakeCluster) -> None:
    cluster.gpus = 4
    with pytest.raises(ConfigError, match="asks for 3 workers with 2 GPUs each, and its hosts have 4 GPUs"):
        pool(3, gpus=2)
    assert cluster.closed and cluster.started == 0


@pytest.mark.parametrize(
    ("workers", "gpus", "there", "words"),
    [
        (2, None, 0.0, "fleet: 2 workers on 1 host"),
        (1, 1.0, 4.0, "fleet: 1 worker with 1 GPU on 1 host"),
        (2, 0.5, 4.0, "fleet: 2 workers with 0.5 GPUs each on 1 host"),
    ],
)
def test_a_fleet_says_how_large_it_is(cluster: FakeCluster, workers: int, gpus: float | None, there: float, words: str) -> None:
    cluster.gpus, said = there, list[str]()
    pool(workers, said, gpus=gpus)
    assert said[0] == words


def test_workers_are_as_many_as_the_gpus_allow(cluster: FakeCluster) -> None:
    cluster.gpus = 4
    assert WorkerPool(FleetConfig(), print).size == 4
    assert WorkerPool(FleetConfig(gpus=2), print).size == 2
    assert WorkerPool(FleetConfig(gpus=0.5), print).size == 8


def test_without_ray_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'mm-align-harness\[ray\]'"):
        RayCluster(None, 1)


@pytest.mark.parametrize(
    ("missing", "words"),
    [(("ray",), "ray not"), (("pyarrow", "requests"), "pyarrow and requests not"), (("ray", "pyarrow", "requests"), "ray and")],
)
def test_tests_that_need_ray_are_skipped_with_the_command_that_installs_it(
    missing: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_own_network, "find_spec", lambda name: None if name in missing else object())
    why = in_own_network.without_ray()
    assert why.startswith(words) and why.endswith("installed: pip install 'mm-align-harness[ray]'")
    assert in_own_network.needs_ray in test_real_ray.pytestmark


def test_make_installs_ray_so_that_nothing_is_skipped_there() -> None:
    assert '--editable ".[dev,ray,tables]"' in (in_own_network.ROOT / "Makefile").read_text()
    assert "make test" in (in_own_network.ROOT / ".ci" / "run").read_text()


@in_own_network.needs_ray
@pytest.mark.parametrize(
    ("address", "words"), [("head", "not of the form HOST:PORT"), ("127.0.0.1:1", "No Ray answers at 127.0.0.1:1")]
)
def test_an_address_that_is_none_is_said_within_seconds(address: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RayCluster(address, 1)


# ------------------------------------------------------------ memory, disk, a second driver


def test_a_worker_without_memory_says_so_with_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker("node")

    def too_large(spec: object) -> None:
        raise MemoryError("16 GiB")

    monkeypatch.setattr(worker, "_load", too_large)
    reply = worker.load(None)  # type: ignore[arg-type]
    assert reply.error is not None
    message = str(reply.error.to_exception())
    assert message.startswith("On host ") and "memory does not suffice (16 GiB). Give fewer workers" in message


def test_a_full_disk_of_the_driver_is_named_and_what_was_stored_stays(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        store.add_answers("c", {"kept": Answer("", "yes", 1, "end")})
        pages = store.rows("PRAGMA page_count")[0][0]
        store.rows(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError, match="full"):
            store.add_answers("c", {f"{n:064}": Answer("", "x" * 5000, 1, "end") for n in range(100)})
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        assert db.execute("SELECT key FROM answers").fetchall() == [("kept",)]


def test_a_second_driver_of_a_run_is_refused_with_the_process_that_has_it(tmp_path: Path) -> None:
    with locked(tmp_path / "run"), pytest.raises(RunLocked, match=r"Process \d+ works in "), locked(tmp_path / "run"):
        pass
