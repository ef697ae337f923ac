"""Plans of scenes: eight kinds of places, each with its own set of typical objects.

A `Scene` is a plan of one image (which objects, where, how large, how visible); `painter.py` paints it and
`captions.py` describes it. Everything follows from (settings, part, index), so any image can be drawn alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from harness.miniworld.world.drawings.shapes import RGB, Icon
from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.sprites import aspect

SIZE_PX = 112  # side of every image
MAX_OBJECTS = 8


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """Everything that decides what the world looks like; the same settings write the same bytes."""

    seed: int = 0
    train_images: int = 2000  # the first of the `build_images` on which the tiny model was trained
    val_images: int = 500
    build_images: int = 8000
    preference_captions: int = 1500
    preference_yes_no: int = 800
    faint_share: float = 0.15  # share of objects drawn so faintly that they can hardly be seen
    faint_opacity: tuple[float, float] = (0.08, 0.35)
    off_scene_share: float = 0.30  # share of images with one atypical object
    label_fault_share: float = 0.03  # share of val instance labels removed or swapped
    caption_fault_share: float = 0.20  # share of SFT captions that name a typical but absent object
    noise: float = 9.0  # standard deviation of the pixel noise, of 255


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of scene. `kinds`: name -> (chance that it is there, most of it). Colours from top to bottom."""

    name: str
    phrase: str  # "a kitchen"
    top: RGB
    bottom: RGB
    horizon: float  # share of the height where the floor begins
    texture: str  # tiles, boards, plain, grass, sand, road
    kinds: dict[str, tuple[float, int]]
    activity: str  # what a person can do here

    @property
    def where(self) -> str:
        """ "in a kitchen", "on a beach"."""
        return f"{'on' if self.name in ('street', 'beach', 'farm') else 'in'} {self.phrase}"


PLACES = (
    Place("kitchen", "a kitchen", (236, 226, 196), (186, 170, 150), 0.62, "tiles", {
        "dining table": (0.8, 1), "chair": (0.6, 3), "cup": (0.6, 3), "bowl": (0.5, 2), "bottle": (0.45, 3),
        "oven": (0.55, 1),
        "refrigerator": (0.55, 1), "apple": (0.3, 3), "banana": (0.25, 2), "pizza": (0.2, 1), "clock": (0.2, 1),
        "person": (0.2, 1),
    }, "cook and eat"),
    Place("living room", "a living room", (196, 212, 222), (150, 112, 78), 0.66, "boards", {
        "couch": (0.85, 1), "tv": (0.7, 1), "potted plant": (0.45, 2), "book": (0.35, 3), "clock": (0.3, 1),
        "remote": (0.4, 2),
        "cat": (0.35, 1), "dog": (0.2, 1), "person": (0.3, 2), "vase": (0.3, 2), "chair": (0.25, 1),
    }, "sit down and relax"),
    Place("bedroom", "a bedroom", (218, 200, 222), (172, 146, 132), 0.60, "plain", {
        "bed": (0.92, 1), "teddy bear": (0.5, 2), "book": (0.4, 3), "clock": (0.4, 1), "chair": (0.35, 1),
        "cat": (0.35, 1),
        "laptop": (0.25, 1), "cell phone": (0.35, 1), "potted plant": (0.25, 1), "person": (0.2, 1), "vase": (0.2, 1),
    }, "sleep"),
    Place("office", "an office", (206, 216, 206), (110, 118, 132), 0.66, "plain", {
        "dining table": (0.75, 1), "laptop": (0.7, 2), "keyboard": (0.55, 2), "chair": (0.7, 3),
        "cell phone": (0.4, 1), "book": (0.4, 3),
        "cup": (0.4, 2), "clock": (0.35, 1), "potted plant": (0.3, 1), "person": (0.3, 2), "bottle": (0.2, 1),
    }, "work"),
    Place("street", "a street", (178, 206, 236), (112, 112, 118), 0.52, "road", {
        "car": (0.85, 3), "traffic light": (0.6, 2), "person": (0.5, 3), "bicycle": (0.4, 2), "truck": (0.4, 1),
        "motorcycle": (0.35, 2),
        "stop sign": (0.35, 1), "fire hydrant": (0.35, 1), "dog": (0.15, 1), "bench": (0.1, 1),
    }, "walk or drive"),
    Place("park", "a park", (166, 212, 244), (104, 168, 84), 0.50, "grass", {
        "bench": (0.75, 2), "person": (0.6, 3), "dog": (0.55, 2), "bicycle": (0.35, 2), "kite": (0.4, 2),
        "bird": (0.45, 3),
        "umbrella": (0.2, 1), "skateboard": (0.3, 1), "book": (0.1, 1),
    }, "take a walk and play"),
    Place("beach", "a beach", (120, 196, 236), (232, 212, 156), 0.55, "sand", {
        "umbrella": (0.7, 2), "person": (0.7, 3), "surfboard": (0.6, 2), "boat": (0.55, 2), "kite": (0.35, 2),
        "bird": (0.4, 3),
        "chair": (0.35, 2), "dog": (0.2, 1), "bottle": (0.15, 1),
    }, "swim and surf"),
    Place("farm", "a farm", (196, 220, 240), (154, 148, 70), 0.46, "grass", {
        "cow": (0.65, 3), "sheep": (0.6, 3), "horse": (0.6, 2), "dog": (0.3, 1), "person": (0.35, 1),
        "truck": (0.3, 1), "bird": (0.3, 2),
        "cat": (0.15, 1),
    }, "look after the animals"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a scene. `box` is x0, y0, x1, y1 in px before rotation; `opacity` 1 is solid."""

    kind: str
    colour: str
    box: tuple[float, float, float, float]
    angle: float
    opacity: float
    mirrored: bool
    on: int = -1  # index of the furniture it stands on, -1 for none

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True, slots=True)
class Scene:
    """The plan of one image; `part` is "train" or "val"."""

    part: str
    index: int
    place: Place
    things: tuple[Thing, ...]  # in the order they are painted
    texture_seed: int

    @property
    def image_id(self) -> int:
        return (100_000 if self.part == "train" else 500_000) + self.index + 1

    @property
    def kinds(self) -> dict[str, int]:
        """Names of what is there -> how many, in the order of painting."""
        counts: dict[str, int] = {}
        for thing in self.things:
            counts[thing.kind] = counts.get(thing.kind, 0) + 1
        return counts


def plan_scene(settings: WorldSettings, part: str, index: int) -> Scene:
    """The scene number `index` of a part; independent of all other scenes."""
    rng = random.Random(f"{settings.seed}/{part}/{index}")
    place = rng.choice(PLACES)
    builder = _Builder(rng, settings, place)
    for kind in _choose_kinds(rng, place, settings.off_scene_share):
        builder.add(kind)
    return Scene(part, index, place, tuple(builder.things), rng.getrandbits(32))


def _choose_kinds(rng: random.Random, place: Place, off_scene_share: float) -> list[str]:
    """Kinds with repeats, large ones first so that they are painted behind."""
    icons = all_icons()
    chosen = {kind: rng.randint(1, most) for kind, (chance, most) in place.kinds.items() if rng.random() < chance}
    while len(chosen) < 3:  # POPE can only use images with three different objects
        kind = rng.choice(list(place.kinds))
        chosen.setdefault(kind, 1)
    if rng.random() < off_scene_share:
        chosen.setdefault(rng.choice([name for name in icons if name not in place.kinds]), 1)
    while sum(chosen.values()) > MAX_OBJECTS:
        fullest = max(chosen, key=lambda kind: (chosen[kind], rng.random()))
        chosen[fullest] -= 1
        if not chosen[fullest]:
            del chosen[fullest]
    names = [kind for kind, count in chosen.items() for _ in range(count)]
    return sorted(names, key=lambda kind: (not icons[kind].holds, -icons[kind].length_px))


Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in px


@dataclass(slots=True)
class _Builder:
    """Places objects one by one, each where it covers the others least. A world has 150,000 tries: their loops are plain."""

    rng: random.Random
    settings: WorldSettings
    place: Place
    things: list[Thing] = field(default_factory=list)
    taken: list[tuple[float, float, float, float, float, float]] = field(default_factory=list)  # box, area, weight of each

    def add(self, kind: str) -> None:
        (icon, ratio), rng = _looks(kind), self.rng
        length = icon.length_px * rng.uniform(0.78, 1.15)
        size = (length, length / ratio) if ratio > 1 else (length * ratio, length)
        tables = [i for i, thing in enumerate(self.things) if all_icons()[thing.kind].holds]
        on = rng.choice(tables) if icon.place == "top" and tables and rng.random() < 0.8 else -1
        box = self._freest(self._spots(icon, size, on, 10))
        faint = rng.random() < self.settings.faint_share
        opacity = rng.uniform(*self.settings.faint_opacity) if faint else rng.uniform(0.9, 1.0)
        angle = rng.uniform(-9, 9) if icon.place != "floor" else rng.uniform(-4, 4)
        self.things.append(Thing(kind, rng.choice(icon.colours), box, angle, opacity, rng.random() < 0.5, on))
        self.taken.append((*box, (box[2] - box[0]) * (box[3] - box[1]), 0.3 if icon.holds else 1.0))

    def _spots(self, icon: Icon, size: tuple[float, float], on: int, tries: int) -> list[Box]:
        """Random boxes of this size where such an object may be."""
        draw, (width, height) = self.rng.random, size
        lowest, highest = height + 1, SIZE_PX - 1
        far = SIZE_PX - 1 - width
        across, (above, below) = (1.0, far), self._feet(icon, height)
        if on >= 0:
            left, top, right, bottom = self.things[on].box
            across, above, below = (left - 0.1 * width, max(left, right - 0.9 * width)), 0.12, 0.40
        spots = []
        for _ in range(tries):
            if on >= 0:
                draw()  # as worlds were always drawn: a place anywhere, and then one on the furniture
            x = across[0] + (across[1] - across[0]) * draw()
            foot = above + (below - above) * draw()
            if on >= 0:
                foot = top + foot * (bottom - top)
            foot = lowest if foot < lowest else foot
            foot = highest if foot > highest else foot
            x = 1.0 if x < 1.0 else x
            x = far if x > far else x
            spots.append((x, foot - height, x + width, foot))
        return spots

    def _feet(self, icon: Icon, height: float) -> tuple[float, float]:
        """Between which rows an object that stands on no furniture ends below."""
        horizon = self.place.horizon * SIZE_PX
        if icon.place == "wall":
            return height + 2, max(height + 3, horizon - 2)
        if icon.place == "sky":
            return height + 2, horizon + 6
        return max(horizon + 4, height + 1), SIZE_PX - 2

    def _freest(self, boxes: Sequence[Box]) -> Box:
        """The first of the boxes that cover the least of the others' boxes, furniture counted less."""
        found, least = boxes[0], math.inf
        for box in boxes:
            x0, y0, x1, y1 = box
            total = 0.0
            for left, top, right, bottom, area, weight in self.taken:
                if x0 < right and left < x1 and y0 < bottom and top < y1:
                    width = (right if right < x1 else x1) - (left if left > x0 else x0)
                    height = (bottom if bottom < y1 else y1) - (top if top > y0 else y0)
                    total += width * height / area * weight
                    if total >= least:
                        break
            else:
                found, least = box, total
                if not total:
                    break
        return found


@cache
def _looks(kind: str) -> tuple[Icon, float]:
    """A kind's icon, and its width over its height."""
    return all_icons()[kind], aspect(all_icons()[kind])
