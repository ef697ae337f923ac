"""Captions, generation alone: the engine beside plain `generate` by 8, in turns in one process.

    python -m tests.speed.benchmarks.captions --captions 16 --tokens 128
    python -m tests.speed.benchmarks.captions --captions 256 --tokens 512 --world FOLDER     # the miniature world

`sweep.py` counts whole processes, of which imports are most where there are few captions. Here both sides are loaded
before, and each turn is the way from image files to texts. Printed: CPU seconds (user and system) of each turn, the ratio
of the medians, and whether the texts are the same. Random weights never say the end token; the miniature world's model does,
after 35 tokens in the mean.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))  # the scripts beside this folder import each other by name
import sweep

Side = Callable[[], dict[str, str]]


def engine(model_folder: Path, images: list[Path], tokens: int) -> Side:
    from harness.core import registry
    from harness.core.evaluation import Decoding, Request

    model = registry.make("model", "transformers", {"path": str(model_folder), "device": "cpu", "threads": 1})
    requests = [Request(image, sweep.CAPTION, Decoding(max_new_tokens=tokens)) for image in images]

    def answer() -> dict[str, str]:
        model.forget_features()  # or a turn would find the images of the one before it encoded
        model.forget_images(0)
        return {images[i].name: a.text.strip() for batch in model.generate(requests) for i, a in batch}

    return answer


def plain(model_folder: Path, images: list[Path], tokens: int) -> Side:
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(model_folder, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(model_folder, padding_side="left")

    def answer() -> dict[str, str]:
        texts = {}
        for start in range(0, len(images), 8):
            part = images[start : start + 8]
            prompts = [sweep._prompt(processor, sweep.CAPTION)] * len(part)
            shown = [Image.open(path).convert("RGB") for path in part]
            inputs = processor(images=shown, text=prompts, return_tensors="pt", padding=True)
            with torch.inference_mode():
                ids = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)[:, inputs["input_ids"].shape[1] :]
            said = processor.batch_decode(ids, skip_special_tokens=True)
            texts |= {path.name: text.strip() for path, text in zip(part, said, strict=True)}
        return texts

    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--world", type=Path, help="a miniature world's folder: its images, and the model that comes with us")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if args.world:
            from harness.miniworld.model.paths import checkpoint_folder

            model, images = checkpoint_folder(), sorted((args.world / "coco/val2014").iterdir())[: args.captions]
        else:
            sweep.prepare(argparse.Namespace(folder=folder, size="tiny", device="cpu", images=args.captions))
            model, images = folder / "model", sorted((folder / "coco/val2014").iterdir())
        sides = {"ours": engine(model, images, args.tokens), "generate, 8 at once": plain(model, images, args.tokens)}
        costs: dict[str, list[float]] = {name: [] for name in sides}
        found = {}
        for _ in range(args.turns):
            for name, side in sides.items():
                before = time.process_time()
                found[name] = side()
                costs[name].append(time.process_time() - before)
    ours, theirs = (median(each) for each in costs.values())
    for name, each in costs.items():
        print(f"  {name:<20} {' / '.join(f'{c:.2f}' for c in each)} CPU s")
    same = found["ours"] == found["generate, 8 at once"]
    print(f"  ratio of medians {theirs / ours:.2f}; {'the same texts' if same else 'OTHER TEXTS'}")


if __name__ == "__main__":
    main()
