"""LocalProcesses of this machine beside each other, without Ray: the calls of a cluster, trainings, and how many there are."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config import schema
from harness.config.check_plugins import plugin_faults
from harness.core.edge.processes import MALLOC_LIMITS
from harness.core.errors import ConfigError, ModelError, TrainingError
from harness.fleet.fleet_model import FleetModel
from harness.fleet.local_processes import LocalProcesses
from harness.fleet.messages import CheckpointSpec
from harness.fleet.ray_cluster import WorkerLost
from harness.fleet.worker_pool import WorkerPool
from harness.models.transformers import TransformersModel
from harness.run import pipeline
from harness.run.on_fleet.jobs import jobs_of
from tests.fleet.test_fleet_model import answers, asked


@pytest.fixture(scope="module")
def two() -> Iterator[LocalProcesses]:
    made = LocalProcesses(2)
    yield made
    made.close()


def told(made: LocalProcesses, call: Any) -> Any:
    assert made.wait([call], 60) == [call]
    return made.result(call)


def test_a_worker_of_this_machine_gives_its_answers_without_a_hosts_name(two: LocalProcesses, llava_folder: Path) -> None:
    options = {"path": str(llava_folder), "device": "cpu", "threads": 1}
    spec, made = CheckpointSpec("transformers", options, 1, os.getcwd()), WorkerPool(2, lambda text: None)
    try:
        model = FleetModel(made, spec)
        given = [(i, a) for batch in model.generate(asked(3)) for i, a in batch]
        assert [(i, a.text) for i, a in given] == answers(TransformersModel(**options), asked(3))  # type: ignore[arg-type]
        assert {a.host for _, a in given} == {None}
        with pytest.raises(ModelError, match=r"^There is no .*nowhere"):
            FleetModel(made, CheckpointSpec("transformers", {"path": "/nowhere"}, 1, os.getcwd()))
    finally:
        made.close()


def test_a_worker_is_ended_once_however_many_ask_for_it(two: LocalProcesses) -> None:
    """Ctrl-C closes all while a training's thread ends its own: the pipe was closed twice, and the run ended in a defect."""
    worker, closed = two.start_worker(0.0), list[str]()
    own, worker.pipe = worker.pipe, SimpleNamespace(close=lambda: closed.append("closed"))  # type: ignore[assignment]
    two.kill_worker(worker)
    two.kill_worker(worker)
    own.close()
    assert closed == ["closed"]


_ENVIRON_OF_A_WORKER = """
from pathlib import Path
from harness.fleet.local_processes import LocalProcesses

if __name__ == "__main__":
    made = LocalProcesses(1)
    call = made.submit(made.start_worker(0), "hello")
    made.wait([call], 60)
    print(Path(f"/proc/{made.result(call).unwrap().pid}/environ").read_text().replace("\\0", "\\n"))
    made.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's limits, in processes forked from one of our own")
def test_worker_keeps_at_most_32_mib_of_freed_memory_from_its_start_on() -> None:
    """In a process of its own: another test may have started this one's server of forks before, without the limits."""
    found = subprocess.run(
        [sys.executable, "-c", _ENVIRON_OF_A_WORKER], capture_output=True, text=True, check=True, timeout=100
    )
    set_at_its_start = found.stdout.split("\n")
    for limit in MALLOC_LIMITS:  # where our own environment sets one, that one
        assert f"{limit}={os.environ.get(limit, 32 << 20)}" in set_at_its_start


_WORKS_AGAIN_AFTER_A_FORK = """
import os
from harness.fleet.local_processes import LocalProcesses

def greeted(calls):
    made = LocalProcesses(1)
    call = made.submit(made.start_worker(0), "hello")
    made.wait([call], 60)
    print(calls, made.result(call).unwrap().pid != os.getpid(), flush=True)
    made.close()

if __name__ == "__main__":
    greeted("first")
    child = os.fork()
    if not child:
        greeted("forked")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    greeted("first again")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes forked from one of our own")
def test_a_forked_child_of_a_process_that_had_workers_has_workers_too() -> None:
    found = subprocess.run([sys.executable, "-c", _WORKS_AGAIN_AFTER_A_FORK], capture_output=True, text=True, timeout=200)
    assert found.stdout.split("\n")[:3] == ["first True", "forked True", "first again True"], found.stderr


def test_a_killed_worker_is_lost_with_the_signal_that_ended_it(two: LocalProcesses) -> None:
    worker = two.start_worker(0)
    pid = told(two, two.submit(worker, "hello")).unwrap().pid
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerLost, match="ended by SIGKILL"):
        told(two, two.submit(worker, "hello"))
    two.kill_worker(worker)


def test_a_dismissed_worker_is_gone(two: LocalProcesses) -> None:
    worker = two.start_worker(0)
    pid = told(two, two.submit(worker, "hello")).unwrap().pid
    two.kill_worker(worker)
    assert not Path(f"/proc/{pid}/environ").exists() or not Path(f"/proc/{pid}/environ").read_bytes()


def trains(given: Mapping[str, Any], progress: Any) -> None:
    progress("steps", 1, 2)
    if given["wrong"]:
        raise ValueError("out of luck")
    if given["killed"]:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(given["sleep_s"])


def test_a_training_reports_its_progress_to_the_driver(two: LocalProcesses) -> None:
    seen: list[tuple[Any, ...]] = []
    two.train(trains, {"wrong": False, "killed": False, "sleep_s": 0}, lambda *words: seen.append(words))
    assert seen == [("steps", 1, 2)]


@pytest.mark.parametrize(("how", "why"), [("wrong", "ValueError: out of luck"), ("killed", "SIGKILL")])
def test_a_training_that_is_lost_raises_one_line(two: LocalProcesses, how: str, why: str) -> None:
    given = {"wrong": False, "killed": False, "sleep_s": 0} | {how: True}
    with pytest.raises(TrainingError, match=why):
        two.train(trains, given, lambda *words: None)


def makes_a_lock(given: Mapping[str, Any], progress: Any) -> None:
    lock = multiprocessing.RLock()  # as tqdm does
    progress()
    time.sleep(60)
    lock.acquire()


_ENDS_WHILE_IT_HAS_A_LOCK = """
from contextlib import suppress
from harness.core.errors import TrainingError
from harness.fleet.local_processes import LocalProcesses
from tests.fleet.test_local_processes import makes_a_lock

if __name__ == "__main__":
    made = LocalProcesses(1)
    with suppress(TrainingError):
        made.train(makes_a_lock, {}, made.close)
    print("ended")
"""


def test_a_process_that_is_ended_leaves_no_semaphores_to_warn_of() -> None:
    found = subprocess.run([sys.executable, "-c", _ENDS_WHILE_IT_HAS_A_LOCK], capture_output=True, text=True, timeout=200)
    assert found.stdout == "ended\n" and "semaphore" not in found.stderr


def study(jobs: Any, **model: Any) -> schema.RunConfig:
    named = {"name": "transformers", "path": "m", **model}
    return schema.parse({"model": named, "data": "d", "jobs": jobs, "sweep": [{"name": "pope"}]})


@pytest.mark.parametrize(
    ("model", "jobs"),
    [
        ({"device": "cpu", "threads": 1}, 4),
        ({"device": "cpu", "threads": 2}, 2),
        ({"device": "cpu", "threads": 4}, 2),
        ({"device": "cpu"}, 1),  # torch takes all cores
        ({"device": "cuda", "threads": 1}, 1),
        ({"threads": 1}, 1),  # may be a GPU
    ],
)
def test_auto_is_as_many_as_the_cores_allow(model: dict[str, Any], jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert jobs_of(study("auto", **model)) == jobs
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    assert jobs_of(study("auto", **model)) == 1


def test_the_number_of_jobs_is_no_part_of_a_runs_identity() -> None:
    assert study(3).digest == study(1).digest and study(3).as_yaml() == study(1).as_yaml()


def test_the_driver_leaves_the_models_libraries_to_its_processes_which_share_them_untouched_by_garbage_collection() -> None:
    code = (
        "import gc, sys, harness.models.transformers\n"
        "assert 'transformers.modeling_utils' not in sys.modules\n"
        "import harness.run.on_fleet.preloaded\n"
        "from harness.models._images.workers import CHECKPOINT_MODULES\n"
        "assert sys.modules.keys() >= set(CHECKPOINT_MODULES) and gc.get_freeze_count() > 200_000 and gc.isenabled()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("key", "value"), [("jobs", 2), ("fleet", {"workers": 2})])
def test_a_server_of_ones_own_is_refused_beside_several_processes_before_it_starts(
    key: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    (tmp_path / "vllm").write_text(f"#!/bin/sh\ntouch {started}\n")
    (tmp_path / "vllm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    model = {"name": "openai", "path": str(tmp_path), "serve": "vllm"}
    config = schema.parse({"model": model, "data": "d", "sweep": [{"name": "pope"}], "output": str(tmp_path / "o"), key: value})
    with pytest.raises(ConfigError, match=f"`{key}` .* the model openai starts one server .* Leave `{key}` out"):
        pipeline.run(config, "")
    assert not started.exists() and not (tmp_path / "o").exists()


def test_jobs_auto_is_one_process_beside_a_server() -> None:
    config = schema.parse(
        {"model": {"name": "openai", "url": "http://u"}, "data": "d", "jobs": "auto", "sweep": [{"name": "pope"}]}
    )
    assert jobs_of(config) == 1 and plugin_faults(config) == []
