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
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT)]

from harness.config.fleet_form import FleetConfig  # noqa: E402
from harness.core import registry  # noqa: E402
from harness.core.evaluation import Answer, Request  # noqa: E402
from harness.evaluation.cached_model import CachedModel  # noqa: E402
from harness.fleet import worker_pool  # noqa: E402
from harness.fleet.fleet_model import FleetModel  # noqa: E402
from harness.fleet.messages import CheckpointSpec  # noqa: E402
from harness.fleet.worker_pool import WorkerPool  # noqa: E402
from harness.storage.run_store import Store  # noqa: E402

WAVE, TURNS, IMAGES = 512, 3, 400


def writer(answers: int, batch: int, folder: Path) -> float:
    """Answers a second that one store takes, `batch` at a time."""
    texts = {f"{n:064x}": Answer("", "A dog and a cat on a red sofa. " * 3, 24, "end", host="gpu1") for n in range(answers)}
    keys = list(texts)
    with Store(folder / f"{batch}.sqlite") as store:
        began = time.perf_counter()
        for start in range(0, answers, batch):
            store.add_answers("checkpoint", {key: texts[key] for key in keys[start : start + batch]})
        return answers / (time.perf_counter() - began)


def driver(workers: int, waves: int, file: Path, digest: str = "d") -> tuple[float, float]:
    """CPU microseconds of the driver for each answer, and answers a second, with workers that answer at once."""
    from tests.fleet.fake_cluster import FakeCluster, Toy

    class Wide(Toy):
        def waves(self, requests: Any) -> list[list[list[int]]]:
            return [[list(range(s, min(s + WAVE, len(requests))))] for s in range(0, len(requests), WAVE)]

    worker_pool.RayCluster = FakeCluster(cpus=workers)  # type: ignore[assignment,misc]
    registry.make = lambda kind, name, options: Wide(digest)  # type: ignore[assignment]
    requests = [Request(None, f"Is there a dog in image {n}?") for n in range(waves * WAVE)]
    with Store(file) as store:
        pool = WorkerPool(FleetConfig(workers=workers), lambda text: None)
        model = CachedModel(FleetModel(pool, CheckpointSpec("toy", {}, 1, ".")), store)
        cpu, began = time.process_time(), time.perf_counter()
        n = sum(len(batch) for batch in model.generate(requests))
        pool.close()
        return (time.process_time() - cpu) / n * 1e6, n / (time.perf_counter() - began)


def drivers(n: int, waves: int, folder: Path) -> float:
    """Answers a second of several drivers, each a process with checkpoints of its own, that write one store together."""
    code = "import sys; from pathlib import Path; from tests.speed.fleet.overhead import driver; "
    code += f"driver(8, {waves}, Path(sys.argv[1]), sys.argv[2])"
    file = folder / f"drivers{n}.sqlite"
    with Store(file):
        pass  # made by one
    began = time.perf_counter()
    started = [subprocess.Popen([sys.executable, "-c", code, str(file), f"d{i}"], cwd=ROOT) for i in range(n)]
    assert all(one.wait() == 0 for one in started)
    took = time.perf_counter() - began
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM answers").fetchone() == (n * waves * WAVE,)
    return n * waves * WAVE / took


def sweeps(questions: int) -> dict[str, Any]:
    """Seconds of the answering alone, with one and with two workers, in turns; the part that runs in a network of its own."""
    from harness.config import schema
    from harness.miniworld.world.write import write_world
    from harness.models._engine import grouping
    from harness.run import models, pipeline
    from tests.small_world import SMALL

    seconds: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
    with tempfile.TemporaryDirectory() as made:
        write_world(Path(made) / "world", replace(SMALL, val_images=IMAGES))
        grouping._WAVE_ROWS = 32
        model = {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1}
        sweep = [{"name": "pope", "limit": questions}, {"name": "chair"}]
        for turn in range(TURNS):
            for size in (1, 2):
                tree = {
                    "name": "speed",
                    "model": model,
                    "data": f"{made}/world",
                    "output": f"{made}/{turn}-{size}",
                    "sweep": sweep,
                }
                config = schema.parse({**tree, "fleet": {"workers": size}})
                with models.worker_pool_of(config.fleet, lambda text: None) as pool:
                    assert pool is not None
                    base = models.load_model(config, None, pool)
                    while sum(worker.state == "idle" for worker in pool.workers) < size:
                        time.sleep(0.2)
                    del base
                    pids = [worker.info.pid for worker in pool.workers if worker.info is not None]
                    began, own, theirs = time.perf_counter(), time.process_time(), [cpu(pid) for pid in pids]
                    pipeline.run_on(pool, config, "speed", lambda *_: None, lambda text: None)
                    found = {"wall": time.perf_counter() - began, "driver": time.process_time() - own}
                    workers = [cpu(pid) - before for pid, before in zip(pids, theirs, strict=True)]
                    seconds[str(size)].append({**found, "workers": sum(workers), "busiest": max(workers)})
    best = {size: {what: min(one[what] for one in found) for what in found[0]} for size, found in seconds.items()}
    return {"seconds": seconds, "best": best}


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def say_sweeps(found: dict[str, Any]) -> None:
    """Wall times, which depend on who else uses the cores, and CPU times, which depend on it less."""
    for size, times in found["seconds"].items():
        for one in times:
            print(f"{size} worker(s): " + ", ".join(f"{what} {value:.1f} s" for what, value in one.items()))
    one, two = found["best"]["1"], found["best"]["2"]
    both = two["workers"] / one["workers"]
    print(f"two workers take {two['wall'] / one['wall']:.2f} of the wall time of one (aim: 0.58), best of {len(times)} turns")
    print(f"the busier of two uses {two['busiest'] / one['busiest']:.2f} of the CPU of one; both together {both:.2f}")


def main(only_driver: bool, questions: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        for batch in (1, 16, 128, 512):
            print(
                f"writer, {batch:3} answers at a time: {writer(20 * batch + 2000, batch, Path(made)):9,.0f} answers/s",
                flush=True,
            )
        for workers in (1, 8, 64):
            cpu, speed = driver(workers, 64, Path(made) / f"driver{workers}.sqlite")
            print(
                f"driver, {workers:4} workers: {cpu:6.1f} us of CPU an answer, {speed:8,.0f} answers/s with the store",
                flush=True,
            )
        for n in (1, 2):
            print(
                f"{n} drivers on one store: {drivers(n, 256, Path(made)):8,.0f} answers/s together, their start included",
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
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]
    print(f"load average {os.getloadavg()[0]:.1f}")
    say_sweeps(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--driver", action="store_true", help="without Ray")
    words.add_argument("--questions", type=int, default=2400, help="of each of POPE's three splits")
    words.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.inside:
        print(json.dumps(sweeps(given.inside)))
    else:
        main(given.driver, given.questions)
