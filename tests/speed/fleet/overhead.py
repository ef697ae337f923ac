"""What a fleet costs: two workers beside one on two cores, the driver's own work, and what one writer takes.

    python tests/speed/fleet/overhead.py                 # all of it; needs root for a network of its own, and two free cores
    python tests/speed/fleet/overhead.py --driver        # the driver's cost and the writer alone, without Ray: seconds

Sweeps: POPE and CHAIR of the miniature world by a local Ray with one and with two workers of one thread each; the start of Ray
and the loading of checkpoints apart, scores and report included. Aim: two workers take at most 0.58 of one worker's time.
Driver: CPU of this process for each answer while workers that cost nothing answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT)]

from harness.config.fleet_form import FleetConfig  # noqa: E402
from harness.core import registry  # noqa: E402
from harness.core.evaluation import Answer, Request  # noqa: E402
from harness.evaluation.cached_model import RememberingModel  # noqa: E402
from harness.fleet import crew as crews  # noqa: E402
from harness.fleet.crew import Crew  # noqa: E402
from harness.fleet.fleet_model import FleetModel  # noqa: E402
from harness.fleet.messages import Spec  # noqa: E402
from harness.storage.run_store import Store  # noqa: E402

WAVE = 512


def writer(answers: int, batch: int, folder: Path) -> float:
    """Answers a second that one store takes, `batch` at a time."""
    texts = {f"{n:064x}": Answer("", "A dog and a cat on a red sofa. " * 3, 24, "end", host="gpu1") for n in range(answers)}
    keys = list(texts)
    with Store(folder / f"{batch}.sqlite") as store:
        began = time.perf_counter()
        for start in range(0, answers, batch):
            store.add_answers("checkpoint", {key: texts[key] for key in keys[start : start + batch]})
        return answers / (time.perf_counter() - began)


def driver(workers: int, waves: int, folder: Path) -> tuple[float, float]:
    """CPU microseconds of the driver for each answer, and answers a second, with workers that answer at once."""
    from tests.fleet.fake_cluster import FakeCluster, Toy

    class Wide(Toy):
        def waves(self, requests: Any) -> list[list[list[int]]]:
            return [[list(range(s, min(s + WAVE, len(requests))))] for s in range(0, len(requests), WAVE)]

    crews.Cluster = FakeCluster(cpus=workers)  # type: ignore[assignment,misc]
    registry.make = lambda kind, name, options: Wide()  # type: ignore[assignment]
    requests = [Request(None, f"Is there a dog in image {n}?") for n in range(waves * WAVE)]
    with Store(folder / f"driver{workers}.sqlite") as store:
        crew = Crew(FleetConfig(workers=workers), lambda text: None)
        model = RememberingModel(FleetModel(crew, Spec("toy", {}, 1, ".")), store)
        cpu, began = time.process_time(), time.perf_counter()
        n = sum(len(batch) for batch in model.generate(requests))
        crew.close()
        return (time.process_time() - cpu) / n * 1e6, n / (time.perf_counter() - began)


def sweeps(questions: int) -> dict[str, Any]:
    """Seconds of the answering alone, with one and with two workers, in turns; the part that runs in a network of its own."""
    from harness.config import schema
    from harness.miniworld.world.write import write_world
    from harness.models._engine import grouping
    from harness.run import models, pipeline
    from tests.small_world import SMALL

    seconds: dict[str, list[float]] = {"1": [], "2": []}
    with tempfile.TemporaryDirectory() as made:
        write_world(Path(made) / "world", SMALL)
        grouping._WAVE_ROWS = 32
        model = {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1}
        sweep = [{"name": "pope", "limit": questions}, {"name": "chair", "limit": 60}]
        for turn in range(2):
            for size in (1, 2):
                tree = {
                    "name": "speed",
                    "model": model,
                    "data": f"{made}/world",
                    "output": f"{made}/{turn}-{size}",
                    "sweep": sweep,
                }
                config = schema.parse({**tree, "fleet": {"workers": size}})
                with models.crew_of(config.fleet, lambda text: None) as crew:
                    assert crew is not None
                    base = models.load_model(config, None, crew)
                    while sum(hand.doing == "idle" for hand in crew._hands) < size:
                        time.sleep(0.2)
                    del base
                    began = time.perf_counter()
                    pipeline.run_on(crew, config, "speed", lambda *_: None, lambda text: None)
                    seconds[str(size)].append(time.perf_counter() - began)
    best = {size: min(times) for size, times in seconds.items()}
    return {"seconds": seconds, "ratio": best["2"] / best["1"]}


def main(only_driver: bool, questions: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        for batch in (1, 16, 128, 512):
            print(
                f"writer, {batch:3} answers at a time: {writer(20 * batch + 2000, batch, Path(made)):9,.0f} answers/s",
                flush=True,
            )
        for workers in (1, 8, 64):
            cpu, speed = driver(workers, 64, Path(made))
            print(
                f"driver, {workers:4} workers: {cpu:6.1f} us of CPU an answer, {speed:8,.0f} answers/s with the store",
                flush=True,
            )
    if only_driver:
        return
    command = [
        "unshare",
        "-n",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "sh",
        sys.executable,
        __file__,
        "--inside",
        str(questions),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"two workers take {found['ratio']:.2f} of the wall time of one (aim: 0.58); seconds: {found['seconds']}")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--driver", action="store_true", help="without Ray")
    words.add_argument("--questions", type=int, default=600)
    words.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.inside:
        print(json.dumps(sweeps(given.inside)))
    else:
        main(given.driver, given.questions)
