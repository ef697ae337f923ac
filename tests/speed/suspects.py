"""Ranking a queue of 9,000 labels with 20 checkpoints' answers, 500 images with boxes and captions: from the store to cases.

python tests/speed/suspects.py [--checkpoints 20] [--images 500]      # 18 labels an image
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pope_runs import fill

from benchmarks.pope import SPLITS
from harness.audit.queue import gather, queue
from harness.core.evaluation import Item
from harness.labels.suspicion.rank import rank_labels
from harness.storage.run_store import Store

KINDS = ["person", "car", "dog", "cat", "chair", "bench", "bottle", "cup", "kite"]
KINDS += ["boat", "horse", "sheep", "umbrella", "pizza", "clock", "vase", "truck", "bowl"]


def items(images: int) -> tuple[Item, ...]:
    """Different questions, so that nothing is saved by asking once: 18 kinds of each image."""
    found = []
    for image in range(images):
        there = set(random.Random(image).sample(KINDS, 5))
        for n, kind in enumerate(KINDS):
            split = SPLITS[n % 3]
            truth = {"labels": {split: ["yes" if kind in there else "no"]}, "ids": {split: [f"{image}-{n}"]}}
            found.append(Item(f"{image} {kind}", f"coco/val2014/{image}.jpg", f"Is there a {kind} in the image?", truth))
    return tuple(found)


def write_annotations(folder: Path, many: int) -> None:
    rng, boxes, captions = random.Random(0), [], []
    for image in range(many):
        there = random.Random(image).sample(range(len(KINDS)), 5)
        boxes += [
            {"image_id": image, "category_id": k, "iscrowd": 0, "bbox": [rng.randint(0, 500), rng.randint(0, 300), 100, 90]}
            for k in there
        ]
        captions += [{"image_id": image, "caption": f"A {KINDS[k]} and a {KINDS[there[0]]} outside."} for k in there]
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in range(many)]
    categories = [{"id": n, "name": kind} for n, kind in enumerate(KINDS)]
    (folder / "coco/annotations").mkdir(parents=True)
    for kind, rows in (("instances", boxes), ("captions", captions)):
        content = {"images": images, "annotations": rows, "categories": categories}
        (folder / f"coco/annotations/{kind}_val2014.json").write_text(json.dumps(content))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=int, default=20)
    parser.add_argument("--images", type=int, default=500)
    args = parser.parse_args()
    n = args.checkpoints
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_annotations(data, args.images)
        if (child := os.fork()) == 0:  # what it takes to make the store is not measured
            with Store(Path(folder) / "store.sqlite") as store:
                fill(store, items(args.images), n, str(data))
            os._exit(0)
        os.waitpid(child, 0)
        with Store(Path(folder) / "store.sqlite") as store:
            started = time.process_time()
            cases = queue(store, "pope")
            done = time.process_time()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            own = gather(store)["pope"]
            ready = time.process_time()
            rank_labels(own.evidence, own.witnesses)
            ranked = time.process_time()
    print(f"{len(cases):,} labels, {n} checkpoints")
    print(f"from an opened store to the ranked queue, annotations read for the first time: {done - started:.2f} s of CPU")
    print(f"memory of all this: {peak:,.0f} MiB at most")
    print(f"of which the ranking alone: {ranked - ready:.2f} s")


if __name__ == "__main__":
    main()
