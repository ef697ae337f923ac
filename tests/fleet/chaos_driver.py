"""The driver of a chaos test: one sweep, or one small study, on a fleet: `python tests/fleet/chaos_driver.py SETTINGS.json`.

Settings: data, output, address, workers; `study` "sweep" or "arms"; `wave_s`, how long a wave takes at least, so that kills hit
work that is under way; `poison`, the name of an image that costs every worker its life. Prints what came of it as JSON. What
every worker does is written to stderr every few seconds, and where every thread is on SIGUSR1.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from harness.fleet import ray_cluster
from harness.fleet.messages import Reply, WaveUnit
from harness.fleet.status import FleetStatus
from harness.models._engine import grouping
from harness.run import pipeline

ROWS, SHOW_S = 12, 10.0
MODEL = {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1}


SETTINGS: dict[str, Any] = {}  # this module is the driver's main one, so it travels to the workers by value


class SlowWaves(ray_cluster._RayWorker):
    """A worker with small waves, each of which takes a while."""

    def __init__(self) -> None:
        super().__init__()
        grouping._WAVE_ROWS = ROWS

    def answer(self, unit: WaveUnit) -> Reply:
        time.sleep(SETTINGS["wave_s"])
        if any(path.name == SETTINGS["poison"] for path in unit.images):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(unit)


def study(settings: dict[str, Any]) -> Any:
    from harness.config import schema

    pope = {"name": "pope", "splits": ["random"], "limit": settings["questions"]}
    chair = {"name": "chair", "limit": 14, "max_new_tokens": 12}
    tree = {"name": "chaos", "model": MODEL, "data": settings["data"], "output": settings["output"], "sweep": [pope, chair]}
    if settings["study"] == "arms":
        pairs = {"name": "bdhs", "limit": 6, "n_tries": 2, "max_new_tokens": 12}
        training = {"batch_size": 4, "max_steps": 2, "learning_rate": 1.0e-5}
        dpo = {"name": "dpo", "training": training}
        tree["arms"] = [
            {"name": name, "pairs": pairs, "align": {**dpo, "beta": beta}} for name, beta in (("a", 0.1), ("b", 0.3))
        ]
    if settings["address"]:
        tree["fleet"] = {"address": settings["address"], "workers": settings["workers"], **settings.get("fleet", {})}
    return schema.parse(tree)


def main(file: Path) -> None:
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    settings = json.loads(file.read_text())
    SETTINGS.update(settings)
    grouping._WAVE_ROWS = ROWS
    ray_cluster._RayWorker = SlowWaves  # type: ignore[misc]
    began, shown, said = time.monotonic(), [0.0], list[str]()

    def say(text: str) -> None:
        said.append(text)
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    def show(status: FleetStatus) -> None:
        if time.monotonic() - shown[0] > SHOW_S:
            shown[0] = time.monotonic()
            say("; ".join([status.summary, *(" ".join((*row.cells()[:5], f"{row.state_s:.0f} s")) for row in status.workers)]))

    done = pipeline.run(study(settings), "test", say=say, show=show)
    assert done is not None
    print(json.dumps({"run": done.run_id, "folder": str(done.folder), "said": said}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
