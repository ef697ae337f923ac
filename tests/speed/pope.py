"""How much CPU does it take to score POPE's 9,000 rows and to compute its metrics?

    python tests/speed/pope.py

500 images, 3 splits of 3,000 rows each, of which 5,127 (image, question) pairs are distinct, as in the official COCO
files. Loading the files is timed apart from scoring. CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
IMAGES, ROWS = 500, 9000
THINGS = ("dog", "dining table", "person")
ANSWERS = ("Yes", "No", "Yes, there is.", "No, there is no {} in the image.", "I cannot see one.", "The {} is on the left.")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    from benchmarks.pope import Pope
    from harness.core.evaluation import Answer, Sums
    from harness.core.stats import metrics
    from harness.storage.data_folder import DataFolder

    with tempfile.TemporaryDirectory() as folder:
        write_questions(Path(folder))
        pope, start = Pope(), time.process_time()
        items = pope.load(DataFolder(Path(folder)))
        print(f"loading {ROWS:,} rows, {len(items):,} distinct: {time.process_time() - start:.2f} s of CPU")
        draw = random.Random(1)
        answers = [Answer(item.id, draw.choice(ANSWERS).format(draw.choice(THINGS)), 5, "end") for item in items]
        start = time.process_time()
        scores = [pope.score(item, answer) for item, answer in zip(items, answers, strict=True)]
        values: Counter[str] = Counter()
        for score in scores:
            values.update(score.values)
        found = {f.name + f.group: f.compute(Sums(values)) for f in pope.formulas}
        seconds = time.process_time() - start
        print(f"scoring them, {len(found)} metrics: {seconds:.3f} s of CPU (accuracy {100 * found['accuracy']:.1f})")
        start = time.process_time()
        metrics(items, scores, pope.formulas)
        print(f"the same metrics with intervals (10,000 resamples of the images): {time.process_time() - start:.2f} s of CPU")


def write_questions(folder: Path) -> None:
    """Three files of 3,000 rows: the present objects stand in all three, some absent ones in two."""
    draw = random.Random(0)
    (folder / "pope").mkdir()
    rows: dict[str, list[dict[str, object]]] = {"random": [], "popular": [], "adversarial": []}
    for image in range(IMAGES):
        for name, split in rows.items():
            for n in range(6):
                shared = n < 3 or (n == 3 and name != "adversarial") or (n == 4 and name != "random" and image < 373)
                text = f"Is there a {'' if shared else name} thing{n} in the image?"
                label = "yes" if n < 3 else "no"
                split.append({"question_id": len(split) + 1, "image": f"{image:06d}.jpg", "text": text, "label": label})
    for name, split in rows.items():
        draw.shuffle(split)
        text = "".join(json.dumps(row) + "\n" for row in split)
        (folder / f"pope/coco_pope_{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
