"""Images that a chosen answer should not fit: the pair's own image damaged, or another one.

| name | what the model sees | source |
|---|---|---|
| crop | a random part of 1 to 20 % of the area, scaled to the image's size | mDPO, arXiv:2406.11839, `modeling_bunny_phi.py` |
| hidden | the image with most of its tokens hidden, as in BDHS; the only one that costs no second image's tokens | arXiv:2407.02477, equation 6 |
| noise | the image under Gaussian noise of so many diffusion steps | arXiv:2407.02477, equations 8 and 9 |
| other | the image of another pair | - |

Of several images each is damaged, drawn on its own; `other` is refused there, since no other image stands for one of several.
Each is drawn once for each pair, so that policy and reference see the same image (mDPO's code draws a new crop in each forward
pass) and the reference's values can be computed once.
"""  # noqa: E501  # a table

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from alignment.batching.collate import View
from harness.core import registry
from harness.core.digests import file_digest, image_seed, parts_digest, seed_of
from harness.core.edge.foreign import words_of
from harness.core.edge.images import open_image
from harness.core.errors import ConfigError, ImageError, TrainingError
from harness.core.evaluation import HiddenImage, NoisyImage
from harness.core.files import write_whole
from harness.core.nearest import did_you_mean
from harness.core.preference import ImageNames, PreferencePair, together

KINDS = ("crop", "hidden", "noise", "other")
_RATIOS = (3 / 4, 4 / 3)  # of a crop's sides, log-uniform, as in torchvision's RandomResizedCrop


@dataclass(frozen=True, slots=True)
class Damage:
    """Which image stands in for the pair's own; options that a kind does not use have no effect and are refused."""

    name: str = "crop"
    least: float = 0.01  # of crop: share of the image's area
    most: float = 0.2
    share: float = 0.99  # of hidden: image tokens that are hidden
    steps: int = 500  # of noise: diffusion steps, 1 to 1000


_USED = {"crop": {"least", "most"}, "hidden": {"share"}, "noise": {"steps"}, "other": set[str]()}


def make_damage(aligner: str, options: str | Mapping[str, Any]) -> Damage:
    """From a name or {name, its options}. Raises ConfigError for what is unknown or out of range."""
    given = {"name": options} if isinstance(options, str) else dict(options)
    made = Damage(**registry.check_options("option", f"{aligner}.damage", Damage, given))
    if made.name not in KINDS:
        raise ConfigError(
            f"{aligner}.damage is {made.name!r}.{did_you_mean(made.name, KINDS)} Choose one of: {', '.join(KINDS)}."
        )
    if wrong := sorted(given.keys() - {"name"} - _USED[made.name]):
        raise ConfigError(f"{aligner}.damage: {made.name} takes no {', '.join(wrong)}.")
    if not 0 < made.least <= made.most <= 1:
        raise ConfigError(f"{aligner}.damage needs 0 < least <= most <= 1; got {made.least} and {made.most}.")
    if not 0 < made.share <= 1 or not 1 <= made.steps <= 1000:
        raise ConfigError(f"{aligner}.damage needs share in (0, 1] and steps from 1 to 1000.")
    return made


def require_images(method: str, pairs: Sequence[PreferencePair]) -> None:
    """Raise TrainingError where a pair has no image: there is nothing to contrast."""
    without = [pair.id for pair in pairs if not pair.image]
    if without:
        raise TrainingError(
            f"{len(without)} of {len(pairs)} pairs have no image (the first: {without[0]!r}); {method} contrasts images. "
            "Remove them, or use the aligner dpo."
        )


def require_one_image(method: str, pairs: Sequence[PreferencePair]) -> None:
    """Raise TrainingError where a pair shows several images: the image of another pair stands for none of them."""
    several = [pair.id for pair in pairs if isinstance(pair.image, tuple)]
    if several:
        raise TrainingError(
            f"{len(several)} of {len(pairs)} pairs are about several images (the first: {several[0]!r}); {method} puts the "
            "image of another pair in the place of one. Remove them, or use mdpo, vdpo or chip with another damage than other."
        )


def damaged(damage: Damage, pairs: Sequence[PreferencePair], image_root: Path, folder: Path, seed: int) -> list[View | None]:
    """The damaged image of each pair with its chosen answer behind it; None where the pair's image cannot be read."""
    if damage.name == "other":
        others = partners(pairs, image_root)
        return [None if other is None else View(other.image, (pair.chosen,)) for pair, other in zip(pairs, others, strict=True)]
    found = list[View | None]()
    for pair in pairs:
        try:
            found.append(_view(damage, pair, image_root, folder, seed_of(seed, pair.id, "damage")))
        except ImageError:
            found.append(None)
    return found


def partners(pairs: Sequence[PreferencePair], image_root: Path, same_question: bool = False) -> list[PreferencePair | None]:
    """For each pair another one as `strangers` chooses it, among those with images that can be read; None for the others."""
    names = dict.fromkeys(name for pair in pairs for name in pair.images)
    broken = {name for name in names if not _is_readable(image_root / name)}
    fine = [pair for pair in pairs if broken.isdisjoint(pair.images)]
    chosen = iter(strangers(fine, same_question) if fine else ())
    return [fine[next(chosen)] if broken.isdisjoint(pair.images) else None for pair in pairs]


def strangers(pairs: Sequence[PreferencePair], same_question: bool = False) -> list[int]:
    """For each pair the next one (round the end) with another image; with `same_question` one that asks the same, if any does.

    Raises TrainingError where all pairs show one image.
    """
    images = [pair.shown for pair in pairs]
    if len(set(images)) < 2:
        raise TrainingError("All pairs show the same image; there is no other one to contrast it with.")
    asking: dict[str, list[int]] = {}
    for i, pair in enumerate(pairs):
        asking.setdefault(pair.prompt, []).append(i)
    found = []
    for i, pair in enumerate(pairs):
        anyone = range(i + 1, i + len(pairs))
        alike = asking[pair.prompt] if same_question else []
        later = [j for j in alike if j > i] + [j for j in alike if j < i]
        found.append(next(j % len(pairs) for j in (*later, *anyone) if images[j % len(pairs)] != images[i]))
    return found


def without_partner(pairs: Sequence[PreferencePair]) -> int:
    """Pairs whose question no other pair asks about another image."""
    shown: dict[str, set[ImageNames]] = {}
    for pair in pairs:
        shown.setdefault(pair.prompt, set()).add(pair.shown)
    return sum(len(shown[pair.prompt]) < 2 for pair in pairs)


def _view(damage: Damage, pair: PreferencePair, image_root: Path, folder: Path, seed: int) -> View:
    if damage.name == "hidden":
        return View(pair.image, (pair.chosen,), hidden=HiddenImage(damage.share, seed))
    if damage.name == "noise":
        return View(pair.image, (pair.chosen,), noise=NoisyImage(damage.steps, seed))
    crops = (_crop(damage, image_root / name, folder, image_seed(seed, place)) for place, name in enumerate(pair.images))
    return View(together(tuple(crops)), (pair.chosen,))


def _crop(damage: Damage, source: Path, folder: Path, seed: int) -> str:
    """Path of a random part of an image. Raises ImageError where the image cannot be read."""
    try:
        content = file_digest(source)
    except OSError as error:
        raise ImageError(source, f"cannot be read ({words_of(error)}).") from error
    name = parts_digest(content, seed, damage.least, damage.most)[:32]
    path = folder / f"crop-{name}.png"
    if not path.is_file():
        made = cropped(open_image(source), damage.least, damage.most, random.Random(seed))
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda to: made.save(to, "PNG"))
    return str(path.resolve())


def _is_readable(image: Path) -> bool:
    try:
        open_image(image)
    except ImageError:
        return False
    return True


def cropped(image: Image.Image, least: float, most: float, draw: random.Random) -> Image.Image:
    """A part of the image of between `least` and `most` of its area, scaled to its size."""
    area = draw.uniform(least, most) * image.width * image.height
    ratio = math.exp(draw.uniform(math.log(_RATIOS[0]), math.log(_RATIOS[1])))
    width = min(image.width, max(1, round(math.sqrt(area * ratio))))
    height = min(image.height, max(1, round(math.sqrt(area / ratio))))
    left, top = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
    part = image.crop((left, top, left + width, top + height))
    return part.resize(image.size, Image.Resampling.BICUBIC)
