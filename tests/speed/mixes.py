"""Mixes of requests: no company may make answers dearer than transformers' `generate` makes them one by one.

    python tests/speed/mixes.py                  # all mixes, on the tiny LLaVA of common.py
    python tests/speed/mixes.py --window 512     # a text model with windows: attention is transformers' own
    python tests/speed/mixes.py --only judges pair

Both sides answer the same requests in turns in one process, greedily, from the text of a request to the text of its answer.
CPU seconds in user mode of one thread; `ratio` is ours by theirs, 1.1 is the limit; `same` counts texts that agree. The exit
code is 1 where a mix is above the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
from common import save_images, save_model, sentences, user_seconds

LIMIT = 1.1
Ask = tuple[Path | None, str, str, int]  # image, question, beginning of the answer, new tokens


def words(draw: random.Random, n: int) -> str:
    return " ".join(sentences(draw, n // 9 + 1).split()[:n])


def short_and_long(images: list[Path], draw: random.Random) -> list[Ask]:
    asked: list[Ask] = [(None, f"Is there a {words(draw, 4 + n % 5)}?", "", 8) for n in range(30)]
    return [*asked, (None, words(draw, 500), "", 8)]


def own_images(images: list[Path], draw: random.Random) -> list[Ask]:
    asked: list[Ask] = [(images[n % len(images)], f"{n}: {words(draw, 5)}?", "", 8) for n in range(16)]
    return [*asked, (images[0], words(draw, 500), "", 8)]


def judges(images: list[Path], draw: random.Random) -> list[Ask]:
    rules = words(draw, 120)
    return [(None, f"{rules} {words(draw, 60 + 37 * n % 300)} Rate it.", "", 24) for n in range(24)]


def pair(images: list[Path], draw: random.Random) -> list[Ask]:
    return [(None, words(draw, 1500), "", 16) for _ in range(2)]


def prefixes(images: list[Path], draw: random.Random) -> list[Ask]:
    return [(images[n % 2], "Describe this image in detail.", words(draw, 3 + 12 * n), 12) for n in range(16)]


def crowd_and_single(images: list[Path], draw: random.Random) -> list[Ask]:
    crowd: list[Ask] = [(images[0], f"{n}: {words(draw, 6)}?", "", 4) for n in range(40)]
    return [*crowd, *((image, words(draw, 6), "", 4) for image in images[1:])]


def caption_beside_yes_and_no(images: list[Path], draw: random.Random) -> list[Ask]:
    asked: list[Ask] = [(None, f"{n}: {words(draw, 6)}?", "", 2) for n in range(60)]
    return [*asked, (images[0], "Describe this image in detail.", "", 200)]


MIXES: dict[str, Callable[[list[Path], random.Random], list[Ask]]] = {
    "short_and_long": short_and_long,
    "own_images": own_images,
    "judges": judges,
    "pair": pair,
    "prefixes": prefixes,
    "crowd": crowd_and_single,
    "caption": caption_beside_yes_and_no,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(MIXES), default=list(MIXES))
    parser.add_argument("--window", type=int, default=0, help="sliding window of the text model, 0 for none")
    parser.add_argument("--repeat", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        return compare(Path(place), args)


def compare(folder: Path, args: Any) -> int:
    from transformers import AutoModelForImageTextToText

    from harness.models.transformers import TransformersModel

    saved = save_model(folder / "model")
    if args.window:
        settings = json.loads((saved / "config.json").read_text())
        settings["text_config"] |= {"model_type": "mistral", "architectures": None, "sliding_window": args.window}
        (saved / "config.json").write_text(json.dumps(settings))
    model = TransformersModel(str(saved), device="cpu", threads=1)
    plain = AutoModelForImageTextToText.from_pretrained(saved).eval()
    images = [folder / "images" / name for name in save_images(folder / "images", 8)]
    print(f"{'mix':<16}{'requests':>9}{'ours, s':>9}{'one by one, s':>15}{'ratio':>7}  same")
    worst = 0.0
    for name in args.only:
        asked = MIXES[name](images, random.Random(1))
        spent, texts = [0.0, 0.0], [[""], [""]]
        for _ in range(args.repeat):
            for n, side in enumerate((ours, one_by_one)):
                began = user_seconds()
                texts[n] = side(model, plain, asked)
                spent[n] += user_seconds() - began
        ratio = spent[0] / spent[1]
        worst = max(worst, ratio)
        same = sum(a == b for a, b in zip(*texts, strict=True))
        each = [seconds / args.repeat for seconds in spent]
        print(f"{name:<16}{len(asked):>9}{each[0]:>9.2f}{each[1]:>15.2f}{ratio:>7.2f}  {same} of {len(asked)}", flush=True)
    return int(worst > LIMIT)


def ours(model: Any, plain: Any, asked: list[Ask]) -> list[str]:
    from harness.core.evaluation import Decoding, Request
    from harness.core.plugins import in_order

    model.forget_features()
    requests = [Request(image, text, Decoding(tokens), prefix=prefix) for image, text, prefix, tokens in asked]
    return [a.text.strip() for a in in_order((pair for part in model.generate(requests) for pair in part), len(requests))]


def one_by_one(model: Any, plain: Any, asked: list[Ask]) -> list[str]:
    """transformers' own `generate`, a request at a time; the tokens of prompts and prefixes are those of our side."""
    import torch

    from harness.core.evaluation import Request

    one, texts = model.one_by_one(), []
    for image, text, prefix, tokens in asked:
        before = model.prompts.prefix_ids(Request(image, text, prefix=prefix))
        inputs = one.inputs(Request(image, text), before)
        with torch.inference_mode():
            ids = plain.generate(**inputs, max_new_tokens=tokens, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        texts.append(model.prompts.tokenizer.decode(ids, skip_special_tokens=True).strip())
    return texts


if __name__ == "__main__":
    sys.exit(main())
