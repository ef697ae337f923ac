"""One image: decoded and processed, or read from the cache of pixels.

python tests/speed/benchmarks/pixels.py         # LLaVA-1.6 (five tiles) and LLaVA-1.5 (one), JPEG of 640 x 480
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        images = photographs(Path(folder), args.images)
        for name in ("llava_next", "llava"):
            measure(name, Path(folder) / name, images, args.turns)


def photographs(folder: Path, n: int) -> list[Path]:
    """JPEG files of the size of COCO's, with smooth parts and noise."""
    import numpy as np
    from PIL import Image

    down, across = np.mgrid[0:480, 0:640]
    paths = []
    for number in range(n):
        noise = np.random.default_rng(number).integers(0, 60, (480, 640, 3))
        levels = np.stack([down // 3, across // 4, (down + across * (number + 1)) // 8], -1) + noise
        paths.append(folder / f"{number}.jpg")
        Image.fromarray((levels % 256).astype("uint8")).save(paths[-1], quality=90)
    return paths


def measure(name: str, folder: Path, images: list[Path], turns: int) -> None:
    from harness.models._checkpoint.families import FAMILIES
    from harness.models._checkpoint.loading import load_processor
    from harness.models._images.recipe import Recipe

    save(name, folder)
    plain = Recipe(str(folder), False, FAMILIES[name], 3, 0.0)
    kept = Recipe(str(folder), False, FAMILIES[name], 3, 8.0)
    processor = load_processor(str(folder), None, False)
    process, cache = plain.process(processor), kept.process(processor)
    size = sum(t.nbytes for t in process(images[0]).tensors.values())
    first = timed(lambda: [cache(path) for path in images])
    made, read = [], []
    for _ in range(turns):
        made.append(timed(lambda: [process(path) for path in images]))
        read.append(timed(lambda: [cache(path) for path in images]))
    each = {"processed": min(made), "processed and written": first, "read from the cache": min(read)}
    print(f"{name}: {size / 2**20:.1f} MiB an image")
    for what, seconds in each.items():
        print(f"  {what:24} {1000 * seconds / len(images):6.1f} ms of CPU an image")


def timed(work: Callable[[], object]) -> float:
    """CPU seconds, user and system."""
    began = time.process_time()
    work()
    return time.process_time() - began


def save(name: str, folder: Path) -> None:
    """A processor of the family's published settings, with a small tokenizer, and the configuration that workers look at."""
    import transformers as t
    from tiny_models import TEMPLATE, tokenizer

    settings = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    if name == "llava":
        images = t.CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
        processor = t.LlavaProcessor(images, tokenizer(), chat_template=TEMPLATE, **settings)
    else:
        images = t.LlavaNextImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
        processor = t.LlavaNextProcessor(images, tokenizer(), chat_template=TEMPLATE, **settings)
    processor.save_pretrained(folder)
    (t.LlavaConfig if name == "llava" else t.LlavaNextConfig)().save_pretrained(folder)


if __name__ == "__main__":
    main()
