"""Requests -> token rows with their images: what one prompt looks like to the language model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from harness.core.errors import ModelError, TooLong
from harness.core.evaluation import HiddenImage, Request
from harness.core.preference import Images, paths_of
from harness.models._checkpoint.families import CAUSAL, IMAGE, PROMPT, Family
from harness.models._checkpoint.image_noise import of_image
from harness.models._checkpoint.newline_tokens import newline_tokens
from harness.models._conversation.conversations import Conversations

GRID = "image_grid_thw"  # of the tensors of families whose positions have axes: patches of each image, (n, 3)
RopeIndex = Callable[[Tensor, Tensor, "dict[str, Tensor]"], Tensor]  # ids (T,), is image (T,), tensors -> (T, axes)


@dataclass(slots=True)
class Row:
    """One request as tokens, hidden ones left out.

    ids (T,): image placeholders expanded, then the given prefix of the answer. context:
    the last text tokens before what is to be generated. head: what the template writes in front of an answer, "" behind a
    given prefix. positions (T,): as the model counts them, one number or one an axis.
    places (T,): index in the row as if nothing were hidden. blocks (T,): tokens of one number see each other both ways,
    -1 none. whole: the number of first tokens that have to be read in one piece.
    """

    index: int
    request: Request
    ids: list[int]
    head: str
    context: list[int] = field(default_factory=list)
    positions: list[Any] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    whole: int = 0
    visible: Tensor | None = None  # (k,) bool over the tokens of all images, None = all

    def all_ids(self, image_token_id: int) -> list[int]:
        """The ids as if nothing were hidden: what `generate` gets with a mask, and its repetition penalty looks at."""
        if self.visible is None:
            return self.ids
        found = [image_token_id] * (self.places[-1] + 1)
        for place, token in zip(self.places, self.ids, strict=True):
            found[place] = token
        return found

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


class PromptBuilder(Conversations):
    """Conversations as rows that a language model reads.

    Args: as of `Conversations`; rope_index: positions of a row where they have three axes; longest: tokens that the model
    reads at most, None where that is not known.
    """

    def __init__(
        self,
        processor: Any,
        family: Family,
        image_token_id: int,
        rope_index: RopeIndex | None = None,
        longest: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(processor, family, image_token_id, **options)
        self._rope_index, self._longest = rope_index, longest
        self._last: tuple[Any, Row] | None = None
        self._made_of = (processor, family, image_token_id, rope_index, longest), options

    @cached_property
    def given(self) -> PromptBuilder:
        """The conversations of given answers: these, or where the template changes a prompt once an answer follows it, those
        with the changed prompt. Images are shared."""
        if not self.template.rewrites:
            return self
        made_of, options = self._made_of
        return PromptBuilder(*made_of, **{**options, "images": self.images, "answered": True})

    def row(self, index: int, request: Request) -> Row:
        """Tokens of a request: prompt, then the given prefix of the answer."""
        asked = (request.image, request.text, request.hidden_image)
        if self._last is None or self._last[0] != asked:
            self._last = (asked, self._prompt_row(request))
        row = self._last[1]
        if request.prefix:
            row = replace(row.followed_by(self.prefix_ids(request)), head="")
        return replace(row, index=index, request=request, context=self.context(row.ids))

    def _prompt_row(self, request: Request) -> Row:
        """A request without its prefix; the sentences of one answer share it."""
        prompt = self.prompt_ids(request.image, request.text)
        row = Row(-1, request, prompt, self.template.around(len(paths_of(request.image))).head)
        row.positions = self.positions(prompt, request.image)
        self.check_length(reach(row.positions[-1]) + 1, request.image, request.text)
        row.places = list(range(len(prompt)))
        row.blocks = self._blocks(prompt)
        self._hide(row, request)
        if self.family.both_ways != CAUSAL:
            row.whole = max((n + 1 for n, block in enumerate(row.blocks) if block >= 0), default=0)
        return row

    def check_length(self, tokens: int, images: Images, text: str, what: str = "prompt") -> None:
        """Raise TooLong for a row that exceeds the model's context: what is read beyond it is noise."""
        if self._longest is not None and tokens >= self._longest:
            about = f" about {', '.join(map(str, paths_of(images)))}" if images is not None else ""
            raise TooLong(
                f"The {what} {text[:60]!r}{about} has {tokens:,} tokens; the model was made for {self._longest:,}. Use a model "
                "with a longer context, or leave it out.",
                (images, text),
            )

    def check_tokens(self, tokens: int, images: Images, text: str, what: str = "prompt") -> None:
        """The same for a number of tokens, where each has a position of its own."""
        if self._rope_index is None:
            self.check_length(tokens, images, text, what)

    def positions(self, ids: list[int], images: Images) -> list[Any]:
        """Position of each token of a prompt: a number, or one an axis."""
        first = self.family.first_position
        plain = range(first, first + len(ids))
        if self._rope_index is None:
            return list(plain)
        if images is None:
            return [(n,) * self.family.axes for n in plain]
        tokens = torch.tensor(ids)
        grids = {GRID: torch.cat([one.tensors[GRID] for one in self.inputs_of(images)])}
        found = self._rope_index(tokens, tokens == self.image_token_id, grids)
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

    def _hide(self, row: Row, request: Request) -> None:
        """Leave hidden image tokens out of the row; every position stays as it was, unless they are to be closed up.

        A key that is hidden from every query in every layer is the same as a deleted token whose position stays taken.
        """
        hidden = request.hidden_image
        if hidden is None or hidden.share <= 0 or request.image is None:
            return
        at = [i for i, token in enumerate(row.ids) if token == self.image_token_id]
        row.visible = self.visible(hidden, request.image)
        gone = {place for place, seen in zip(at, row.visible.tolist(), strict=True) if not seen}
        keep = [i for i in range(len(row.ids)) if i not in gone]
        row.ids, row.positions = [row.ids[i] for i in keep], [row.positions[i] for i in keep]
        row.places, row.blocks = [row.places[i] for i in keep], [row.blocks[i] for i in keep]
        if hidden.positions == "closed":
            if self.family.axes > 1:
                raise ModelError(f"hidden_positions: closed is not defined for {self.family.name}, whose positions have axes.")
            row.positions = list(range(row.positions[0], row.positions[0] + len(keep)))

    def visible(self, hidden: HiddenImage, images: Images) -> Tensor:
        """(k,) bool over the tokens of all images: which are seen, drawn for each image on its own."""
        found = []
        for place, one in enumerate(self.inputs_of(images)):
            always = None
            if hidden.newlines == "shown":
                always = newline_tokens(self.processor, self.family.name, one.tensors, one.tokens)
            found.append(visible_tokens(of_image(hidden, place) or hidden, one.tokens, always))
        return torch.cat(found)

    def hidden_at(self, ids: Tensor, hidden: HiddenImage | None, images: Images) -> Tensor | None:
        """(P,) bool: the positions of a prompt's image tokens that are hidden, None where none are."""
        if hidden is None or hidden.share <= 0:
            return None
        at = ids == self.image_token_id
        found = torch.zeros_like(at)
        found[at] = ~self.visible(hidden, images)
        return found


def reach(position: Any) -> int:
    """The largest number of a position, which has one an axis or is one itself."""
    return int(position if isinstance(position, int) else max(position))


def visible_tokens(hidden: HiddenImage, count: int, always: Tensor | None = None) -> Tensor:
    """(k,) bool: token i stays visible iff rho_i >= share, rho_i ~ U(0,1) (paper, Eq. 6).

    All k placeholders of an image count; `always` (k,) bool are shown in any case and draw no rho.
    """
    if always is not None:
        found = always.clone()
        found[~always] = visible_tokens(hidden, int((~always).sum()))
        return found
    rho = torch.rand(count, generator=torch.Generator().manual_seed(hidden.seed), dtype=torch.float64)
    return rho >= hidden.share
