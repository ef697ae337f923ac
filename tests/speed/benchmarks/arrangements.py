"""How many decode steps the key/value cache of a running batch keeps its arrangement, and so how often a CUDA graph of a step,
recorded for that arrangement, could be replayed (docs/decisions/0006-recorded-decode-steps.md).

    python -m tests.speed.benchmarks.arrangements FOLDER          # 96 images of a folder, e.g. the miniature world's
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.core.evaluation import Decoding, Request
from harness.miniworld.model.paths import checkpoint_folder
from harness.models._engine.shared_kv_cache import SharedPrefixKVCache
from harness.models.transformers import TransformersModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=96)
    args = parser.parse_args()
    images = sorted([*args.folder.rglob("*.png"), *args.folder.rglob("*.jpg")])[: args.images]
    model = TransformersModel(str(checkpoint_folder()), device="cpu", threads=1)
    captions = [Request(p, "Please describe this image in detail.", Decoding(96)) for p in images]
    words = [Request(p, f"Is there a {w} in the image?", Decoding(2)) for p in images for w in ("dog", "cat", "car")]
    for name, requests in (("captions", captions), ("yes or no", words)):
        lasted, shapes = counted(model, requests)
        steps, long = sum(lasted), sum(n for n in lasted if n >= 8)
        print(
            f"{name}: {len(requests)} answers in {steps} steps and {len(lasted)} arrangements, {steps / len(lasted):.1f} steps "
            f"each; {long} steps in arrangements of 8 or more; {len(shapes)} shapes of shelves"
        )


def counted(model: TransformersModel, requests: Sequence[Request]) -> tuple[list[int], set[Any]]:
    """Steps of each arrangement that saw one, and the shapes (rows, width) of all shelves that were met."""
    lasted, shapes = [0], set[Any]()
    arrange, keep, step = SharedPrefixKVCache._arrange, SharedPrefixKVCache.keep, SharedPrefixKVCache.step

    def arranged(self: SharedPrefixKVCache, *words: Any) -> None:
        lasted.append(0)
        arrange(self, *words)

    def kept(self: SharedPrefixKVCache, rows: list[int]) -> None:
        lasted.append(0)
        keep(self, rows)

    def stepped(self: SharedPrefixKVCache, *words: Any) -> Any:
        if self._joined:
            self._arrange()  # as the step would: it belongs to the new arrangement
        lasted[-1] += 1
        shapes.add(tuple((len(shelf.rows), shelf.width) for shelf in self._shelves))
        return step(self, *words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SharedPrefixKVCache, "_arrange", arranged)
        patch.setattr(SharedPrefixKVCache, "keep", kept)
        patch.setattr(SharedPrefixKVCache, "step", stepped)
        assert sum(len(part) for part in model.generate(requests)) == len(requests)
    return [n for n in lasted if n], shapes


if __name__ == "__main__":
    main()
