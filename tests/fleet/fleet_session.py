"""A fleet with a real Ray: `python tests/fleet/fleet_session.py DATA FOLDER`, under `unshare -n -u`, prints what came as JSON.

Ray nodes on three hosts in namespaces that a bridge joins, one cluster and one pool for everything, since starting processes is
what costs: a study with arms, one of whose processes is killed; sweeps by 1, 2 and 4 workers; several checkpoints; a worker
that is killed; a wave that kills its worker; a host whose link goes down. At last a Ray that the product starts by itself.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from harness.config.fleet_form import FleetConfig
from harness.fleet import ray_cluster
from harness.fleet.local_ray import start
from harness.fleet.local_ray.open_ports import descendants
from harness.fleet.worker_pool import WorkerPool
from harness.models._engine import grouping
from harness.run import models
from harness.run.on_fleet import arm_training
from tests.fleet import session_steps as steps
from tests.fleet.hosts import HEAD, PORT, TOKEN, Host, environment, hosts
from tests.fleet.session_workers import FOLDER, ROWS, SmallWaves, train_arm_and_die

ARMS = steps.arms(one={}, two={"workers": 2})
BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", file=sys.stderr, flush=True)


def study_with_arms(data: str, folder: Path, pool: WorkerPool, came: dict[str, Any]) -> None:
    """A process of the arm `two` dies on the way; at last its processes train again, each with a part of the weights."""
    (folder / "kill-two").touch()
    beside = steps.sharded_beside(folder, folder / "arms-alone")
    came["arms"] = steps.outcome(data, folder / "arms", pool, arms=ARMS)
    came["a process was killed"] = (folder / "killed-two").exists()
    came["sharded"] = {**steps.trained(beside, "two"), "divided": (folder / "divided").exists()}
    came["trained"] = {arm: steps.trained(folder / "arms", arm) for arm in ("one", "two")}
    came["trained alone"] = {arm: steps.trained(folder / "arms-alone", arm) for arm in ("one", "two")}


def on_hosts(data: str, folder: Path, pool: WorkerPool, found: list[Host], came: dict[str, Any]) -> None:
    pool.size = 1
    study_with_arms(data, folder, pool, came)
    say("arms are done")
    for size in (1, 2, 4):
        pool.size = size
        came[str(size)] = steps.outcome(data, folder / f"w{size}", pool)
        if size == 2:
            came["several"] = steps.several(data, folder / "several", pool)
            came["pairs"] = {"alone": steps.pairs(data, folder / "a", None), "fleet": steps.pairs(data, folder / "b", pool)}
    while any(worker.info is None for worker in pool.workers):  # the sweep may have ended before all workers were up
        time.sleep(0.1)
    came["hosts"] = sorted({worker.info.host for worker in pool.workers if worker.info is not None})
    say("sweeps are done")
    came["killed"] = steps.killed(data, folder, pool, found)
    came["poisoned"], came["after the poison"] = steps.poisoned(data, folder, pool)
    say("a worker was killed, another one poisoned")
    came["cut off"] = steps.cut_off(data, folder, pool, found)
    say("a host was cut off")


def main(data: str, folder: Path) -> None:
    os.environ[FOLDER] = str(folder)
    os.environ.update(environment())
    grouping._WAVE_ROWS = ROWS
    ray_cluster._RayWorker = SmallWaves  # type: ignore[misc]
    start._TOKEN = TOKEN  # Ray keeps the first one that a process has
    arm_training.train_arm = train_arm_and_die
    came: dict[str, Any] = {"alone": steps.outcome(data, folder / "alone")}
    came["arms alone"] = steps.outcome(data, folder / "arms-alone", arms=ARMS)
    say("one process is done")
    with hosts([2, 1, 1]) as found, models.worker_pool_of(FleetConfig(address=f"{HEAD}:{PORT}", workers=4), say) as pool:
        assert pool is not None
        on_hosts(data, folder, pool, found, came)
    with models.worker_pool_of(FleetConfig(workers=1), say) as pool:
        came["local"] = steps.outcome(data, folder / "local", pool)
    came["left over"] = len(descendants(os.getpid()))
    say("all is done")
    print(json.dumps(came))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
