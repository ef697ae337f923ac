"""Image features after the projector, computed once for each image and kept up to a budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harness.core.errors import ModelError
from harness.core.evaluation import NoisyImage, Request
from harness.core.preference import paths_of
from harness.models._checkpoint.families import Family
from harness.models._checkpoint.image_noise import add_noise, of_image
from harness.models._checkpoint.prompt_builder import PromptBuilder
from harness.models._checkpoint.vision_tower import of_prompt, stack_vision, vision_features

_AT_ONCE = 16  # images through the vision tower in one call


class ImageView(NamedTuple):
    """An image as the model sees it; `among`: without tiles, since it is one of several (`Family.tiles_alone`)."""

    path: Path
    noise: NoisyImage | None = None
    among: bool = False


def views_of(request: Request, family: Family) -> list[ImageView]:
    """The images of a request in their order."""
    paths = paths_of(request.image)
    among = family.tiles_alone and len(paths) > 1
    return [ImageView(path, of_image(request.noise, place), among) for place, path in enumerate(paths)]


class Features(NamedTuple):
    """What the language model reads of an image: `embeds` (k, D), `deep` the same for its first layers (deepstack)."""

    embeds: Tensor
    deep: tuple[Tensor, ...] = ()

    @property
    def size(self) -> int:
        """Elements held."""
        return self.embeds.numel() * (1 + len(self.deep))


def joined(images: Sequence[Features]) -> Features:
    """Those of a prompt's images as one, in their order."""
    if len(images) == 1:
        return images[0]
    deep = zip(*(one.deep for one in images), strict=True)
    return Features(torch.cat([one.embeds for one in images]), tuple(torch.cat(layers) for layers in deep))


class FeatureCache:
    """ImageView -> features, least recently used ones dropped beyond `room` elements."""

    def __init__(self, module: Any, prompts: PromptBuilder, room: int = 64_000_000) -> None:
        self._module, self._prompts, self._room = module, prompts, room
        self._kept: OrderedDict[ImageView, Features] = OrderedDict()
        self._size = 0

    def of(self, images: Sequence[ImageView]) -> dict[ImageView, Features]:
        """Features of the images named; each is encoded at most once while it stays in the cache."""
        wanted = list(dict.fromkeys(images))
        for among in (False, True):
            new = [p for p in wanted if p not in self._kept and p.among == among]
            for start in range(0, len(new), _AT_ONCE):
                self._encode(new[start : start + _AT_ONCE])
        found = {p: self._kept[p] for p in wanted}
        for image in wanted:
            self._kept.move_to_end(image)
        while self._size > self._room and len(self._kept) > len(wanted):
            _, dropped = self._kept.popitem(last=False)
            self._size -= dropped.size
        return found

    @torch.inference_mode()
    def _encode(self, images: list[ImageView]) -> None:
        """One vision pass for images whose tensors stack; any-resolution tiles are padded as the model expects."""
        images = images * 2 if images[0].among and len(images) == 1 else images  # one alone would be cut into tiles
        processed = [self._prompts.image_inputs(p.path, p.among) for p in images]
        weight = self._module.get_input_embeddings().weight
        noisy = [add_noise(made.tensors, p.noise, self._prompts.frames) for made, p in zip(processed, images, strict=True)]
        pinned = weight.device.type == "cuda"
        stacked = of_prompt(self._prompts.family, noisy, pinned) if images[0].among else stack_vision(noisy, pinned)
        moved = on_device(stacked, weight.device, weight.dtype)
        out = vision_features(self._module, self._prompts.family, moved)
        counts = [made.tokens for made in processed]
        embeds = _apart(out.pooler_output, counts)
        layers = [_apart(layer, counts) for layer in getattr(out, "deepstack_features", None) or ()]
        for n, image in enumerate(dict.fromkeys(images)):
            self._kept[image] = Features(embeds[n], tuple(layer[n] for layer in layers))
            self._size += self._kept[image].size


class TextTokens:
    """How the tokens of a text enter a language model.

    Gemma 4 reads any placeholder (image, video, sound) as padding, one that the model wrote itself too, and gives every
    layer an embedding of its own of each token.
    """

    def __init__(self, module: Any, family: Family) -> None:
        self._embed, self._decoder, self._family = module.get_input_embeddings(), module.get_decoder(), family
        kinds = [getattr(module.config, f"{kind}_token_id", None) for kind in ("image", "video", "audio")]
        self._placeholders = [token for token in kinds if isinstance(token, int)] if family.pads_placeholders else []
        self._padding = int(getattr(self._decoder.config, "pad_token_id", None) or 0)

    def __call__(self, ids: Tensor, at: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """Embeddings (B, T, D) of `ids` (B, T), anything where images stand `at` (B, T), and what the layers are given."""
        ids = ids.masked_fill(at, self._padding)  # the id of a placeholder may be outside the vocabulary
        for token in self._placeholders:
            ids = ids.masked_fill(ids == token, self._padding)
        own = {"per_layer_inputs": self._decoder.get_per_layer_inputs(ids, None)} if self._family.own_layers else {}
        return self._embed(ids), own


def flattened(features: Any) -> Tensor:
    """Features of several images, however a family lays them together, as (k of all, D)."""
    parts = features if isinstance(features, (list, tuple)) else [features]
    return torch.cat([part.reshape(-1, part.shape[-1]) for part in parts])


def _apart(features: Any, counts: list[int]) -> list[Tensor]:
    """One (k, D) an image."""
    flat = flattened(features)
    if len(flat) != sum(counts):
        raise ModelError(
            f"The processor writes {sum(counts)} placeholders for {len(counts)} images, but the model makes {len(flat)} "
            "features of them. Processor and weights do not belong together: use both from one checkpoint."
        )
    return list(torch.split(flat, counts))


def on_device(tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Tensors on the device, floating-point ones in `dtype`. A GPU converts them itself, and nothing waits for the copy."""
    on_gpu = device.type == "cuda"
    moved = {k: v.to(device, non_blocking=True) if on_gpu else v for k, v in tensors.items()}
    return {k: v.to(device, dtype if v.is_floating_point() else v.dtype) for k, v in moved.items()}
