"""Keys and values of rows of similar lengths, side by side: little is padded.

Rows are in the shelf of their capacity: 16, 32, 48, 64, then four steps to each doubling. A shelf whose longest row is at
its end moves to the next; a long row therefore costs its own slots only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Layers = dict[int, tuple[Tensor, Tensor]]  # layer -> keys (N, H, S, d) and values (N, H, S, dv)


def capacity(slots: int) -> int:
    """Slots of the smallest shelf that holds a row of this length."""
    step = 16 if slots <= 64 else 1 << ((slots - 1).bit_length() - 3)
    return -(-slots // step) * step


def grown(width: int) -> int:
    """The next capacity."""
    return capacity(width + 1)


def common_widths(lengths: Sequence[int]) -> list[int]:
    """For rows that do not grow: the longest length among those of the same capacity."""
    most: dict[int, int] = {}
    for length in lengths:
        most[capacity(length)] = max(most.get(capacity(length), 0), length)
    return [most[capacity(length)] for length in lengths]


@dataclass(eq=False)
class Shelf:
    """Rows `rows` (their places in the batch) with `layers` of `width` slots each; no tensors where nothing was computed.

    used: the number of slots in use by the longest row.
    """

    rows: list[int]
    width: int
    layers: Layers = field(default_factory=dict)
    used: int = 0

    @property
    def dtype(self) -> torch.dtype:
        """Of what it holds; float32 where that is nothing."""
        return next((keys.dtype for keys, _ in self.layers.values()), torch.float32)

    @property
    def slots(self) -> int:
        """What its tensors hold of each layer."""
        return len(self.rows) * self.width

    def of_layer(self, layer: int, like: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer; zeros of the form of `like` where nothing was computed."""
        if layer not in self.layers:
            self.layers[layer] = self.zeros(like)
        return self.layers[layer]

    def zeros(self, like: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and values of the form of `like` for all rows."""
        keys, values = self.room(like)
        return keys.zero_(), values.zero_()

    def room(self, like: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The same with any content, where all of it is written."""
        keys, values = (t.new_empty(len(self.rows), t.shape[1], self.width, t.shape[3]) for t in like)
        return keys, values

    def write(self, layer: int, rows: slice | Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (n, H, w, d) become the first w of these rows, zeros the rest; the same as they are kept."""
        if layer not in self.layers:
            self.layers[layer] = self.room((key, value))
        for kept, new in zip(self.layers[layer], (key, value), strict=True):
            kept[rows, :, : new.shape[2]] = new
            kept[rows, :, new.shape[2] :] = 0
        keys, values = (kept[rows, :, : key.shape[2]] for kept in self.layers[layer])
        return keys, values

    def with_token(self, layer: int, key: Tensor, value: Tensor, at: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and values in use, (n, H, used, d), once each row has one more (n, H, d) at its end; at: 0.. and ends, (n,)."""
        keys, values = self.of_layer(layer, (key[:, :, None], value[:, :, None]))
        rows, ends = at
        keys[rows, :, ends], values[rows, :, ends] = key, value
        return keys[:, :, : self.used], values[:, :, : self.used]


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a row's keys and values."""

    shelf: Shelf
    at: int


def reserved(widths: Sequence[int]) -> list[Place]:
    """Places for rows of these widths, in shelves that hold nothing yet."""
    shelves: dict[int, Shelf] = {}
    for row, width in enumerate(widths):
        shelves.setdefault(width, Shelf([], width)).rows.append(row)
    held = places(list(shelves.values()))
    return [held[row] for row in range(len(widths))]


def places(shelves: Sequence[Shelf]) -> dict[int, Place]:
    """Row -> its place."""
    return {row: Place(shelf, at) for shelf in shelves for at, row in enumerate(shelf.rows)}


def arranged(rows: Sequence[Place], widths: Sequence[int]) -> list[Shelf]:
    """Shelves for rows, numbered anew in this order, each of the given width; a shelf that would not change is kept."""
    by_width: dict[int, list[int]] = {}
    for row, width in enumerate(widths):
        by_width.setdefault(width, []).append(row)
    return [_shelf(members, [rows[r] for r in members], width) for width, members in sorted(by_width.items())]


def _shelf(members: list[int], held: list[Place], width: int) -> Shelf:
    first = held[0].shelf
    if (
        first.width == width
        and len(held) == len(first.rows)
        and all(p.shelf is first and p.at == n for n, p in enumerate(held))
    ):
        return Shelf(members, width, first.layers)
    sources: dict[int, list[int]] = {}
    for n, place in enumerate(held):
        sources.setdefault(id(place.shelf), []).append(n)
    made = Shelf(members, width)
    for layer in dict.fromkeys(layer for place in held for layer in place.shelf.layers):
        like = next(place.shelf.layers[layer] for place in held if layer in place.shelf.layers)
        known = all(layer in place.shelf.layers for place in held)
        whole = made.layers[layer] = made.room(like) if known else made.zeros(like)
        for own in sources.values():
            shelf, at = held[own[0]].shelf, [held[n].at for n in own]
            if layer in shelf.layers:
                _copy(whole, shelf.layers[layer], own, at)
    return made


def _copy(whole: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor], own: list[int], at: list[int]) -> None:
    """Rows `at` of `held` to the rows `own` of `whole`, zero in slots that `held` does not have: what is hidden is finite."""
    rows, sources = indices(own, whole[0].device), indices(at, whole[0].device)
    for to, source in zip(whole, held, strict=True):
        width = min(to.shape[2], source.shape[2])
        to[rows, :, :width] = source[sources, :, :width]
        to[rows, :, width:] = 0


def indices(numbers: list[int], device: torch.device) -> slice | Tensor:
    """As a slice where they follow each other: nothing is gathered then."""
    first, end = numbers[0], numbers[0] + len(numbers)
    return slice(first, end) if numbers == list(range(first, end)) else torch.tensor(numbers, device=device)
