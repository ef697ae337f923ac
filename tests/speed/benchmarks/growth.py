"""How time and memory grow at 1, 4 and 16 times as many items, images, checkpoints, labels and stored answers.

    python tests/speed/benchmarks/growth.py [NAME ...]      # all, or some of the kinds below; a minute and a half

Each size is measured in a process of its own, which makes its input and then takes CPU seconds and the growth of its resident
memory over the work alone. The exponent is the logarithm of the ratio of two times over that of their sizes: 1 is linear.
Exit code 1 where one between the two larger sizes is above 1.15 (what is done once lowers the one before).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).resolve().parents[3]), str(Path(__file__).resolve().parents[1])]

STEPS = (1, 4, 16)
MOST = 1.15
Work = Callable[[], Any]


def scored_questions(n: int, folder: Path) -> Work:
    from suspects import items

    from benchmarks.pope import Pope
    from harness.core.evaluation import Answer
    from harness.evaluation.scoring import score_all

    pope, asked, rng = Pope(), items(n // 18), random.Random(0)
    answers = {item.id: Answer(item.id, rng.choice(("Yes.", "No.")), 2, "end") for item in asked}
    return lambda: score_all(pope, asked, answers)


def scored_captions(n: int, folder: Path) -> Work:
    from chair import make_captions

    from benchmarks._coco import vocabulary
    from benchmarks.chair import Chair
    from harness.core.evaluation import Answer, Item
    from harness.evaluation.scoring import score_all

    made, chair = make_captions(sorted(vocabulary.chair().node_of), n, seed=0), Chair()
    chair.facts()  # imports and Punkt
    asked = tuple(Item(str(i), f"{i}.jpg", "", {"objects": objects}) for i, (_, objects) in enumerate(made))
    answers = {str(i): Answer(str(i), text, 70, "end") for i, (text, _) in enumerate(made)}
    return lambda: score_all(chair, asked, answers)


def _report(items: int, images: int, checkpoints: int, folder: Path) -> Work:
    from report import result

    from harness.core import registry
    from harness.core.evaluation import Item
    from harness.core.run_record import Checkpoint, RunRecord, SweepResult
    from reports.comparison.compare import compare

    rng = random.Random(0)
    asked = tuple(Item(str(i), f"{i % images}.jpg", f"Is there a thing{i % 80}?", {"label": "yes"}) for i in range(items))
    sweeps = tuple(
        SweepResult(f"step {c}", Checkpoint(f"c{c}", "base", "", str(c) * 64), (result("bench1", asked, 0.7 + c / 100, rng),))
        for c in range(checkpoints)
    )
    record = RunRecord("speed", "speed", True, "", "", sweeps, data_folder=folder)
    return lambda: registry.get("report", "html")(compare([record]))


def items_of_a_report(n: int, folder: Path) -> Work:
    return _report(n, 500, 2, folder)


def images_of_a_report(n: int, folder: Path) -> Work:
    return _report(16_000, n, 2, folder)


def checkpoints_of_a_report(n: int, folder: Path) -> Work:
    return _report(2_000, 500, n, folder)


def _stored(n: int, checkpoints: int, folder: Path) -> None:
    """Made by another process, whose memory is not measured."""
    if (child := os.fork()) == 0:
        from pope_runs import fill
        from suspects import items, write_annotations

        from harness.storage.run_store import Store

        write_annotations(folder / "data", n // 18)
        with Store(folder / "store.sqlite") as store:
            fill(store, items(n // 18), checkpoints, str(folder / "data"))
        os._exit(0)
    os.waitpid(child, 0)


def labels_ranked(n: int, folder: Path) -> Work:
    from harness.audit.queue import queue
    from harness.storage.run_store import open_store

    _stored(n, 4, folder)
    return lambda: queue(open_store(folder), "pope")


def answers_read_back(n: int, folder: Path) -> Work:
    from harness.storage.run_store import open_store

    _stored(n, 1, folder)

    def work() -> Any:
        store = open_store(folder)
        (result,) = store.results("run-0")
        return store.answers(key for key in result.answer_keys if key is not None)

    return work


KINDS: dict[str, tuple[Callable[[int, Path], Work], int]] = {  # what is measured -> (its work, the smallest size)
    "scored_questions": (scored_questions, 9_000),
    "scored_captions": (scored_captions, 500),
    "items_of_a_report": (items_of_a_report, 4_500),
    "images_of_a_report": (images_of_a_report, 500),
    "checkpoints_of_a_report": (checkpoints_of_a_report, 2),
    "labels_ranked": (labels_ranked, 2_250),
    "answers_read_back": (answers_read_back, 9_000),
}


def measure(kind: str, size: int) -> None:
    """In this process; written as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        work = KINDS[kind][0](size, Path(folder))
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        held, started = _resident("VmRSS"), time.process_time()
        kept = work()
        cpu = time.process_time() - started
        print(json.dumps({"cpu": cpu, "mib": (_resident("VmHWM") - held) / 1024}))
        del kept


def _resident(name: str) -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="NAME", help=", ".join(KINDS))
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.size is not None:
        measure(args.kinds[0], args.size)
        return 0
    print("| what | sizes | CPU s | exponents | memory beside the input, MiB |\n|---|---|---|---|---|")
    steep = [kind for kind in args.kinds or KINDS if not _row(kind)]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{children.ru_utime + children.ru_stime:.0f} s of CPU in all", f"; above {MOST}: {', '.join(steep)}" if steep else ""
    )
    return int(bool(steep))


def _row(kind: str) -> bool:
    """Measure a kind and print its row; whether it is linear."""
    sizes = [step * KINDS[kind][1] for step in STEPS]
    runs = [subprocess.run([sys.executable, __file__, kind, "--size", str(n)], capture_output=True, check=True) for n in sizes]
    found = [json.loads(run.stdout) for run in runs]
    cpu = [one["cpu"] for one in found]
    exponents = [math.log(b / a) / math.log(4) for a, b in pairwise(cpu)]
    cells = [[f"{n:,}" for n in sizes], [f"{s:.2f}" for s in cpu], [f"{e:.2f}" for e in exponents]]
    cells += [[f"{one['mib']:.0f}" for one in found]]
    print(f"| {kind.replace('_', ' ')} | {' | '.join(' / '.join(cell) for cell in cells)} |", flush=True)
    return exponents[-1] <= MOST


if __name__ == "__main__":
    sys.exit(main())
