"""Teaches the vision tower to see, alone and first: what covers each patch, in which colour, and where we are.

Joint training from nothing stays blind to the image for a thousand steps and more; a tower that already names what
it sees, then frozen, is read by the language model at once (docs/miniworld.md).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from harness.miniworld.model.architecture import GRID, IMAGE_MEAN, IMAGE_STD, PATCH_PX, VISION_WIDTH
from harness.miniworld.model.optimizer import MuonWithAdamW
from harness.miniworld.world.drawings.shapes import COLOURS
from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.painter import JPEG_OPTIONS, PaintedScene, paint
from harness.miniworld.world.scenes import PLACES, Scene, WorldSettings, plan_scene

KINDS = tuple(all_icons())
CLASSES = len(KINDS) + len(PLACES)  # a patch with nothing on it shows its place
SHADES = tuple(COLOURS)

THING_WEIGHT = 4.0

Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """Training images as the processor would see them. N images of G x G patches.

    pixels (N, 3, 112, 112) uint8; what (N, G * G, classes) and shade (N, G * G, colours): share of a patch's
    pixels, times 255, as uint8.
    """

    scenes: tuple[Scene, ...]
    pixels: Tensor
    what: Tensor
    shade: Tensor


def draw_training_images(settings: WorldSettings, count: int) -> TrainingImages:
    """The first `count` training images, through JPEG as the files on disc are."""
    scenes = tuple(plan_scene(settings, "train", index) for index in range(count))
    pixels = torch.empty(count, 3, GRID * PATCH_PX, GRID * PATCH_PX, dtype=torch.uint8)
    what = torch.empty(count, GRID * GRID, CLASSES, dtype=torch.uint8)
    shade = torch.empty(count, GRID * GRID, len(SHADES), dtype=torch.uint8)
    for index, scene in enumerate(scenes):
        painted = paint(scene, settings.noise)
        pixels[index] = torch.from_numpy(through_jpeg(painted)).permute(2, 0, 1)
        what[index], shade[index] = _patch_labels(scene, painted)
    return TrainingImages(scenes, pixels, what, shade)


def through_jpeg(painted: PaintedScene) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels after saving and loading: (112, 112, 3)."""
    file = io.BytesIO()
    painted.image().save(file, "JPEG", **JPEG_OPTIONS)
    return np.array(Image.open(file).convert("RGB"))


def _patch_labels(scene: Scene, painted: PaintedScene) -> tuple[Tensor, Tensor]:
    things = [KINDS.index(thing.kind) for thing in scene.things]
    shades = [SHADES.index(thing.colour) for thing in scene.things]
    nothing = len(KINDS) + PLACES.index(scene.place)
    what = np.array([*things, nothing])[painted.owner]  # owner -1 reads the last entry
    shade = np.array([*shades, -1])[painted.owner]
    return _shares(what, CLASSES), _shares(shade, len(SHADES))


def _shares(labels: np.ndarray[Any, Any], classes: int) -> Tensor:
    """(112, 112) labels -> (G * G, classes) uint8 shares of each patch; label -1 counts nowhere."""
    patches = labels.reshape(GRID, PATCH_PX, GRID, PATCH_PX).transpose(0, 2, 1, 3).reshape(GRID * GRID, -1)
    bins = patches + 1 + np.arange(GRID * GRID)[:, None] * (classes + 1)  # bin 0 of a patch is label -1
    counts = np.bincount(bins.ravel(), minlength=GRID * GRID * (classes + 1)).reshape(GRID * GRID, -1)[:, 1:]
    return torch.from_numpy((counts / PATCH_PX**2 * 255).round().astype(np.uint8))


def normalise(pixels: Tensor) -> Tensor:
    """uint8 (B, 3, H, W) -> what the processor hands to the model."""
    mean, std = torch.tensor(IMAGE_MEAN).view(3, 1, 1), torch.tensor(IMAGE_STD).view(3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def train_tower(tower: nn.Module, images: TrainingImages, steps: int, batch: int, log: Log) -> None:
    """Cross-entropy of each patch's content and colour shares; two throw-away linear heads.

    A patch full of things weighs `1 + THING_WEIGHT` times as much as one of background.
    """
    heads = nn.ModuleDict({"what": nn.Linear(VISION_WIDTH, CLASSES), "shade": nn.Linear(VISION_WIDTH, len(SHADES))})
    named = [*tower.named_parameters(), *heads.named_parameters()]
    optimizer = MuonWithAdamW(named, matrix_rate=1e-2, rate=8e-3, steps=steps)
    tower.train()
    for step in range(1, steps + 1):
        rows = torch.randint(len(images.scenes), (batch,))
        hidden = patch_features(tower, images.pixels[rows])
        what, shade = images.what[rows].float() / 255, images.shade[rows].float() / 255
        seen = heads["what"](hidden).log_softmax(-1)
        thing = what[..., : len(KINDS)].sum(-1)
        weight = 1 + THING_WEIGHT * thing
        loss = -((what * seen).sum(-1) * weight).sum() / weight.sum()
        loss = loss - 0.5 * (shade * heads["shade"](hidden).log_softmax(-1)).sum(-1).mean()
        optimizer.step(loss)
        if step % 50 == 0 or step == steps:
            right = (seen.argmax(-1) == what.argmax(-1))[thing > 0.5]
            log({"stage": "tower", "step": step, "loss": loss.item(), "thing_patches_right": right.float().mean().item()})


def patch_features(tower: Any, pixels: Tensor) -> Tensor:
    """uint8 images (B, 3, 112, 112) -> the layer that the projector reads, without the class token: (B, G * G, width)."""
    output = tower(normalise(pixels), output_hidden_states=True)
    hidden: Tensor = output.hidden_states[-1][:, 1:]
    return hidden


@torch.no_grad()
def freeze_features(tower: nn.Module, images: TrainingImages, batch: int = 64) -> Tensor:
    """The frozen tower's features of every image, once: (N, G * G, width) float16."""
    tower.eval().requires_grad_(False)
    return torch.cat([patch_features(tower, pixels).half() for pixels in torch.split(images.pixels, batch)])
