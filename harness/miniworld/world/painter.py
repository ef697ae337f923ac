"""Paints a planned scene with Pillow: textured background, objects from back to front, noise on top."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.scenes import SIZE_PX, Place, Scene, Thing
from harness.miniworld.world.sprites import draw_icon

JPEG_OPTIONS: dict[str, Any] = {"quality": 90, "subsampling": 0, "optimize": False}


@dataclass(frozen=True, slots=True)
class PaintedScene:
    """A painted scene. `pixels` (112, 112, 3) uint8; `owner` (112, 112) int16: index of the topmost object, -1 none;
    `boxes`: x, y, width, height of every object's own pixels, hidden ones too; `areas`: how many pixels they are."""

    pixels: npt.NDArray[np.uint8]
    owner: npt.NDArray[np.int16]
    boxes: tuple[tuple[int, int, int, int], ...]
    areas: tuple[int, ...]

    def image(self) -> Image.Image:
        return Image.fromarray(self.pixels)


def paint(scene: Scene, noise: float) -> PaintedScene:
    """The image of a scene; the same scene gives the same pixels."""
    rng = np.random.default_rng(scene.texture_seed)
    canvas = Image.fromarray(_background(scene.place, rng))
    owner = np.full((SIZE_PX, SIZE_PX), -1, np.int16)
    boxes, areas = [], []
    for index, thing in enumerate(scene.things):
        mask = _paste(canvas, thing)
        owner[mask] = index
        boxes.append(_bounds(mask))
        areas.append(int(mask.sum()))
    pixels = np.asarray(canvas, np.float32) + rng.standard_normal((SIZE_PX, SIZE_PX, 3), np.float32) * noise
    return PaintedScene(pixels.clip(0, 255).astype(np.uint8), owner, tuple(boxes), tuple(areas))


def _paste(canvas: Image.Image, thing: Thing) -> npt.NDArray[np.bool_]:
    """Paint one object; returns the pixels it takes, (112, 112) bool, as if it were solid."""
    sprite = draw_icon(all_icons()[thing.kind], thing.colour)
    size = (max(4, round(thing.box[2] - thing.box[0])), max(4, round(thing.box[3] - thing.box[1])))
    small = sprite.resize(size, Image.Resampling.BOX, reducing_gap=None)
    if thing.mirrored:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    small = small.rotate(thing.angle, Image.Resampling.BILINEAR, expand=True)
    alpha = small.getchannel("A")
    corner = (round(thing.centre[0] - small.width / 2), round(thing.centre[1] - small.height / 2))
    canvas.paste(small, corner, alpha.point(_fade(round(100 * thing.opacity))))
    whole = Image.new("L", canvas.size)
    whole.paste(alpha, corner)
    return np.asarray(whole) > 110


@cache
def _fade(percent: int) -> list[int]:
    """Lookup table that makes an opacity channel fainter."""
    return [value * percent // 100 for value in range(256)]


def _bounds(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(columns):
        return 0, 0, 0, 0
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y


def _background(place: Place, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Wall or sky above, floor below, with the place's texture and a slow random shading: (112, 112, 3)."""
    rows = np.arange(SIZE_PX)[:, None]
    below = rows >= place.horizon * SIZE_PX + rng.integers(-4, 5)
    base = np.where(below[..., None], np.array(place.bottom, np.float32), np.array(place.top, np.float32))
    pixels = np.repeat(base, SIZE_PX, 1) + rng.normal(0, 8, 3)  # every room has its own light
    pixels += _texture(place.texture, rng)[..., None] * below[..., None]
    clouds = Image.fromarray(rng.normal(128, 16, (8, 8)).clip(0, 255).astype(np.uint8))
    slow = np.asarray(clouds.resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC), np.float32) - 128
    pixels += slow[..., None] * 0.6
    return pixels.clip(0, 255).astype(np.uint8)


def _texture(name: str, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Brightness added to the floor: (112, 112)."""
    y, x = np.mgrid[0:SIZE_PX, 0:SIZE_PX] + rng.integers(0, 16)
    if name == "tiles":
        return np.where(((x % 16) < 1) | ((y % 12) < 1), -34, ((x // 16 + y // 12) % 2) * 10).astype(np.float32)
    if name == "boards":
        return np.where((y % 9) < 1, -30, ((y // 9) % 3) * 7).astype(np.float32)
    if name == "road":
        return np.where(((y % 40) < 3) & ((x % 28) < 14), 90, 0).astype(np.float32)
    strength = {"grass": 16, "sand": 8}.get(name, 3)
    blades = rng.normal(0, strength, (SIZE_PX // 4, SIZE_PX // 2))
    return np.kron(blades, np.ones((4, 2))).astype(np.float32)
