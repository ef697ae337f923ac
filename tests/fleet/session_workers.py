"""Workers and trainings of the session with a real Ray, which do what a file in a folder of the session asks for.

Nothing here depends on time: a worker that is to be struck waits for the stroke, with its wave in hand.

    poison       an image's name and the beginning of a question: each worker that is asked it dies
    hold         names of hosts: the first worker there that gets a wave takes the file, writes its host and process id to
                 `held` and waits; workers elsewhere wait until it is taken
    kill-ARM     the second process of the arm dies once, after a step
    beside       the arm TWICE is trained a second time by its processes, in this run's folder, each with a part of the weights
"""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.files import write_text_whole
from harness.fleet import ray_cluster
from harness.fleet.messages import Reply, WaveUnit
from harness.models._engine import grouping

ROWS, KILLED_AFTER, PATIENCE_S, TWICE = 12, 2, 500.0, "two"
FOLDER = "FLEET_TEST_FOLDER"


class SmallWaves(ray_cluster._RayWorker):
    """A worker with small waves."""

    def __init__(self) -> None:
        super().__init__()
        grouping._WAVE_ROWS = ROWS
        self._folder = Path(os.environ[FOLDER])

    def answer(self, unit: WaveUnit) -> Reply:
        poison = self._folder / "poison"
        asked = [f"{request.image.name} {request.text}" for request in unit.requests if request.image is not None]
        if poison.exists() and any(one.startswith(poison.read_text()) for one in asked):
            os.kill(os.getpid(), signal.SIGKILL)
        self._wait_where_asked()
        return super().answer(unit)

    def _wait_where_asked(self) -> None:
        hold, held, own = self._folder / "hold", self._folder / "held", self._folder / f"hold-{os.getpid()}"
        until = time.monotonic() + PATIENCE_S
        try:
            while platform.node() not in hold.read_text().split() and time.monotonic() < until:
                time.sleep(0.05)
            hold.rename(own)  # one worker alone
        except FileNotFoundError:
            return
        write_text_whole(held, f"{platform.node()} {os.getpid()}")
        while held.exists() and time.monotonic() < until:
            time.sleep(0.05)


def train_arm_and_die(given: Mapping[str, Any]) -> None:
    """The product's function, for which the processes of a fleet's arm are started: that is what costs."""
    from harness.run.on_fleet import arm_training

    folder = Path(os.environ[FOLDER])
    mark = folder / f"kill-{given['arm']}"

    def progress(what: str, done: int, total: int) -> None:
        if what.startswith("training") and done == KILLED_AFTER and os.environ.get("RANK") == "1" and mark.exists():
            mark.rename(mark.with_name(f"killed-{given['arm']}"))
            os.kill(os.getpid(), signal.SIGKILL)

    arm_training.train_arm(given, progress)
    if given["arm"] == TWICE:
        _note_that_weights_are_divided(folder / "divided")
        arm_training.train_arm({**given, "folder": Path((folder / "beside").read_text()), "sharded": True})


def _note_that_weights_are_divided(note: Path) -> None:
    from alignment.weights import strategy

    def noted(*words: Any) -> Any:
        note.touch()
        return product(*words)

    product, strategy.Sharded = strategy.Sharded, noted  # type: ignore[assignment,misc]
