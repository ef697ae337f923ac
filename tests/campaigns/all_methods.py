"""Every alignment method on the miniature world, each tuned with the same budget: the tables of docs/methods.md.

    setsid bash -c 'echo 15 > /proc/self/autogroup; exec python -m tests.campaigns.all_methods --output /tmp/methods' &
    python -m tests.campaigns.all_methods --output /tmp/methods --page docs/methods.md     (tables of what is finished so far)

A method is tuned by a random search of 8 settings (learning rate, strength) on captions of held-out training images, then the
setting with the best object F1 is trained with three seeds and swept over the benchmarks. The methods come one after the other
in one process; each leaves METHOD.json, and a campaign that was stopped goes on with the first method that has none.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import harness
from harness.core.errors import HarnessError, TrainingError
from harness.core.files import write_text_whole
from harness.run.data import open_data
from tests.campaigns.methods_listed import METHODS, PAIRS, Method
from tests.campaigns.methods_tables import page

SEARCHED = 8  # settings a method
SEEDS = [0, 1, 2]
LEARNING_RATES = (5e-5, 1e-3)
TRAINING = {"epochs": 1, "batch_size": 8, "trackers": [], "save_every": 1000}
MODEL = {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1}
HELD_OUT, FIRST_HELD_OUT = 16, 1500  # images; the caption prompts are about the training images before this one
LIST = "validation.txt"
MARKS = ("<!-- tables -->", "<!-- end of tables -->")  # of docs/methods.md
VALIDATION = [{"name": "chair", "split": "train", "images": LIST, "max_new_tokens": 64}]
SWEEP = [
    {"name": "chair", "limit_images": 80, "max_new_tokens": 64},
    {"name": "pope", "limit_images": 30},
]


class Clock:
    """Progress of a run that is not shown; CPU seconds of each of its stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage, self._since = "", time.process_time()

    def __call__(self, what: str, done: int, total: int) -> None:
        """One unit of work is done."""

    def say(self, text: str) -> None:
        now = time.process_time()
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = text.partition(" (")[0], now

    def of(self, arm: str) -> float:
        """Of an arm's training: loading, reference values that were not known yet, steps, the checkpoint."""
        return round(self.seconds.get(f"alignment of {arm}", 0.0), 2)


def settings() -> list[tuple[float, float]]:
    """(learning rate, share of the way through a method's range of strengths): the same draws for every method."""
    draw = random.Random(0)
    return [(_between(*LEARNING_RATES, draw.random()), draw.random()) for _ in range(SEARCHED)]


def _between(low: float, high: float, share: float) -> float:
    """Log-uniform, to two digits."""
    return float(f"{low * (high / low) ** share:.2g}")


def aligned(method: Method, rate: float, share: float) -> dict[str, Any]:
    """The method's `align` with a setting of the search."""
    made = json.loads(json.dumps(method.align))
    place = made
    for key in method.strength.split(".")[:-1]:
        place = place.setdefault(key, {})
    if method.strength:
        place[method.strength.split(".")[-1]] = _between(*method.between, share)
    return {**made, "training": {**TRAINING, "learning_rate": rate}}


def study(name: str, arms: list[dict[str, Any]], sweep: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "data": "miniworld", "model": MODEL, "arms": arms, "sweep": sweep}


def search(method: Method, output: Path) -> list[dict[str, Any]]:
    """The eight settings with what they reached on the held-out training images; None where a training failed."""
    found = list[dict[str, Any]]()
    drawn = settings() if method.strength else [(rate, 0.0) for rate, _ in settings()]
    arms = [
        {"name": f"setting{i}", "pairs": PAIRS[method.pairs], "align": aligned(method, *one)} for i, one in enumerate(drawn)
    ]
    try:
        values = _values(harness.run(study(f"search-{method.name}", arms, VALIDATION), output=output, progress=Clock()))
    except HarnessError as error:  # of one setting: try them one by one
        print(f"{method.name}: {error}", flush=True)
        values = {}
        for arm in arms:
            try:
                one = study(f"search-{method.name}", [arm], VALIDATION)
                values |= _values(harness.run(one, output=output, progress=Clock()))
            except HarnessError as fault:
                values[arm["name"]] = {"f1": None, "fault": str(fault)}
    for arm, (rate, share) in zip(arms, drawn, strict=True):
        strength = _between(*method.between, share) if method.strength else None
        found.append({"learning_rate": rate, "strength": strength, "share": share, **values[arm["name"]]})
    return found


def _values(run: Any) -> dict[str, dict[str, Any]]:
    """checkpoint -> metric -> value."""
    table = run.metrics()
    table = table[table.group.fillna("").eq("")]
    return {name: dict(zip(rows.metric, rows.value.astype(object), strict=True)) for name, rows in table.groupby("column")}


def best(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The rule: the highest object F1 on the held-out training images; of equal ones the smaller learning rate.

    Raises TrainingError where no setting could be trained.
    """
    known = [one for one in found if one["f1"] is not None and one["f1"] == one["f1"]]
    if not known:
        raise TrainingError(f"No setting could be trained: {found[0].get('fault')}")
    return max(known, key=lambda one: (one["f1"], -one["learning_rate"]))


def measure(method: Method, output: Path) -> dict[str, Any]:
    """Search, then the chosen setting with three seeds over the benchmarks."""
    clock, started = Clock(), time.process_time()
    found = search(method, output)
    chosen, searched = best(found), time.process_time()
    align = aligned(method, chosen["learning_rate"], chosen["share"])
    arm = {"name": method.name, "pairs": PAIRS[method.pairs], "align": align, "seeds": SEEDS}
    run = harness.run(study(f"final-{method.name}", [arm], SWEEP), output=output, progress=clock)
    assert run is not None
    log = run.training()
    last = log.groupby("arm").tail(1)
    return {
        "method": method.name,
        "searched": found,
        "chosen": chosen,
        "run": run.id,
        "pairs": len(run.pairs()) / len(SEEDS),
        "steps": float(last.step.mean()),
        "tokens": float(last.num_tokens.mean()),
        "training_s": sum(clock.of(f"{method.name}-seed{seed}") for seed in SEEDS) / len(SEEDS),
        "search_s": round(searched - started, 1),
        "all_s": round(time.process_time() - started, 1),
    }


def write_validation(output: Path) -> None:
    """The list of held-out images: evenly spaced in the part of the training images without a caption prompt."""
    folder = open_data("miniworld", output).folder
    listed = json.loads((folder / "coco/annotations/instances_train2014.json").read_text(encoding="utf-8"))
    names = [image["file_name"] for image in listed["images"]][FIRST_HELD_OUT:]
    (folder / LIST).write_text("\n".join(names[:: len(names) // HELD_OUT][:HELD_OUT]) + "\n", encoding="utf-8")


def finished(output: Path) -> list[Mapping[str, Any]]:
    """Results of the methods that are done, in the order of the list."""
    found = [output / "results" / f"{method.name}.json" for method in METHODS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in found if path.is_file()]


def write_tables(path: Path, output: Path) -> None:
    """Replace the tables of a page, between its two marks."""
    results = finished(output)
    left = [method.name for method in METHODS if method.name not in {result["method"] for result in results}]
    tables = page(results, output) + (f"\n\nNot reached so far: {', '.join(left)}." if left else "")
    before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    path.write_text(f"{before}{MARKS[0]}\n\n{tables}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--output", type=Path, required=True, help="folder of all runs, kept")
    options.add_argument("--only", nargs="*", help="methods to measure")
    options.add_argument("--page", type=Path, help="write the tables of what is finished into this page, measure nothing")
    given = options.parse_args()
    if given.page:
        write_tables(given.page, given.output)
        return
    import torch

    torch.set_num_threads(1)
    os.makedirs(given.output / "results", exist_ok=True)
    write_validation(given.output)
    for method in METHODS:
        path = given.output / "results" / f"{method.name}.json"
        if path.is_file() or (given.only and method.name not in given.only):
            continue
        try:
            result = measure(method, given.output)
        except HarnessError as error:  # the others go on; the method has no row
            print(f"{method.name} could not be measured: {error}", flush=True)
            continue
        write_text_whole(path, json.dumps(result, indent=1) + "\n")
        print(f"{method.name}: {result['all_s']} s", flush=True)


if __name__ == "__main__":
    main()
