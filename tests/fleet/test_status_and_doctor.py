"""What a fleet shows: its table, lines in a log, the run browser, and `doctor --fleet`."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.commands._terminal import Display
from harness.config.fleet_form import ArmResources, FleetConfig
from harness.core import registry
from harness.core.capabilities import OK, WRONG, Finding
from harness.core.errors import ConfigError, ModelError
from harness.fleet import fleet_doctor, ray_cluster
from harness.fleet.fleet_doctor import diagnose_hosts
from harness.fleet.fleet_model import FleetModel
from harness.fleet.host_checks import agreement, folder_digest
from harness.fleet.leases import Leases
from harness.fleet.messages import CheckpointSpec, WorkerInfo
from harness.fleet.ray_cluster import RayCluster
from harness.fleet.status import FleetCounters, FleetStatus, status_of
from harness.fleet.work_queue import WorkQueue
from harness.fleet.worker import Worker
from harness.fleet.worker_handle import WorkerHandle
from harness.results.archive import StoredArchive
from harness.run.models import Shown
from harness.run.on_fleet.together import check_room
from harness.storage.run_store import Store
from reports.web.shelf import Shelf
from tests.fleet.fake_cluster import FakeCluster, Toy
from tests.fleet.in_own_network import needs_ray
from tests.fleet.test_fleet_model import SPEC, answers, asked, pool

LLAVA = CheckpointSpec("toy", {}, 1, ".", "llava")


def status() -> FleetStatus:
    """Two workers after 20 s of work: 6 of 10 units and 60 answers are there."""
    queue = WorkQueue(LLAVA, [("answer",)] * 10, Leases(10, 9), "pope")
    queue.leases.done |= set(range(6))
    busy = WorkerHandle("actor", 95.0, "call", "working", queue, 6, WorkerInfo("h1", "n1", 1, {}), LLAVA, 60, "H100", "pope")
    return status_of(
        [busy, WorkerHandle("actor", 60.0)],
        [queue],
        FleetCounters({"h1": 6}, 60, 1, workers_lost=2, units_retried=1),
        20.0,
        100.0,
    )


def test_a_status_has_a_row_for_each_worker_and_counts_what_is_left() -> None:
    found = status()
    assert found.workers[0].cells() == ("h1", "H100", "llava", "pope", "working", "60", "3.0")
    assert found.workers[1].cells()[:5] == ("(not up yet)", "", "", "", "starting for 40 s")
    assert (found.units_done, found.units_left, found.per_s) == (6, 4, 3.0)
    assert found.left_s == pytest.approx(4 * 20 / 6)
    assert found.summary.startswith("2 workers on 2 hosts, 60 answers, 3.0 answers/s, units 6 of 10, ")
    assert "workers lost 2, units retried 1, about 13 s left" in found.summary
    assert "about 2.0 h left" in dataclasses.replace(found, left_s=7200.0).summary


def test_no_time_is_left_while_no_worker_is_up() -> None:
    """While arms train."""
    found = status_of([], [], FleetCounters({"h1": 6}, 60, 1, workers_lost=2, units_retried=1), 20.0, 100.0)
    assert found.summary == "no worker is up; 60 answers so far, units done 6, workers lost 2, units retried 1"


def test_a_terminal_shows_the_table_and_a_log_gets_lines_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    display, said = Display(), list[str]()
    monkeypatch.setattr(display, "say", said.append)
    display.console = Console(file=io.StringIO())
    display.fleet(status())
    assert said == []
    display._fleet_said -= 61
    display.fleet(status())
    display.fleet(status())
    assert said == [
        f"fleet: {status().summary}",
        "fleet:   h1  H100  llava  pope  working  60  3.0",
        "fleet:   (not up yet)  starting for 40 s  0",
    ]
    display.console = Console(file=io.StringIO(), force_terminal=True, width=120)
    display.fleet(status())
    shown = Console(file=io.StringIO(), width=120)
    shown.print(display._bars.above)
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert "h1" in text and "answers/s" in text and "H100" in text and "units 6 of 10" in text


def test_the_run_browser_shows_the_fleet_while_it_works(tmp_path: Path, store: Store) -> None:
    archive, shown = StoredArchive(store, tmp_path, Shelf()), Shown(tmp_path, lambda status: None)
    assert archive.fleet() is None
    shown.show(status())
    table = archive.fleet()
    assert table is not None and table.rows[0][:4] == ("h1", "H100", "llava", "pope") and "units 6 of 10" in table.summary
    os.utime(shown.file, (time.time() - 61,) * 2)
    assert archive.fleet() is None


def test_a_working_pool_shows_what_its_workers_do(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.fleet import dispatch_loop

    monkeypatch.setattr(dispatch_loop, "_STATUS_S", 0.0)
    shown: list[FleetStatus] = []
    made = pool(2)
    made._show = shown.append
    model = FleetModel(made, SPEC)
    model.label("pope")
    answers(model, asked(40))
    made.close()
    assert shown[-1].answers > 0 and any(row.benchmark == "pope" for one in shown for row in one.workers)


# ------------------------------------------------------------ doctor --fleet


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    from harness.fleet import worker_pool

    fake = FakeCluster()
    fake.driver_node, fake.hosts = "n1", {"n1", "n2", "n3"}
    monkeypatch.setattr(worker_pool, "RayCluster", fake)
    monkeypatch.setattr(fleet_doctor, "RayCluster", fake)
    monkeypatch.setattr(registry, "make", lambda kind, name, options: Toy(**options))

    def named(worker: Worker, number: int) -> None:
        worker._info = dataclasses.replace(worker._info, host=f"h{worker._info.node[1:]}")

    fake.made = named
    return fake


def found(data: Path | None = None) -> dict[str, Finding]:
    return {finding.what: finding for finding in diagnose_hosts(FleetConfig(), SPEC, data)}


def test_hosts_that_agree_are_fit(cluster: FakeCluster) -> None:
    seen = found()
    assert all(finding.state == OK for finding in seen.values())
    assert {"hosts", "versions", "checkpoint", "backend", "device", "memory", "12 answers"} <= seen.keys()


def change(cluster: FakeCluster, node: str, how: Any) -> None:
    """Something is otherwise on one host."""
    before = cluster.made

    def made(worker: Worker, number: int) -> None:
        before(worker, number)
        if worker._info.node == node:
            how(worker)

    cluster.made = made


def other_torch(worker: Worker) -> None:
    worker._info = dataclasses.replace(worker._info, versions={**worker._info.versions, "torch": "1.0"})


def other_weights(worker: Worker) -> None:
    worker._load = lambda spec: dataclasses.replace(Worker._load(worker, spec), checkpoint=Toy("other").checkpoint)  # type: ignore[method-assign]


def other_answers(worker: Worker) -> None:
    worker.probe = lambda *words: dataclasses.replace(Worker.probe(worker, *words), value=(1, ["x"] * 12))  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("how", "what", "words"),
    [(other_torch, "versions", "torch 1.0"), (other_weights, "checkpoint", "other"), (other_answers, "12 answers", "x | x")],
)
def test_the_host_that_differs_is_named(cluster: FakeCluster, how: Any, what: str, words: str) -> None:
    change(cluster, "n2", how)
    seen = found()
    assert seen[what].state == WRONG and seen[what].words.startswith("h2 (n2): ") and words in seen[what].words
    assert [name for name, finding in seen.items() if finding.state == WRONG] == [what]


def test_hosts_are_counted_without_this_command(cluster: FakeCluster) -> None:
    assert found()["versions"].words.startswith("the same on 3 hosts and in this command: ")
    assert agreement("device", {"h1": "cpu"}).words == "the same on 1 host: cpu"


def test_resources_of_an_arm_are_said_not_to_be_used_without_a_fleet() -> None:
    from tests.fleet.test_arms_together import study as arms

    config, said = arms(a=None, b=None), list[str]()
    asks = config.arms[0].model_copy(update={"resources": ArmResources(workers=2)})  # type: ignore[call-arg]
    check_room(config.model_copy(update={"arms": [asks, config.arms[1]]}), None, said.append)
    assert said == ["not used without --fleet: resources of a"]


def test_a_host_without_the_checkpoint_is_named_and_the_others_are_examined(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(worker: Worker) -> None:
        def load(spec: CheckpointSpec) -> Any:
            raise ModelError("There is no folder /models/llava.")

        worker._load = load  # type: ignore[method-assign]

    change(cluster, "n3", missing)
    seen = found()
    assert seen["host h3 (n3)"].state == WRONG and "There is no folder /models/llava." in seen["host h3 (n3)"].words
    assert "the same on 2 hosts" in seen["12 answers"].words


def test_a_host_without_the_data_folder_is_named(cluster: FakeCluster, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    change(
        cluster, "n1", lambda worker: setattr(worker, "data_digest", lambda folder: Worker.data_digest(worker, folder / "gone"))
    )
    seen = found(tmp_path)
    assert "There is no data folder" in seen["host h1 (n1)"].words and seen["data folder"].state == OK


def test_a_data_folder_is_known_by_names_sizes_and_the_content_of_its_tables(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "i.jpg").write_bytes(b"xx")
    first = folder_digest(tmp_path)
    (tmp_path / "a.json").write_text("[2]")
    second = folder_digest(tmp_path)
    (tmp_path / "i.jpg").write_bytes(b"xxx")
    assert len({first, second, folder_digest(tmp_path)}) == 3


def test_the_status_file_is_plain_json(tmp_path: Path) -> None:
    Shown(tmp_path, lambda status: None).show(status())
    assert json.loads((tmp_path / "fleet.json").read_text())["lost"] == 2


@pytest.mark.parametrize(
    ("stage", "seconds", "words"),
    [("sweep: pope", 25.0, "; 4 workers"), ("pairs: a", 25.0, "; 4 workers"), ("align: a", 50.0, "; 2 arms at once")],
)
def test_a_dry_run_divides_the_measured_work_among_the_fleet(stage: str, seconds: float, words: str) -> None:
    from harness.run.estimate import Cost, _side_by_side
    from tests.fleet.test_arms_together import study as arms

    config = arms(a=None, b=None).model_copy(update={"fleet": FleetConfig(workers=4)})
    found = _side_by_side(Cost(stage, "some", 100.0), config)
    assert found.seconds == seconds and found.amount.endswith(words)


# ------------------------------------------------------------ addresses


@needs_ray
@pytest.mark.parametrize(("greeting", "words"), [(b"-ERR unknown command", "something else listens"), (b"", "says nothing")])
def test_a_server_that_is_no_ray_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch, greeting: bytes, words: str) -> None:
    """6379 is the port of Redis too; Ray itself would try for minutes."""
    monkeypatch.setattr(ray_cluster, "_CONNECT_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            client, _ = server.accept()
            with client:
                client.recv(99)
                client.sendall(greeting)
                said.wait(5)

        said = threading.Event()
        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        with pytest.raises(ConfigError, match=words):
            RayCluster(f"127.0.0.1:{server.getsockname()[1]}", 1)
        said.set()
        thread.join()
