"""Requests -> token rows with their images: what one prompt looks like to the language model."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from harness.core.evaluation import HiddenImage, Request
from harness.models._checkpoint.chat_template import Rendered, render, token_ids
from harness.models._checkpoint.families import CAUSAL, IMAGE, PROMPT, Family
from harness.models._checkpoint.image_files import open_image

_MARK = "§§QUESTION§§"
_TEXT_KEYS = {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids", "labels"}
RopeIndex = Callable[[Tensor, Tensor, "dict[str, Tensor]"], Tensor]  # ids (T,), is image (T,), tensors -> (T, axes)


@dataclass(slots=True)
class Row:
    """One request as tokens, hidden ones left out.

    ids (T,): image placeholders expanded. positions (T,): as the model counts them, one number or one an axis.
    places (T,): index in the row as if nothing were hidden. blocks (T,): tokens of one number see each other both ways,
    -1 none. whole: so many tokens at the beginning are read in one piece or token by token not at all.
    """

    index: int
    request: Request
    ids: list[int]
    prefix_ids: list[int]
    head: str
    positions: list[Any] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    whole: int = 0
    visible: Tensor | None = None  # (k,) bool over the image tokens, None = all

    def followed_by(self, tail: list[int]) -> Row:
        """The row with more text behind it."""
        last = self.positions[-1]
        steps = range(1, len(tail) + 1)
        more = [last + n if isinstance(last, int) else tuple(p + n for p in last) for n in steps]
        places = [self.places[-1] + n for n in steps]
        return replace(
            self,
            ids=self.ids + tail,
            positions=self.positions + more,
            places=self.places + places,
            blocks=self.blocks + [-1] * len(tail),
        )


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """Processor output for one image.

    text: what stands in the prompt for it, with each run of placeholders as one; runs: their lengths; tensors: what the
    vision tower wants.
    """

    text: str
    runs: tuple[int, ...]
    tensors: dict[str, Tensor]

    @property
    def tokens(self) -> int:
        """Placeholders in all, which is the number of features."""
        return sum(self.runs)


class PromptBuilder:
    """Renders prompts and expands image placeholders; remembers the last few images' tensors.

    Args:
        image_token_id: the token whose embedding an image's features replace; -1 where the model puts them in itself.
        rope_index: positions of a row where they have three axes.
    """

    def __init__(
        self,
        processor: Any,
        family: Family,
        image_token_id: int,
        rope_index: RopeIndex | None = None,
        keep_images: int = 64,
    ) -> None:
        self.processor, self.family, self.image_token_id = processor, family, image_token_id
        self.tokenizer = processor.tokenizer
        self._rope_index = rope_index
        self._token = str(getattr(processor, "image_token", ""))  # what the template writes for an image
        known = self._token if image_token_id < 0 else self.tokenizer.convert_ids_to_tokens(image_token_id)
        self._placeholder = str(known)  # what the processor makes of it
        self._keep = keep_images
        self._images: OrderedDict[Path, ImageInputs] = OrderedDict()
        self._templates: dict[bool, tuple[Rendered, str]] = {}
        self._last: tuple[Any, Row] | None = None

    def rendered(self, question: str, with_image: bool) -> Rendered:
        """The template applied to a question; the template itself runs once for each of with/without image."""
        if with_image not in self._templates:
            self._templates[with_image] = (render(self.processor, _MARK, with_image, self.family.template), _MARK)
        template, mark = self._templates[with_image]
        return Rendered(template.prompt.replace(mark, question), template.head, template.tail)

    def image_inputs(self, path: Path) -> ImageInputs:
        """Vision tensors and placeholders of an image (a bounded memory)."""
        if path in self._images:
            self._images.move_to_end(path)
            return self._images[path]
        made = self._process(open_image(path))
        self._images[path] = made
        if len(self._images) > self._keep:
            self._images.popitem(last=False)
        return made

    @torch.inference_mode(False)  # asked for while answering, read again while training
    def _process(self, image: Image.Image) -> ImageInputs:
        batch = self.processor(images=[image], text=[self._token], return_tensors="pt", return_text_replacement_offsets=True)
        ((written,),) = batch.pop("text_replacement_offsets")
        text = str(written["replacement"])
        runs = re.compile(f"(?:{re.escape(self._placeholder)})+")
        lengths = tuple(len(run) // len(self._placeholder) for run in runs.findall(text))
        return ImageInputs(
            runs.sub(lambda _: self._placeholder, text), lengths, {k: v for k, v in batch.items() if k not in _TEXT_KEYS}
        )

    def text(self, image: Path | None, question: str) -> tuple[str, bool]:
        """A prompt as text, and whether the tokenizer has to add its special tokens.

        A placeholder inside the user's text is text: it is broken up so that no image is expected for it.
        """
        for token in filter(None, (self._token, self._placeholder)):
            question = question.replace(token, token[:1] + " " + token[1:])
        prompt = self.rendered(question, image is not None).prompt
        bos = self.tokenizer.bos_token
        return prompt, not (bool(bos) and prompt.startswith(bos))

    def prompt_ids(self, image: Path | None, question: str) -> list[int]:
        """Token ids of a prompt, (T,), image placeholders expanded, the tokenizer's BOS added once."""
        text, special = self.text(image, question)
        if image is None:
            return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])
        inputs = self.image_inputs(image)
        ids = self.tokenizer(text.replace(self._token, inputs.text, 1), add_special_tokens=special)["input_ids"]
        runs = iter(inputs.runs)
        return [copy for i in ids for copy in ([i] * next(runs) if i == self.image_token_id else [i])]

    def row(self, index: int, request: Request) -> Row:
        """Tokens of a request: prompt, then the given beginning of the answer."""
        asked = (request.image, request.text, request.hidden_image)
        if self._last is None or self._last[0] != asked:
            self._last = (asked, self._prompt_row(request))
        row = replace(self._last[1], index=index, request=request)
        if request.prefix:
            row.prefix_ids = token_ids(self.tokenizer, row.head + request.prefix)
            row = row.followed_by(row.prefix_ids)
        return row

    def _prompt_row(self, request: Request) -> Row:
        """A request without its beginning; the sentences of one answer share it."""
        prompt = self.prompt_ids(request.image, request.text)
        row = Row(-1, request, prompt, [], self.rendered("", request.image is not None).head)
        row.positions = self.positions(prompt, request.image)
        row.places = list(range(len(prompt)))
        row.blocks = self._blocks(prompt)
        _hide(row, request.hidden_image, self.image_token_id)
        if self.family.both_ways != CAUSAL:
            row.whole = max((n + 1 for n, block in enumerate(row.blocks) if block >= 0), default=0)
        return row

    def positions(self, ids: list[int], image: Path | None) -> list[Any]:
        """Position of each token of a prompt: a number, or one an axis."""
        first = self.family.first_position
        plain = range(first, first + len(ids))
        if self._rope_index is None:
            return list(plain)
        if image is None:
            return [(n,) * self.family.axes for n in plain]
        tokens = torch.tensor(ids)
        found = self._rope_index(tokens, tokens == self.image_token_id, self.image_inputs(image).tensors)
        return [tuple(axes) for axes in found.tolist()]

    def _blocks(self, prompt: list[int]) -> list[int]:
        """Which tokens of a prompt see each other both ways, see `Row.blocks`."""
        if self.family.both_ways == PROMPT:
            return [0] * len(prompt)
        if self.family.both_ways != IMAGE:
            return [-1] * len(prompt)
        runs = groupby(prompt, lambda token: token == self.image_token_id)
        numbered = ((number if seen else -1, len(list(run))) for number, (seen, run) in enumerate(runs))
        return [number for number, length in numbered for _ in range(length)]


def visible_tokens(hidden: HiddenImage, count: int) -> Tensor:
    """(k,) bool: token i stays visible iff rho_i >= share, rho_i ~ U(0,1) (paper, Eq. 6).

    All k placeholders of an image count, LLaVA-1.6's newline tokens included (the paper leaves this open).
    """
    rho = torch.rand(count, generator=torch.Generator().manual_seed(hidden.seed), dtype=torch.float64)
    return rho >= hidden.share


def _hide(row: Row, hidden: HiddenImage | None, image_token_id: int) -> None:
    """Leave hidden image tokens out of the row but keep every position.

    A key that is hidden from every query in every layer is the same as a deleted token whose position stays taken.
    """
    if hidden is None or hidden.share <= 0:
        return
    at = [i for i, token in enumerate(row.ids) if token == image_token_id]
    row.visible = visible_tokens(hidden, len(at))
    gone = {place for place, seen in zip(at, row.visible.tolist(), strict=True) if not seen}
    keep = [i for i in range(len(row.ids)) if i not in gone]
    row.ids, row.positions = [row.ids[i] for i in keep], [row.positions[i] for i in keep]
    row.places, row.blocks = [row.places[i] for i in keep], [row.blocks[i] for i in keep]
