"""How long a large report takes: 6 checkpoints x 9 benchmarks x 9,000 items. Run: python tests/speed/report.py

Limits of the issue: under 20 s of CPU, 1.5 GB, HTML under 15 MB. Exit code 1 when one is broken.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does: waiting threads count as CPU time
sys.path.insert(0, str(Path(__file__).parents[2]))

from harness import registry
from harness.contract import (
    Answer,
    BenchmarkResult,
    Checkpoint,
    Item,
    ProtocolRecord,
    RunRecord,
    Score,
    Span,
    SweepResult,
    ratio,
)
from reports.compare import compare

CHECKPOINTS, BENCHMARKS, ITEMS = 6, 9, 9_000
SPLITS = ("random", "popular", "adversarial")


def formulas() -> tuple:
    found = []
    for split in SPLITS:
        tp, fp, tn, fn = (f"{split}/{k}" for k in ("tp", "fp", "tn", "fn"))
        found += [
            ratio("accuracy", [tp, tn], [tp, fp, tn, fn], group=split, headline=True),
            ratio("f1", [tp, tp], [tp, tp, fp, fn], group=split, headline=True),
            ratio("yes_rate", [tp, fp], [tp, fp, tn, fn], group=split, better="neither"),
        ]
    return (*found, ratio("words", ["words"], ["answers"], better="neither", unit="words"))


def result(benchmark: str, items: tuple[Item, ...], skill: float, rng: random.Random) -> BenchmarkResult:
    answers, scores = [], []
    captions = benchmark.endswith(("7", "8"))
    for i, item in enumerate(items):
        right = rng.random() < skill
        cell = ("tp" if i % 2 else "tn") if right else ("fn" if i % 2 else "fp")
        words = rng.randint(5, 90)
        text = "a dog and a cat near a tall lamp. " * (words // 9 + 1) if captions else "Yes." if right else "No."
        spans = (Span(2, 5, "found", "dog"), Span(12, 15, "invented", "cat")) if captions else ()
        answers.append(Answer(item.id, text, words, "end"))
        scores.append(Score(item.id, {f"{SPLITS[i % 3]}/{cell}": 1.0, "words": words, "answers": 1.0},
                            correct=right, spans=spans))  # fmt: skip
    protocol = ProtocolRecord({"benchmark": benchmark, "rows": str(len(items))})
    return BenchmarkResult(benchmark, protocol, items, tuple(answers), tuple(scores), formulas())


def make(n_images: int) -> RunRecord:
    rng = random.Random(0)
    benchmarks = {
        f"bench{b}": tuple(
            Item(str(i), f"{i % n_images}.jpg", f"Is there a thing{i % 80} in the image?", {"label": "yes"})
            for i in range(ITEMS)
        )
        for b in range(BENCHMARKS)
    }
    sweeps = tuple(
        SweepResult(f"step {c}", Checkpoint(f"c{c}", "base", "", str(c) * 64),
                    tuple(result(b, items, 0.7 + c / 100, rng) for b, items in benchmarks.items()))
        for c in range(CHECKPOINTS)
    )  # fmt: skip
    return RunRecord("speed", "speed", True, "", "", sweeps)


def main() -> int:
    n_images = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    record = make(n_images)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    start = time.process_time()
    comparison = compare([record])
    compared = time.process_time() - start
    html = registry.get("report", "html")(comparison)
    rest = [registry.get("report", name)(comparison) for name in ("markdown", "json", "csv", "latex")]
    cpu_s = time.process_time() - start
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    size_mb = len(html.encode()) / 1e6
    sys.stdout.write(
        f"{CHECKPOINTS} checkpoints x {BENCHMARKS} benchmarks x {ITEMS:,} items of {n_images} images: "
        f"{cpu_s:.1f} s CPU ({compared:.1f} s comparing), peak {peak_gb:.2f} GB ({held:.2f} GB the record itself), "
        f"HTML {size_mb:.1f} MB, the others {sum(map(len, rest)) / 1e6:.1f} MB\n"
    )
    return int(cpu_s > 20 or peak_gb > 1.5 or size_mb > 15)


if __name__ == "__main__":
    sys.exit(main())
