"""A lab on paper: 1,000 GPUs, 200 checkpoints, 50 benchmarks. What is the limit: GPUs, loading, the driver's queue, the writer?

    python tests/speed/fleet/simulation.py
    python tests/speed/fleet/simulation.py --gpus 64 --checkpoints 20 --write-us 60 --hand-us 400

A discrete-event simulation. Every worker has one GPU and follows the product's own rule for its next checkpoint
(`harness.fleet.scheduling.next_checkpoint`). Service times: an answer takes 1/--rate s of a GPU (assumed; measure yours with
`run --dry-run`), a wave has 512; a load reads --gib from storage that gives --storage GiB/s to all hosts together and --host
GiB/s to one; the driver handles one unit at a time, --hand-us each plus --answer-us an answer, and one writer stores one answer
in --write-us: the last two as measured by `tests/speed/fleet/overhead.py --driver`. Printed: the wall time and how busy each
resource is, as given, and with one of them ten times slower or faster.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[3])]

from harness.fleet.messages import CheckpointSpec  # noqa: E402
from harness.fleet.scheduling import CheckpointDemand, next_checkpoint  # noqa: E402

WAVE = 512


@dataclass(frozen=True)
class Lab:
    """What is there and how fast it is; times in seconds, sizes in GiB."""

    gpus: int
    checkpoints: int
    benchmarks: int
    questions: int
    rate: float
    gib: float
    storage: float
    host: float
    hand_us: float
    answer_us: float
    write_us: float


@dataclass
class Simulation:
    lab: Lab
    now: float = 0.0
    left: list[int] = field(default_factory=list)  # units by checkpoint
    has: list[int] = field(default_factory=list)  # checkpoint by worker, -1 none
    held: list[int] = field(default_factory=list)  # workers by checkpoint
    free_at: dict[str, float] = field(default_factory=lambda: {"driver": 0.0, "storage": 0.0})
    busy: dict[str, float] = field(default_factory=lambda: {"GPUs": 0.0, "loading": 0.0, "driver": 0.0, "writer": 0.0})
    loads: int = 0

    def run(self) -> float:
        """Wall seconds until the last unit is stored."""
        lab = self.lab
        waves = -(-lab.questions // WAVE)
        self.left = [lab.benchmarks * waves] * lab.checkpoints
        self.has, self.held = [-1] * lab.gpus, [0] * lab.checkpoints
        specs = [CheckpointSpec("m", {}, 1, ".", str(n)) for n in range(lab.checkpoints)]
        events = [(0.0, worker) for worker in range(lab.gpus)]
        while events:
            self.now, worker = heapq.heappop(events)
            after = self._next(worker, specs)
            if after is not None:
                heapq.heappush(events, (after, worker))
        return max(self.now, self.free_at["driver"])

    def _next(self, worker: int, specs: list[CheckpointSpec]) -> float | None:
        """When the worker is idle again; None where nothing is left for it."""
        own = self.has[worker]
        if own >= 0 and self.left[own]:
            return self._unit(own)
        if own >= 0:
            self.held[own] -= 1
            self.has[worker] = -1
        choice = [CheckpointDemand(specs[n], left, self.held[n]) for n, left in enumerate(self.left) if left]
        spec = next_checkpoint(None, 0.0, 0.0, choice)
        if spec is None:
            return None
        self.has[worker] = int(spec.name)
        self.held[self.has[worker]] += 1
        return self._load()

    def _load(self) -> float:
        """Storage is shared: loads queue for it, and none is faster than its host's network."""
        lab = self.lab
        began = max(self.now, self.free_at["storage"])
        self.free_at["storage"] = began + lab.gib / lab.storage
        end = max(self.free_at["storage"], self.now + lab.gib / lab.host)
        self.loads += 1
        self.busy["loading"] += end - self.now
        return end

    def _unit(self, checkpoint: int) -> float:
        """A wave on the GPU, then the driver's and the writer's part; the worker waits for the driver to take it."""
        lab = self.lab
        self.left[checkpoint] -= 1
        end = self.now + WAVE / lab.rate
        write, hand = WAVE * lab.write_us / 1e6, lab.hand_us / 1e6 + WAVE * lab.answer_us / 1e6
        began = max(end, self.free_at["driver"])
        self.free_at["driver"] = began + hand + write
        self.busy["GPUs"] += WAVE / lab.rate
        self.busy["driver"] += hand
        self.busy["writer"] += write
        return self.free_at["driver"]


def shown(name: str, lab: Lab) -> None:
    simulation = Simulation(lab)
    wall = simulation.run()
    shares = {
        what: seconds / wall / (lab.gpus if what in ("GPUs", "loading") else 1) for what, seconds in simulation.busy.items()
    }
    words = ", ".join(f"{what} {share:.1%}" for what, share in shares.items())
    ideal = lab.checkpoints * lab.benchmarks * -(-lab.questions // WAVE) * WAVE / lab.rate / lab.gpus
    print(
        f"{name:34} {wall / 3600:6.2f} h ({wall / ideal:.2f} of GPUs alone), {simulation.loads:,} loads; busy: {words}",
        flush=True,
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"gpus": 1000, "checkpoints": 200, "benchmarks": 50, "questions": 3000}
    for name, value in numbers.items():
        words.add_argument(f"--{name}", type=int, default=value)
    speeds = {"rate": 20.0, "gib": 14.0, "storage": 20.0, "host": 2.0, "hand-us": 400.0, "answer-us": 30.0, "write-us": 15.0}
    for name, speed in speeds.items():
        words.add_argument(f"--{name}", type=float, default=speed)
    lab = Lab(**vars(words.parse_args()))
    shown("as given", lab)
    shown(
        "driver and writer 10 x slower",
        replace(lab, hand_us=10 * lab.hand_us, answer_us=10 * lab.answer_us, write_us=10 * lab.write_us),
    )
    shown("storage 10 x slower", replace(lab, storage=lab.storage / 10))
    shown("GPUs 10 x faster", replace(lab, rate=10 * lab.rate))
    shown("ten times as many GPUs", replace(lab, gpus=10 * lab.gpus))


if __name__ == "__main__":
    main()
