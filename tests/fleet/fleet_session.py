"""A fleet with a real Ray: `python tests/fleet/fleet_session.py DATA FOLDER`, under `unshare -n -u`, prints what came as JSON.

Ray nodes on three hosts in namespaces that a bridge joins, one cluster and one crew for everything, since starting processes is
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
from harness.fleet import cluster
from harness.fleet.crew import Crew
from harness.fleet.own_node import start
from harness.fleet.own_node.listening import below
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


def study_with_arms(data: str, folder: Path, crew: Crew, came: dict[str, Any]) -> None:
    """A process of the arm `two` dies on the way; at last its processes train again, each with a part of the weights."""
    (folder / "kill-two").touch()
    beside = steps.sharded_beside(folder, folder / "arms-alone")
    came["arms"] = steps.outcome(data, folder / "arms", crew, arms=ARMS)
    came["a process was killed"] = (folder / "killed-two").exists()
    came["sharded"] = {**steps.trained(beside, "two"), "divided": (folder / "divided").exists()}
    came["trained"] = {arm: steps.trained(folder / "arms", arm) for arm in ("one", "two")}
    came["trained alone"] = {arm: steps.trained(folder / "arms-alone", arm) for arm in ("one", "two")}


def on_hosts(data: str, folder: Path, crew: Crew, found: list[Host], came: dict[str, Any]) -> None:
    crew.size = 1
    study_with_arms(data, folder, crew, came)
    say("arms are done")
    for size in (1, 2, 4):
        crew.size = size
        came[str(size)] = steps.outcome(data, folder / f"w{size}", crew)
        if size == 2:
            came["several"] = steps.several(data, folder / "several", crew)
            came["pairs"] = {"alone": steps.pairs(data, folder / "a", None), "fleet": steps.pairs(data, folder / "b", crew)}
    while any(hand.host is None for hand in crew._hands):  # the sweep may have ended before all workers were up
        time.sleep(0.1)
    came["hosts"] = sorted({hand.host.name for hand in crew._hands if hand.host is not None})
    say("sweeps are done")
    came["killed"] = steps.killed(data, folder, crew, found)
    came["poisoned"], came["after the poison"] = steps.poisoned(data, folder, crew)
    say("a worker was killed, another one poisoned")
    came["cut off"] = steps.cut_off(data, folder, crew, found)
    say("a host was cut off")


def main(data: str, folder: Path) -> None:
    os.environ[FOLDER] = str(folder)
    os.environ.update(environment())
    grouping._WAVE_ROWS = ROWS
    cluster._Hired = SmallWaves  # type: ignore[misc]
    start._TOKEN = TOKEN  # Ray keeps the first one that a process has
    arm_training.train_arm = train_arm_and_die
    came: dict[str, Any] = {"alone": steps.outcome(data, folder / "alone")}
    came["arms alone"] = steps.outcome(data, folder / "arms-alone", arms=ARMS)
    say("one process is done")
    with hosts([2, 1, 1]) as found, models.crew_of(FleetConfig(address=f"{HEAD}:{PORT}", workers=4), say) as crew:
        assert crew is not None
        on_hosts(data, folder, crew, found, came)
    with models.crew_of(FleetConfig(workers=1), say) as crew:
        came["local"] = steps.outcome(data, folder / "local", crew)
    came["left over"] = len(below(os.getpid()))
    say("all is done")
    print(json.dumps(came))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
