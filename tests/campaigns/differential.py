"""The engine beside transformers: random checkpoints, random company, one request at a time on the other side.

    python tests/campaigns/differential.py --situations 2000 --seed 0
    python tests/campaigns/differential.py --seconds 600 --families gemma3 "llava_next, mixtral"
    python tests/campaigns/differential.py --only 0:3:17          # one situation again: seed, checkpoint, situation

Each checkpoint meets a number of situations (see `situations.py`). Compared in float32: the logits that every single token
was chosen from, with transformers' forward of the whole text or its `generate` step by step; the log-probabilities of given
answers; greedy tokens with `generate`; where stop strings end an answer; and that a run which was cut off ends in the same
bits. Above 1e-4 (of the largest logit, where that is above 1) is a disagreement; its seeds are printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parents[n]) for n in (2, 1)]

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from tests.campaigns.compare import Found, situation_of  # noqa: E402
from tests.campaigns.random_checkpoints import FAMILIES, UNKNOWN, draw_recipe, make  # noqa: E402
from tests.campaigns.situations import draw_situation  # noqa: E402
from tests.campaigns.transformers_side import Plain  # noqa: E402

EACH = 25  # situations of a checkpoint


@dataclass
class Report:
    """What a campaign has seen so far."""

    situations: int = 0
    comparisons: int = 0
    worst: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)


def campaign(
    seed: int,
    situations: int,
    seconds: float = float("inf"),
    families: tuple[str, ...] = FAMILIES,
    each: int = EACH,
    only: tuple[int, int] | None = None,
    say: Callable[[str], None] = print,
) -> Report:
    """Run situations until there are so many or the time is up."""
    report, began, number = Report(), time.monotonic(), 0
    with tempfile.TemporaryDirectory() as place:
        images = save_images(Path(place))
        while report.situations < situations and time.monotonic() - began < seconds and (only is None or number <= only[0]):
            if only is None or number == only[0]:
                for found in _of_checkpoint(seed, number, min(each, situations - report.situations), families, images, only):
                    _note(report, found, f"{seed}:{number}:{found.number}", say)
                    if time.monotonic() - began > seconds:
                        break
            number += 1
    return report


def _of_checkpoint(
    seed: int, number: int, situations: int, families: tuple[str, ...], images: list[Path], only: tuple[int, int] | None
) -> Iterator[Found]:
    from transformers import AutoModelForImageTextToText

    from harness.models.transformers import TransformersModel

    draw = random.Random(f"{seed} {number}")
    recipe = draw_recipe(draw, families)
    with tempfile.TemporaryDirectory() as place:
        folder = make(recipe, Path(place))
        model = TransformersModel(str(folder), device="cpu")
        module = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation=model.facts()["attention"]).eval()
        plain = Plain(model, module)
        for n in range(situations if only is None else only[1] + 1):
            situation = draw_situation(draw, images, recipe.family != UNKNOWN, n, not model.one_image)
            if only is None or n == only[1]:
                yield situation_of(model, plain, situation, str(recipe))


def _note(report: Report, found: Found, seeds: str, say: Callable[[str], None]) -> None:
    report.situations += 1
    report.comparisons += found.comparisons
    report.worst = max(report.worst, found.worst)
    report.kinds[found.kind] += 1
    for why in found.disagreements:
        report.disagreements.append(f"{seeds}  {why}  [{found.recipe}]")
        say(report.disagreements[-1])


def save_images(folder: Path) -> list[Path]:
    """Four noise images of different shapes."""
    draw, paths = np.random.default_rng(0), []
    for n, (width, height) in enumerate([(32, 32), (64, 30), (30, 64), (50, 50)]):
        paths.append(folder / f"{n}.png")
        Image.fromarray(draw.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(paths[-1])
    return paths


def main() -> int:
    import torch
    import transformers

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--situations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--only", help="SEED:CHECKPOINT:SITUATION as printed")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    only = None
    if args.only:
        args.seed, *rest = map(int, args.only.split(":"))
        only, args.situations = (rest[0], rest[1]), 1
    report = campaign(args.seed, args.situations, args.seconds, tuple(args.families), only=only)
    print(
        f"seed {args.seed}: {report.situations:,} situations, {report.comparisons:,} comparisons, largest difference "
        f"{report.worst:.1e}, {len(report.disagreements)} disagreements; {dict(report.kinds)}"
    )
    return int(bool(report.disagreements))


if __name__ == "__main__":
    sys.exit(main())
