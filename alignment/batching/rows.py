"""The pairs of a run as rows of tokens: made once; images are kept in memory up to a budget and prepared again beyond it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from torch import Tensor

from alignment.batching.collate import NO_EXTRAS, Extras, Row, View, make_row, prompt_of
from alignment.batching.packed_pixels import PackedVision, Packer
from alignment.batching.policy import Policy, PreparesImages
from alignment.data.invalid_pairs import TOO_LONG, UNREADABLE_IMAGE, Dropped
from harness.core.errors import ImageError, TooLong
from harness.core.evaluation import NoisyImage
from harness.core.plugins import Progress, no_progress
from harness.core.preference import ImageNames, PreferencePair, names_of

VISION_BYTES = 256 * 2**20
_LAST = 4  # images that the policy keeps beside these: of a pair's next line, or of the next pair


class PairRows(Protocol):
    """Rows that were made of pairs; `facts` says what else went into them."""

    facts: tuple[str, ...]

    @property
    def pairs(self) -> list[PreferencePair]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Row: ...
    def length(self, index: int) -> int: ...  # positions of a row, without touching its pixels
    def expect(self, indices: Sequence[int]) -> None: ...  # these are taken next: their images may be processed ahead


class Rows:
    """Rows by index. Tokens stay in memory; the pixels of a row may be prepared again on access."""

    def __init__(self, policy: Policy, image_root: Path, vision_bytes: int = VISION_BYTES, facts: tuple[str, ...] = ()) -> None:
        self.facts = facts
        self._policy = policy
        self._root = image_root
        self._budget = vision_bytes
        self._pairs: list[PreferencePair] = []
        self._views: list[tuple[View, ...]] = []
        self._rows: list[Row] = []  # their prompts hold no pixels
        self._vision: dict[tuple[ImageNames, NoisyImage | None], PackedVision] = {}
        self._packer = Packer()

    def add(self, pair: PreferencePair, max_length: int | None = None, extras: Extras = NO_EXTRAS) -> int:
        """Take a pair in; returns 0, or the tokens of its longest plain row where these exceed `max_length`: it is left out."""
        row = make_row(self._policy, pair, self._root, extras)
        lines = (row, *row.others)
        length = max(len(r.prompt.input_ids) + max(map(len, r.answers)) for r in lines)
        if max_length is not None and length > max_length:
            return length
        for line, view in zip(lines, (View(pair.image, ()), *extras.views), strict=True):
            self._keep(view, line.prompt.vision)
        self._pairs.append(pair)
        self._views.append(extras.views)
        self._rows.append(replace(_blind(row), others=tuple(map(_blind, row.others))))
        return 0

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        row, pair = self._rows[index], self._pairs[index]
        if not pair.image:
            return row
        others = (self._seeing(line, pair, view) for line, view in zip(row.others, self._views[index], strict=True))
        return replace(self._seeing(row, pair, View(pair.image, ())), others=tuple(others))

    def _seeing(self, line: Row, pair: PreferencePair, view: View) -> Row:
        """A line with its pixels."""
        kept = self._vision.get((view.image, view.noise))
        if kept is not None:
            vision: Mapping[str, Tensor] = kept.whole()
        else:
            vision = prompt_of(self._policy, view.paths(self._root), pair.prompt, view).vision
            self._keep(view, vision)
        return replace(line, prompt=line.prompt._replace(vision=vision))

    def length(self, index: int) -> int:
        """Positions of a row, without touching its pixels."""
        return self._rows[index].length

    def expect(self, indices: Sequence[int]) -> None:
        """These rows are taken next, in this order."""
        views = [view for i in indices for view in (View(self._pairs[i].image, ()), *self._views[i])]
        _expect(self._policy, self._root, [v for v in views if (v.image, v.noise) not in self._vision])

    def answers(self, index: int) -> tuple[Tensor, ...]:
        """Tokens of a row's answers."""
        return self._rows[index].answers

    @property
    def pairs(self) -> list[PreferencePair]:
        return self._pairs

    def _keep(self, view: View, vision: Mapping[str, Tensor]) -> None:
        name = (view.image, view.noise)
        if not view.image or name in self._vision or self._budget <= 0:
            return
        packed = self._packer.pack(vision)
        if packed.n_bytes <= self._budget:
            self._budget -= packed.n_bytes
            self._vision[name] = packed
            if isinstance(self._policy, PreparesImages):
                self._policy.forget_images(_LAST)


def _expect(policy: Policy, root: Path, views: Iterable[View]) -> None:
    if isinstance(policy, PreparesImages):
        policy.expect_images(view.paths(root) for view in views)


def _blind(row: Row) -> Row:
    """A row without its pixels."""
    return replace(row, prompt=row.prompt._replace(vision={}))


def make_rows(
    policy: Policy,
    pairs: Sequence[PreferencePair],
    image_root: Path,
    *,
    max_length: int | None = None,
    progress: Progress = no_progress,
    extras: Sequence[Extras | None] | None = None,  # of each pair, in order; None: an image of it cannot be read
    facts: tuple[str, ...] = (),  # what the extras were made of
) -> tuple[Rows, list[Dropped]]:
    """Tokenise all pairs. Pairs over `max_length` (prompt, image and the longest answer) are dropped, never cut; so are
    those whose image turns out to be unreadable. Without `max_length` a pair beyond the model's context raises TooLong."""
    rows, dropped = Rows(policy, image_root, facts=facts), list[Dropped]()
    beside = [NO_EXTRAS] * len(pairs) if extras is None else extras
    both = list(zip(pairs, beside, strict=True))
    _expect(policy, image_root, [v for pair, of in both if of is not None for v in (View(pair.image, ()), *of.views)])
    for done, (pair, of) in enumerate(both, start=1):
        try:
            if of is None:
                dropped.append(Dropped(pair.id, UNREADABLE_IMAGE))
            elif length := rows.add(pair, max_length, of):
                dropped.append(Dropped(pair.id, TOO_LONG, length=length))
        except TooLong as error:
            if max_length is None:
                raise TooLong(f"Pair {pair.id}: {error} Set max_length in `training` to leave such pairs out.") from error
            dropped.append(Dropped(pair.id, TOO_LONG))
        except ImageError as error:
            dropped.append(Dropped(pair.id, UNREADABLE_IMAGE, f"{error.path.name} {error.why}"))
        progress("preparing pairs", done, len(pairs))
    return rows, dropped


def partner_images(
    pairs: Sequence[PreferencePair], extras: Sequence[Extras | None]
) -> list[tuple[ImageNames, tuple[str, ...]]]:
    """The images of other pairs among the extras, with the answers behind them: which ones depends on pairs that may be left
    out later, and so not on the rows alone."""
    return [
        (view.image, view.answers)
        for pair, of in zip(pairs, extras, strict=True)
        for view in (of or NO_EXTRAS).views
        if view.image != pair.image and not any(Path(name).is_absolute() for name in names_of(view.image))
    ]


class Mismatched:
    """The same rows, each with one more answer behind its own: one that belongs to another prompt.

    It is an answer of the nearest row before it that asks another question or shows another image, the first or a later one in
    turn, so that both kinds occur; the same in every epoch, so that the reference's values are computed once. Where all rows
    have one prompt it is an answer of the row before: the objective that needs another one refuses such rows.
    """

    facts: tuple[str, ...] = ("mismatched",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.pairs = rows.pairs
        self._strange = [self._answer(i) for i in range(len(rows))]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        row = self._rows[index]
        return Row(row.id, row.prompt, (*row.answers, self._strange[index]))

    def length(self, index: int) -> int:
        return self._rows.length(index) + len(self._strange[index]) - 1

    def expect(self, indices: Sequence[int]) -> None:
        self._rows.expect(indices)

    def _answer(self, index: int) -> Tensor:
        own = self.pairs[index]
        others = (self.pairs[index - back] for back in range(1, len(self._rows)))
        strange = ((other.image, other.prompt) != (own.image, own.prompt) for other in others)
        answers = self._rows.answers(index - next((back for back, other in enumerate(strange, start=1) if other), 1))
        return answers[index % len(answers)]
