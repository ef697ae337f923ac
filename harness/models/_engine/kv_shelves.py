"""Keys and values of rows of similar lengths, side by side: little is padded.

Rows are in a shelf of their capacity: 16, 32, 48, 64, then four steps to each doubling. A shelf whose longest row is at
its end moves to the next; a long row therefore costs its own slots only. A row may hold a whole prompt, so that little is
copied: the last row takes the place of one that leaves, and shelves of one capacity become one when that is worth it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Layers = dict[int, tuple[Tensor, Tensor]]  # layer -> keys (N, H, S, d) and values (N, H, S, dv)
At = tuple[Tensor, Tensor] | int  # rows 0.. and the slot of each, (n,) each; one number where that is the same for all
_SMALL = 2048  # slots: so few are copied rather than attended to apart


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

    used: the number of slots in use by the longest row. spare: places behind the rows, of rows that left.
    """

    rows: list[int]
    width: int
    layers: Layers = field(default_factory=dict)
    used: int = 0
    spare: int = 0

    @property
    def dtype(self) -> torch.dtype:
        """Of what it holds; float32 where that is nothing."""
        return next((keys.dtype for keys, _ in self.layers.values()), torch.float32)

    @property
    def slots(self) -> int:
        """What its tensors hold of each layer."""
        return (len(self.rows) + self.spare) * self.width

    def of_layer(self, layer: int, like: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer's rows; zeros of the form of `like` where nothing was computed."""
        if layer not in self.layers:
            self.layers[layer] = self.zeros(like)
        keys, values = self.layers[layer]
        return (keys[: len(self.rows)], values[: len(self.rows)]) if self.spare else (keys, values)

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

    def with_token(self, layer: int, key: Tensor, value: Tensor, at: At) -> tuple[Tensor, Tensor]:
        """Keys and values in use, (n, H, used, d), once each row has one more (n, H, d) at its end."""
        keys, values = self.of_layer(layer, (key[:, :, None], value[:, :, None]))
        if isinstance(at, int):
            keys[:, :, at], values[:, :, at] = key, value
        else:
            rows, ends = at
            keys[rows, :, ends], values[rows, :, ends] = key, value
        return keys[:, :, : self.used], values[:, :, : self.used]

    def keep(self, number: Mapping[int, int]) -> None:
        """Only the rows in `number` stay, under their new numbers. Places are given back when they are half of all."""
        stay = sum(row in number for row in self.rows)
        free = [at for at in range(stay) if self.rows[at] not in number]
        last = [at for at in range(stay, len(self.rows)) if self.rows[at] in number]
        for to, source in zip(free, last, strict=True):
            self.rows[to] = self.rows[source]
        spare = self.spare + len(self.rows) - stay
        self.rows, self.spare = [number[row] for row in self.rows[:stay]], 0 if spare >= stay else spare
        for layer, held in self.layers.items():
            for t in held if free else ():
                t[torch.tensor(free, device=t.device)] = t[torch.tensor(last, device=t.device)]
            if spare >= stay:
                self.layers[layer] = held[0][:stay].clone(), held[1][:stay].clone()


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


def with_room(lengths: Sequence[int]) -> list[Place]:
    """Places for rows of these lengths and a next token."""
    return reserved([capacity(length + 1) for length in lengths])


def places(shelves: Sequence[Shelf]) -> dict[int, Place]:
    """Row -> its place."""
    return {row: Place(shelf, at) for shelf in shelves for at, row in enumerate(shelf.rows)}


def arranged(rows: Sequence[Place], widths: Sequence[int]) -> list[Shelf]:
    """Shelves for rows, numbered anew in this order, each of the given width; a shelf that would not change is kept."""
    by_width: dict[int, list[int]] = {}
    for row, width in enumerate(widths):
        by_width.setdefault(width, []).append(row)
    return [_shelf(members, [rows[r] for r in members], width) for width, members in sorted(by_width.items())]


def merged(shelves: Sequence[Shelf], width: int) -> list[Shelf]:
    """Shelves of this width for the rows of all of these, some of which are narrower. What is copied goes from its old shelf.

    Two shelves are two passes of attention in each step, and one costs a copy of both: a shelf is copied beside one of at
    least half of its size, so that rows which join one by one are copied a few times (the logarithm of their number), or
    where there is little to copy.
    """
    found: list[list[Shelf]] = []
    for shelf in sorted(shelves, key=lambda s: len(s.rows)):
        rows = sum(len(s.rows) for s in found[-1]) if found else 0
        if rows and (2 * rows >= len(shelf.rows) or (rows + len(shelf.rows)) * width <= _SMALL):
            found[-1].append(shelf)
        else:
            found.append([shelf])
    return [_one_of(same, width) for same in found]


def _one_of(shelves: Sequence[Shelf], width: int) -> Shelf:
    if len(shelves) == 1 and shelves[0].width == width:
        return shelves[0]
    held = places(shelves)
    members = sorted(held)
    return _shelf(members, [held[row] for row in members], width)


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
                _copy(whole, shelf.layers.pop(layer), own, at)  # a row's old shelf is not used again: not both are held
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
