"""The end of Ray on the driver's host is noticed at once and said in a line; folders of Rays that were killed do not stay."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ModelError
from harness.fleet.local_ray.raylet_watch import watch_raylet
from harness.fleet.local_ray.temporary_folder import temporary_folder
from harness.fleet.ray_cluster import RayCluster
from harness.storage.run_folder import locked

_LISTENS = """
import socket, sys, time
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
print(flush=True)
time.sleep(60)
"""
_WAITS = """
import sys, time
from harness.fleet.ray_cluster import RayCluster
from harness.fleet.local_ray.raylet_watch import watch_raylet
cluster = RayCluster.__new__(RayCluster)
cluster.ended, cluster._blocked, cluster._closed = "", [], False
watch_raylet(sys.argv[1], lambda: cluster._on_ray_end("Ray has ended."))
with cluster.exits_if_ray_ends(print):
    print("waits", flush=True)
    time.sleep(60)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfd is Linux's")


@pytest.fixture
def raylet(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process that listens as a raylet does, and its socket."""
    place = str(tmp_path / "raylet")
    with subprocess.Popen([sys.executable, "-c", _LISTENS, place], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process, place
        process.kill()


def test_the_end_of_a_raylet_is_noticed_at_once(raylet: tuple[subprocess.Popen[bytes], str]) -> None:
    ended = threading.Event()
    watch_raylet(raylet[1], ended.set)
    assert not ended.wait(0.2)
    raylet[0].kill()
    assert ended.wait(5)


def test_a_raylet_that_cannot_be_reached_is_not_watched(tmp_path: Path) -> None:
    watch_raylet(str(tmp_path / "nowhere"), lambda: pytest.fail("it has not ended"))


def test_a_process_that_waits_for_ray_train_ends_with_a_word(raylet: tuple[subprocess.Popen[bytes], str]) -> None:
    with subprocess.Popen([sys.executable, "-c", _WAITS, raylet[1]], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None and driver.stdout.readline() == "waits\n"
        raylet[0].kill()
        assert (driver.communicate(timeout=20)[0], driver.returncode) == ("Ray has ended.\n", 2)


@pytest.mark.parametrize(
    "call", [("submit", "worker", "hello"), ("wait", ["call"], 1.0), ("result", "call"), ("start_worker", 0.0)]
)
def test_nothing_is_asked_of_a_ray_that_has_ended(call: tuple[Any, ...]) -> None:
    """Ray would end this process: here there is none to be asked."""
    cluster = RayCluster.__new__(RayCluster)
    cluster.ended = "Ray has ended."
    with pytest.raises(ModelError, match=r"Ray has ended\."):
        getattr(cluster, call[0])(*call[1:])
    cluster.kill_worker("worker")


def folder(base: Path, age_s: float = 3600.0, lock: bool = True) -> Path:
    made = base / f"harness-ray-{len(list(base.iterdir()))}"
    made.mkdir()
    if lock:
        (made / "lock").touch()
    os.utime(made, (time.time() - age_s,) * 2)
    return made


def test_folders_of_rays_that_were_killed_are_removed_at_the_next_start(tmp_path: Path) -> None:
    left, young, foreign, at_work = folder(tmp_path), folder(tmp_path, 1.0), folder(tmp_path, lock=False), folder(tmp_path)
    with locked(at_work):
        os.utime(at_work, (0, 0))
        with temporary_folder(tmp_path) as own:
            assert {*tmp_path.iterdir()} == {young, foreign, at_work, Path(own).parent}
    assert not left.exists() and not Path(own).parent.exists()


def test_ray_s_folder_lies_in_one_that_no_other_user_can_enter(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as own:
        Path(own).chmod(0o777)  # as Ray does
        assert Path(own).parent.stat().st_mode & 0o777 == 0o700 and not (Path(own) / "lock").exists()
