"""How long a large report takes: 6 checkpoints x 9 benchmarks x 9,000 items. Run: python tests/speed/report.py

The images are photographs' size and as hard to compress, so that the page has all its thumbnails; one benchmark has
log-odds of yes. Limits: under 12 s of CPU, 1.5 GB, HTML under 15 MB; 10,000 resamples of 9,000 items under 0.5 s of CPU
with 500 images, 2 s with 9,000. Exit code 1 when one is broken.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does: waiting threads count as CPU time
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from PIL import Image

from benchmarks._pope import calibration as _calibration
from harness.core import registry
from harness.core.evaluation import Answer, Item, Score, Span, ratio
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, RunRecord, SweepResult
from harness.core.stats import RESAMPLES, resample, sample
from reports.comparison.compare import compare

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
        sure = _calibration.addends(rng.gauss(3 if i % 2 else -3, 3), bool(i % 2)) if benchmark == "bench0" else {}
        scores.append(Score(item.id, {f"{SPLITS[i % 3]}/{cell}": 1.0, "words": words, "answers": 1.0, **sure},
                            correct=right, spans=spans))  # fmt: skip
    protocol = ProtocolRecord({"benchmark": benchmark, "rows": str(len(items))})
    own = formulas() + (_calibration.formulas() if benchmark == "bench0" else ())
    return BenchmarkResult(benchmark, protocol, items, tuple(answers), tuple(scores), own)


def make(n_images: int, folder: Path) -> RunRecord:
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
    return RunRecord("speed", "speed", True, "", "", sweeps, data_folder=folder)


def draw(n_images: int, folder: Path) -> None:
    """Noise over coarse patches, 640 x 480: a JPEG of about 150 kB, as photographs are."""
    for i in range(n_images):
        rng = np.random.default_rng(i)
        coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize((640, 480), Image.Resampling.BICUBIC)
        noisy = np.asarray(coarse, dtype=np.int16) + rng.integers(-20, 20, (480, 640, 3), dtype=np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.jpg", quality=90)


def resampling(n_images: int) -> float:
    """CPU seconds of 10,000 resamples of 9,000 yes/no items in three splits, draws of the images included."""
    rng = random.Random(1)
    scores = [Score(str(i), {f"{SPLITS[i % 3]}/{rng.choice(('tp', 'fp', 'tn', 'fn'))}": 1.0}) for i in range(ITEMS)]
    start = time.process_time()
    resample(sample([i % n_images for i in range(ITEMS)], scores).totals)
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=int, nargs="?", default=500, help="images that the items ask about")
    n_images = parser.parse_args().images
    resampled_s = resampling(n_images)
    sys.stdout.write(f"{RESAMPLES:,} resamples of {ITEMS:,} items of {n_images} images: {resampled_s:.2f} s CPU\n")
    with tempfile.TemporaryDirectory() as folder:
        draw(n_images, Path(folder))
        broken = report(n_images, Path(folder))
    return int(broken or resampled_s > (0.5 if n_images <= 500 else 2))


def report(n_images: int, folder: Path) -> bool:
    record = make(n_images, folder)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    start = time.process_time()
    comparison = compare([record])
    compared = time.process_time() - start
    html = registry.get("report", "html")(comparison)
    rest = [registry.get("report", name)(comparison) for name in ("markdown", "json", "csv", "latex")]
    cpu_s = time.process_time() - start
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    size_mb, n_thumbnails = len(html.encode()) / 1e6, html.count("data:image/jpeg")
    sys.stdout.write(
        f"{CHECKPOINTS} checkpoints x {BENCHMARKS} benchmarks x {ITEMS:,} items of {n_images} images: "
        f"{cpu_s:.1f} s CPU ({compared:.1f} s comparing), peak {peak_gb:.2f} GB ({held:.2f} GB the record itself), "
        f"HTML {size_mb:.1f} MB with {n_thumbnails} thumbnails, the others {sum(map(len, rest)) / 1e6:.1f} MB\n"
    )
    return cpu_s > 12 or peak_gb > 1.5 or size_mb > 15


if __name__ == "__main__":
    sys.exit(main())
