"""What a question costs in a sweep, by its form: with an image, without one, multiple choice, with likelihoods of the options.

python -m tests.speed.benchmarks.sweep_items [--questions 120] [--turns 2]      (numbers for docs/performance.md)

The tiny LLaVA of `common.py` (256 image tokens), one thread, one image a question (a second question about an image is
cheaper: see `sweep.py`). Every form asks the same number of questions, in turns; printed is the least CPU time of the turns,
user and system, for a question, beside the form that it stands by.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ.setdefault("OMP_NUM_THREADS", "1")

from harness.core.evaluation import Decoding, Request
from harness.models.transformers import TransformersModel
from tests.speed import common  # the number of threads is set before torch is loaded

ENDING = "\nAnswer with the option's letter from the given choices directly."
LETTERS = ("A", "B", "C", "D")


def questions(images: Sequence[Path | None], options: bool) -> list[Request]:
    """One question an image: yes or no, or with four options, answered in at most two tokens."""
    made = []
    for n, image in enumerate(images):
        thing, colour = common.THINGS[n % len(common.THINGS)], common.COLOURS[n % len(common.COLOURS)]
        listed = ", ".join(f"{letter}: {common.COLOURS[(n + k) % 10]}" for k, letter in enumerate(LETTERS))
        text = f"What colour is the {thing}?\nOptions: {listed}{ENDING}" if options else f"Is there a {colour} {thing}?"
        made.append(Request(image, text, Decoding(max_new_tokens=2)))
    return made


def answered(model: TransformersModel, requests: Sequence[Request], likelihoods: bool) -> int:
    """Writes all answers and, with `likelihoods`, asks how likely each of the four letters is."""
    model.forget_features()  # or the images of the form before would be read and encoded already
    model.forget_images(0)
    n = sum(len(batch) for batch in model.generate(requests))
    if likelihoods:
        n += len(model.log_probs([request for request in requests for _ in LETTERS], list(LETTERS) * len(requests)))
    return n


def seconds(work: Callable[[], int]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=120)
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = TransformersModel(str(common.save_model(folder / "model")), device="cpu", threads=1)
        images = [folder / "images" / name for name in common.save_images(folder / "images", given.questions)]
        nothing = [None] * given.questions
        forms: dict[str, tuple[list[Request], bool]] = {
            "yes or no, image": (questions(images, False), False),
            "yes or no, text only": (questions(nothing, False), False),
            "four options, image": (questions(images, True), False),
            "four options, image, likelihoods": (questions(images, True), True),
            "four options, text only": (questions(nothing, True), False),
            "four options, text only, likelihoods": (questions(nothing, True), True),
        }
        answered(model, questions(images[:2], True), True)  # loads the kernels
        costs: dict[str, list[float]] = {name: [] for name in forms}
        for _ in range(given.turns):
            for name, (requests, likelihoods) in forms.items():
                costs[name].append(seconds(lambda r=requests, odds=likelihoods: answered(model, r, odds)))  # type: ignore[misc]
        first = min(costs["yes or no, image"])
        for name, values in costs.items():
            each = 1000 * min(values) / given.questions
            print(f"{name:38}{each:8.2f} ms of CPU a question {min(values) / first:6.2f} x")
        print("load average", *os.getloadavg())


if __name__ == "__main__":
    main()
