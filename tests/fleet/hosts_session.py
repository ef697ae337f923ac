"""Three hosts: `python tests/fleet/hosts_session.py DATA FOLDER`, under `unshare -n -u`, prints what came of it as JSON.

Real Ray nodes in namespaces joined by a bridge. Sweeps by 1, 2 and 4 workers, a study with two arms, and a sweep during which
the link of a host is taken down. All share one crew, since starting workers is what costs.
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
from harness.models._engine import grouping
from harness.run import models
from tests.fleet.hosts import HEAD, PORT, Host, environment, hosts
from tests.fleet.ray_session import ROWS, SmallWaves, outcome

PAIRS = {"name": "bdhs", "limit": 4, "n_tries": 2, "max_new_tokens": 12}
TRAINING = {"batch_size": 4, "max_steps": 1, "learning_rate": 1.0e-5}
ARMS = [
    {"name": n, "pairs": PAIRS, "align": {"name": "dpo", "beta": b, "training": TRAINING}} for n, b in (("a", 0.1), ("b", 0.3))
]


def cut_off_a_busy_host(found: list[Host]) -> Any:
    """Takes down the link of a host, not the head's, whose worker is at work; True once there was one."""

    def strike(crew: Crew | None) -> bool:
        busy = {hand.host.name for hand in (crew._hands if crew is not None else ()) if hand.doing == "work" and hand.host}
        for host in found[1:]:
            if host.name in busy:
                host.cut_off()
                return True
        return False

    return strike


def main(data: str, folder: Path) -> None:
    os.environ["FLEET_TEST_FOLDER"] = str(folder)
    os.environ.update(environment())
    grouping._WAVE_ROWS = ROWS
    cluster._Hired = SmallWaves  # type: ignore[misc]
    came: dict[str, Any] = {"alone": outcome(data, folder / "alone")}
    came["arms alone"] = outcome(data, folder / "arms-alone", arms=ARMS)
    with hosts([2, 1, 1]) as found:
        address = f"{HEAD}:{PORT}"
        with models.crew_of(
            FleetConfig(address=address, workers=4), lambda text: print(text, file=sys.stderr, flush=True)
        ) as crew:
            assert crew is not None
            for size in (1, 2, 4):
                crew.size = size
                came[str(size)] = outcome(data, folder / f"w{size}", crew)
            while any(hand.host is None for hand in crew._hands):  # the sweep may have ended before all workers were up
                time.sleep(0.2)
            came["hosts"] = sorted({hand.host.name for hand in crew._hands if hand.host is not None})
            began = time.monotonic()
            came["cut off"] = outcome(data, folder / "cut", crew, 12, cut_off_a_busy_host(found))
            came["cut off"]["took_s"] = time.monotonic() - began
            crew.size = 2
            came["arms"] = outcome(data, folder / "arms", crew, arms=ARMS)
    print(json.dumps(came))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
