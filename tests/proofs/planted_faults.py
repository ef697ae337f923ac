"""Planted faults: does the queue find wrong POPE labels when 3 % of the instance labels behind them are removed or swapped?

python tests/proofs/planted_faults.py [--images 500] [--seeds 0 1 2 3 4] [--captions 5 1]

`--captions` also ranks with only the first so many reference captions of each image, to show what the queue leans on.

The images and captions are the miniature world's, without faults. Each seed plants its own faults in a copy of the instance
file and builds the POPE questions from it; the true list stays in this process and is shown to no command. Three checkpoints
answer: the shipped one and two copies of it whose weights are disturbed, which err more often and in other places. The copies
are worse witnesses than aligned checkpoints, and all three are kin: nothing here is easier than three independent models.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.pope import SPLITS
from harness.audit.queue import gather
from harness.config.schema import BenchmarkConfig
from harness.core import registry
from harness.core.plugins import Model, no_progress
from harness.evaluation.sweep import sweep
from harness.labels.cases import Case
from harness.labels.claims import Evidence
from harness.labels.suspicion.rank import rank_labels
from harness.miniworld.model.paths import checkpoint_folder
from harness.miniworld.world.benchmark_files import pope_files
from harness.miniworld.world.coco_files import Label, put_faults
from harness.miniworld.world.scenes import WorldSettings
from harness.miniworld.world.write import write_world
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store, StoredRun

FIRST = 0.1  # share of the queue that a reviewer looks at
_VAL = "coco/annotations/instances_val2014.json"


@dataclass(frozen=True)
class Outcome:
    """One planting: how many POPE labels are wrong, and the share of them among the first tenth of the queue."""

    seed: int
    labels: int
    wrong: int
    found: int
    found_by_answers_alone: int
    found_with_captions: Mapping[int, int]  # number of reference captions an image -> found

    @property
    def recall(self) -> float:
        return self.found / self.wrong


def clean_world(folder: Path, images: int) -> Path:
    """The miniature world without faults in its labels."""
    write_world(folder, WorldSettings(train_images=1, val_images=images, label_fault_share=0.0, preference_captions=0,
                                      preference_yes_no=0))  # fmt: skip
    return folder


def plant(clean: Path, copy: Path, seed: int, share: float = 0.03) -> set[tuple[str, str]]:
    """A copy of the world with faults in its labels; returns (image, object) of every POPE label that they make wrong."""
    for name in ("coco/val2014", "coco/annotations/captions_val2014.json"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).symlink_to(clean / name)
    content = json.loads((clean / _VAL).read_text())
    names = {c["id"]: c["name"] for c in content["categories"]}
    ids = {name: number for number, name in names.items()}
    rows = {row["id"]: row for row in content["annotations"]}
    true = [Label(r["id"], r["image_id"], names[r["category_id"]], tuple(r["bbox"]), r["area"]) for r in rows.values()]
    kept, _ = put_faults(true, WorldSettings(seed=seed, label_fault_share=share))
    content["annotations"] = [rows[label.annotation_id] | {"category_id": ids[label.kind]} for label in kept]
    (copy / _VAL).write_text(json.dumps(content))
    files = {image["id"]: image["file_name"] for image in content["images"]}
    asked = [(file, list(dict.fromkeys(label.kind for label in kept if label.image_id == n))) for n, file in files.items()]
    (copy / "pope").mkdir()
    for name, text in pope_files(asked, seed).items():
        (copy / name).write_text(text)
    there = {(files[label.image_id], label.kind) for label in true}
    labels = {(row["image"], _object(row)): row["label"] == "yes" for row in _questions(copy)}
    return {place for place, label in labels.items() if (place in there) != label}


def checkpoints(folder: Path, noise: tuple[float, ...] = (0.0, 0.02, 0.03)) -> list[Path]:
    """The shipped checkpoint, and copies of it with noise on every weight: so many standard deviations of its tensor."""
    import torch
    from safetensors.torch import load_file, save_file

    found = []
    for number, level in enumerate(noise):
        copy = folder / f"checkpoint-{number}"
        shutil.copytree(checkpoint_folder(), copy)
        generator = torch.Generator().manual_seed(number)
        for path in copy.glob("*.safetensors"):
            weights = load_file(path)
            for name, tensor in weights.items():
                spread = tensor.float().std() if tensor.numel() > 1 else torch.tensor(0.0)
                disturbed = tensor.float() + level * spread * torch.randn(tensor.shape, generator=generator)
                weights[name] = disturbed.to(tensor.dtype)
            save_file(weights, path, metadata={"format": "pt"})
        found.append(copy)
    return found


def outcomes(scratch: Path, images: int, seeds: list[int], captions: Sequence[int] = ()) -> Iterator[Outcome]:
    """Plant, ask, rank, count; answers to questions that an earlier seed asked are taken from the store."""
    options = {"dtype": "float32", "device": "cpu", "threads": 1}
    clean = clean_world(scratch / "clean", images)
    models = [registry.make("model", "transformers", {"path": str(path), **options}) for path in checkpoints(scratch)]
    for seed in seeds:
        folder = scratch / f"planted-{seed}"
        wrong = plant(clean, folder, seed)
        with Store(scratch / "store.sqlite") as store:
            runs = [_ask(store, DataFolder(folder), model, f"{seed}-{n}") for n, model in enumerate(models)]
            own = gather(store, runs)["pope"]
        bare = replace(own.evidence, image_annotations={})
        cases, alone = rank_labels(own.evidence, own.witnesses), rank_labels(bare, own.witnesses)
        fewer = {n: _found(rank_labels(with_captions(own.evidence, n), own.witnesses), wrong) for n in captions}
        yield Outcome(seed, len(cases), len(wrong), _found(cases, wrong), _found(alone, wrong), fewer)


def with_captions(evidence: Evidence, most: int) -> Evidence:
    """The evidence with the first `most` reference captions of each image; boxes and the rest as they are."""
    images = {
        name: replace(image, captions=image.captions[:most], named=tuple(one for one in image.named if one.caption < most))
        for name, image in evidence.image_annotations.items()
    }
    return replace(evidence, image_annotations=images)


def _ask(store: Store, data: DataFolder, model: Model, name: str) -> str:
    """Sweep one checkpoint over POPE, as a run does it, without the report."""
    store.begin(
        StoredRun(name, name, name, "complete", "model: {name: scripted}\nsweep: [{name: pope}]", "", {}, str(data.folder))
    )
    spec = BenchmarkConfig.model_validate({"name": "pope"})
    sweep("base", model, {0: spec}, data, store, name, no_progress)
    return name


def _found(cases: tuple[Case, ...], wrong: set[tuple[str, str]]) -> int:
    first = cases[: round(FIRST * len(cases))]
    return len(wrong & {(case.image.rsplit("/", 1)[-1], _object({"text": case.question})) for case in first})


def _questions(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for split in SPLITS for line in (data / f"pope/coco_pope_{split}.json").read_text().splitlines()]


def _object(row: dict[str, Any]) -> str:
    return str(row["text"]).removeprefix("Is there a").removeprefix("n").strip().removesuffix(" in the image?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--captions", type=int, nargs="*", default=[], help="also rank with so many reference captions an image"
    )
    asked = parser.parse_args()
    started, total, fewer = time.process_time(), [0, 0, 0], Counter[int]()
    with tempfile.TemporaryDirectory() as folder:
        for one in outcomes(Path(folder), asked.images, asked.seeds, asked.captions):
            total = [a + b for a, b in zip(total, (one.wrong, one.found, one.found_by_answers_alone), strict=True)]
            fewer.update(one.found_with_captions)
            alone = one.found_by_answers_alone / one.wrong
            print(f"seed {one.seed}: {one.wrong} of {one.labels:,} POPE labels wrong; in the first {FIRST:.0%} of the queue")
            print(
                f"    {one.found} of them ({one.recall:.0%}); by the three checkpoints' answers alone {alone:.0%}", flush=True
            )
    wrong, found, alone = total
    print(f"together: {found} of {wrong} ({found / wrong:.1%}); by the three checkpoints' answers alone {alone / wrong:.1%}")
    for n, hits in fewer.items():
        print(f"    with {n} of the five reference captions of each image: {hits} of {wrong} ({hits / wrong:.1%})")
    print(f"{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
