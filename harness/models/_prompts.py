"""Requests -> token rows with their images: what one prompt looks like to the language model."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from harness.contract import HiddenImage, Request
from harness.models._pictures import open_image
from harness.models._rendering import Rendered, render, token_ids

_MARK = "§§QUESTION§§"


@dataclass(slots=True)
class Row:
    """One request as tokens. `ids` (T,) with image placeholders expanded; `positions` keep the gaps of hidden tokens."""

    index: int
    request: Request
    ids: list[int]
    prefix_ids: list[int]
    head: str
    positions: list[int] = field(default_factory=list)
    visible: Tensor | None = None  # (k,) bool over the image tokens, None = all


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """Processor output for one picture: `tokens` placeholders and the tensors the vision tower wants."""

    tokens: int
    tensors: dict[str, Tensor]


class PromptBuilder:
    """Renders prompts and expands image placeholders; remembers the last few pictures' tensors."""

    def __init__(self, processor: Any, keep_images: int = 64) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.image_token_id: int = processor.image_token_id
        self._keep = keep_images
        self._images: OrderedDict[Path, ImageInputs] = OrderedDict()
        self._templates: dict[bool, tuple[Rendered, str]] = {}

    def rendered(self, question: str, with_image: bool) -> Rendered:
        """The template applied to a question; the template itself runs once for each of with/without image."""
        if with_image not in self._templates:
            self._templates[with_image] = (render(self.processor, _MARK, with_image), _MARK)
        template, mark = self._templates[with_image]
        return Rendered(template.prompt.replace(mark, question), template.head, template.tail)

    def image_inputs(self, path: Path) -> ImageInputs:
        """Vision tensors and number of placeholder tokens of a picture (a bounded memory)."""
        if path in self._images:
            self._images.move_to_end(path)
            return self._images[path]
        made = self._process(open_image(path))
        self._images[path] = made
        if len(self._images) > self._keep:
            self._images.popitem(last=False)
        return made

    def _process(self, picture: Image.Image) -> ImageInputs:
        token = self.processor.image_token
        batch = self.processor(images=[picture], text=[token], return_tensors="pt")
        count = int((batch["input_ids"] == self.image_token_id).sum())
        text_keys = {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"}
        return ImageInputs(count, {k: v for k, v in batch.items() if k not in text_keys})

    def prompt_ids(self, image: Path | None, text: str) -> tuple[list[int], Rendered]:
        """Token ids of a prompt, (T,), image placeholders expanded, the tokenizer's BOS added once.

        A placeholder inside the user's text is text: it is broken up so that no image is expected for it.
        """
        token = self.processor.image_token
        rendered = self.rendered(text.replace(token, token[:1] + " " + token[1:]), image is not None)
        bos = self.tokenizer.bos_token
        own_bos = bool(bos) and rendered.prompt.startswith(bos)
        ids = list(self.tokenizer(rendered.prompt, add_special_tokens=not own_bos)["input_ids"])
        if image is not None:
            count = self.image_inputs(image).tokens
            ids = [copy for i in ids for copy in ([i] * count if i == self.image_token_id else [i])]
        return ids, rendered

    def row(self, index: int, request: Request) -> Row:
        """Tokens of a request: prompt, then the given beginning of the answer."""
        ids, rendered = self.prompt_ids(request.image, request.text)
        prefix = token_ids(self.tokenizer, rendered.head + request.prefix) if request.prefix else []
        row = Row(index, request, ids + prefix, prefix, rendered.head)
        _hide(row, request.hidden_image, self.image_token_id)
        return row


def visible_tokens(hidden: HiddenImage, count: int) -> Tensor:
    """(k,) bool: token i stays visible iff rho_i >= share, rho_i ~ U(0,1) (paper, Eq. 6).

    All k placeholders of a picture count, LLaVA-1.6's newline tokens included (the paper leaves this open).
    """
    rho = torch.rand(count, generator=torch.Generator().manual_seed(hidden.seed), dtype=torch.float64)
    return rho >= hidden.share


def _hide(row: Row, hidden: HiddenImage | None, image_token_id: int) -> None:
    """Leave hidden image tokens out of the row but keep every position.

    A key that is hidden from every query in every layer is the same as a deleted token whose position stays taken.
    """
    row.positions = list(range(len(row.ids)))
    if hidden is None or hidden.share <= 0:
        return
    places = [i for i, token in enumerate(row.ids) if token == image_token_id]
    row.visible = visible_tokens(hidden, len(places))
    gone = {place for place, seen in zip(places, row.visible.tolist(), strict=True) if not seen}
    keep = [i for i in range(len(row.ids)) if i not in gone]
    row.ids, row.positions = [row.ids[i] for i in keep], [row.positions[i] for i in keep]
