"""Re-scoring 20 stored runs of 9,000 POPE rows each under a revision, from an opened store to metrics with intervals.

python tests/speed/rescore.py [--runs 20]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pope_runs import fill

from benchmarks.pope import SPLITS, Pope
from harness.audit.rescore_runs import rescore
from harness.core import stats
from harness.core.evaluation import Item, LabelEdit
from harness.core.run_record import RunRecord
from harness.storage.label_revisions import Revision
from harness.storage.run_store import Store

IMAGES, POSITIVES = 500, 3  # as the published files: 500 images, six questions an image and split


def items() -> tuple[Item, ...]:
    """9,000 rows: positives are shared by the splits, half of the negatives too, which leaves 6,000 questions."""
    found = []
    for image in range(IMAGES):
        for n in range(POSITIVES * 4):
            label, splits = ("yes", SPLITS) if n < POSITIVES else ("no", (SPLITS[n % 3],))
            truth = {"labels": {s: [label] for s in splits}, "ids": {s: [f"{image}-{n}"] for s in splits}}
            found.append(Item(f"{image} {n}", f"coco/val2014/{image}.jpg", f"Is there a thing{n} in the image?", truth))
    return tuple(found)


def revision(asked: tuple[Item, ...]) -> Revision:
    """As thorough as RePOPE: every label looked at, one in twenty wrong, one in twelve ambiguous."""
    rng, pope, edits = random.Random(1), Pope(), []
    for item in asked:
        new = rng.choices(["right", "flipped", "removed"], [0.87, 0.05, 0.08])[0]
        claim = pope.claim(item, "label")
        assert claim is not None
        edits.append(LabelEdit("pope", item.id, "label", claim.label, new, "speed", "", ""))
    return Revision("speed", "", tuple(edits))


def measure(records: tuple[RunRecord, ...]) -> int:
    results = [result for record in records for sweep in record.sweeps for result in sweep.results]
    return sum(len(stats.metrics(r.items, r.scores, r.formulas)) for r in results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    n_runs = parser.parse_args().runs
    asked = items()
    rows = sum(len(labels) for item in asked for labels in item.truth["labels"].values())
    with tempfile.TemporaryDirectory() as folder:
        with Store(Path(folder) / "store.sqlite") as store:
            fill(store, asked, n_runs, "/nowhere")
        with Store(Path(folder) / "store.sqlite") as store:
            started = time.process_time()
            found = rescore(store, [f"run-{n}" for n in range(n_runs)], [revision(asked)])
            scored = time.process_time()
            n_metrics = measure(found.audited)
            done = time.process_time()
    print(f"{n_runs} runs of {rows:,} rows ({len(asked):,} questions), {len(found.edits):,} edits")
    print(f"read and scored again: {scored - started:.2f} s of CPU")
    print(f"{n_metrics} audited metrics with intervals: {done - scored:.2f} s of CPU")
    print(f"together: {done - started:.2f} s of CPU")


if __name__ == "__main__":
    main()
