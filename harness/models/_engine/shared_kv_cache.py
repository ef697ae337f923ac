"""Key/value cache of a running batch: each shared prefix once, and each row's own keys and values.

A row's own slots are its own: rows join and leave with few copies, on shelves of rows of similar lengths. What is new is read
end to end, without padding. The language model reads through attention of our own (`packed_attention.NAME`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harness.models._engine.grouping import Group
from harness.models._engine.kv_shelves import At, Place, Shelf, capacity, common_widths, grown, merged, reserved, with_room
from harness.models._engine.language_model import LanguageModel, Piece, Tokens, carrier
from harness.models._engine.packed_reading import PackedRows
from harness.models._engine.shared_prefix import Part, SharedPrefixes, attend, nothing, padding, side_by_side

_IN_A_PASS = {"cpu": 2048}  # tokens read in one go: what layers pass on stays in a core's cache
_IN_A_PASS_ELSEWHERE = 32_768


class _InStep(NamedTuple):
    """A shelf in a step: its rows' next slots; what is hidden."""

    shelf: Shelf
    at: At
    hidden: Tensor | None


class SharedPrefixKVCache:
    """Keys and values of the rows in work, in the order in which they joined."""

    def __init__(self, language: LanguageModel) -> None:
        self._language = language
        self._prefixes: list[SharedPrefixes] = []
        self._lengths: list[int] = []  # own slots that each row has filled
        self._shelves: list[Shelf] = []
        self._joined = False  # whether rows joined since the last step
        self._step: list[_InStep] = []
        self._order: tuple[Tensor, Tensor] | None = None  # of the shelves' rows, and back; None where they are in order
        self._positions: Tensor | None = None

    @staticmethod
    def cost(group: Group) -> int:
        """Slots that a group may take up to the end of its answers."""
        return group.shared + sum(SharedPrefixKVCache.own(row, group) for row in group.rows)

    @staticmethod
    def own(row: Any, group: Group) -> int:
        """Slots that a row may take beside what it shares."""
        return capacity(len(row.ids) - group.shared + row.request.decoding.max_new_tokens)

    @property
    def shared_slots(self) -> int:
        """Slots that are no row's own: of shared prefixes, and of rows that left."""
        left = sum(shelf.spare * shelf.width for shelf in self._shelves)
        return left + sum(prefixes.slots for prefixes in self._prefixes)

    def read(self, groups: Sequence[Group]) -> Tensor:
        """Final states (sum of all `wanted`, D) of the groups' last tokens, row after row; nothing is kept."""
        states, *_ = self._read(groups)
        return states

    def join(self, groups: Sequence[Group], known: bool = False) -> Tensor | None:
        """Read the groups' prompts and take their rows in; logits (new rows, V). `known`: only their places are taken."""
        rows = [row for group in groups for row in group.rows]
        owner = [g for g, group in enumerate(groups) for _ in group.rows]
        lengths = [len(row.ids) - group.shared for group in groups for row in group.rows]
        if known:
            logits, prefixes, held = None, SharedPrefixes([group.shared for group in groups], owner), with_room(lengths)
        else:
            states, prefixes, held = self._read(groups)
            logits = self._language.logits(states)
        positions = torch.tensor([row.positions[-1] for row in rows], device=self._language.device)
        self._positions = positions if self._positions is None else torch.cat([self._positions, positions])
        self._prefixes.append(prefixes)
        for shelf in dict.fromkeys(place.shelf for place in held):
            shelf.rows = [len(self._lengths) + row for row in shelf.rows]
            self._shelves.append(shelf)
        self._lengths = self._lengths + lengths
        self._joined = True  # arranged by the next step: others may join before it
        return logits

    def step(self, tokens: Sequence[int], known: bool = False) -> Tensor | None:
        """One more token a row; logits (R, V)."""
        assert self._positions is not None
        full = [shelf for shelf in self._shelves if any(self._lengths[row] >= shelf.width for row in shelf.rows)]
        if full or self._joined:
            self._arrange(full)
        self._positions = self._positions + 1
        logits = None
        if not known:
            ids = torch.tensor(tokens, device=self._language.device)[:, None]
            self._look(ids.device)
            logits = self._language.decoded(Tokens(ids, self._positions[:, None], ids), self._attend_step, self)
        self._lengths = [n + 1 for n in self._lengths]
        return logits

    def keep(self, rows: list[int]) -> None:
        """Only these rows stay."""
        assert self._positions is not None
        start, kept = 0, []
        for prefixes in self._prefixes:
            end = start + len(prefixes.owner)
            own = [r - start for r in rows if start <= r < end]
            if own:
                prefixes.keep(own)
                kept.append(prefixes)
            start = end
        self._prefixes = kept
        self._lengths = [self._lengths[r] for r in rows]
        self._positions = self._positions[torch.tensor(rows, dtype=torch.long, device=self._language.device)]
        number = {row: n for n, row in enumerate(rows)}
        self._shelves = [shelf for shelf in self._shelves if any(row in number for row in shelf.rows)]
        for shelf in self._shelves:
            shelf.keep(number)

    def _arrange(self, full: Sequence[Shelf] = ()) -> None:
        """Every row on a shelf with a free slot for its next token. A full shelf moves as a whole: its rows grow at one pace,
        and those that are not at its end now would follow one by one."""
        by_width: dict[int, list[Shelf]] = {}
        for shelf in self._shelves:
            width = grown(shelf.width) if shelf in full else shelf.width
            by_width.setdefault(width, []).append(shelf)
        self._shelves = [shelf for width, some in sorted(by_width.items()) for shelf in merged(some, width)]
        self._joined = False

    # ------------------------------------------------------------ the language model's view of a cache

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Nothing is kept here: models with latent attention hand over what keys and values are made of only afterwards."""
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return max(self._lengths, default=0)

    # ------------------------------------------------------------ attention

    def _look(self, device: torch.device) -> None:
        """What all layers of a step need to know of the shelves."""
        self._step = []
        for shelf in self._shelves:
            lengths = [self._lengths[row] for row in shelf.rows]
            shelf.used = max(lengths) + 1
            hidden = padding([n + 1 for n in lengths], shelf.used, device, shelf.dtype)
            at: At = lengths[0]
            if hidden is not None:
                at = torch.arange(len(lengths), device=device), torch.tensor(lengths, device=device)
            self._step.append(_InStep(shelf, at, hidden))
        laid = [row for shelf in self._shelves for row in shelf.rows]
        order = torch.tensor(laid, device=device)
        self._order = None if laid == list(range(len(laid))) else (order, order.argsort())

    def _attend_step(self, module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """query (R, heads, 1, d) -> (R, 1, heads, dv)."""
        rows, heads, _, size = query.shape
        asked, layer = query.reshape(rows, key.shape[1], heads // key.shape[1], size), module.layer_idx
        own, start, parts = self._own_part(layer, asked, key[:, :, 0], value[:, :, 0], scaling), 0, list[Part | None]()
        for prefixes in self._prefixes:
            end = start + len(prefixes.owner)
            parts.append(prefixes.attended(layer, asked[start:end], (key, value), scaling))
            start = end
        out = own.out
        if any(parts):
            counts = [len(prefixes.owner) for prefixes in self._prefixes]
            out = own.joined(side_by_side([part or nothing(own, n) for part, n in zip(parts, counts, strict=True)]))
        return out.reshape(rows, 1, heads, value.shape[3])

    def _own_part(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Part:
        """Attention of queries (R, H, m, d) over what each row has of its own, keys and values (R, H, d) of this token too."""
        if self._order is not None:
            query, key, value = (t[self._order[0]] for t in (query, key, value))
        start, parts = 0, []
        for shelf, at, hidden in self._step:
            some = slice(start, start + len(shelf.rows))
            keys, values = shelf.with_token(layer, key[some], value[some], at)
            parts.append(attend(query[some], keys, values, scaling, hidden))
            start = some.stop
        own = side_by_side(parts)
        return own if self._order is None else Part(own.out[self._order[1]], own.total[self._order[1]])

    # ------------------------------------------------------------ reading

    def _read(self, groups: Sequence[Group]) -> tuple[Tensor, SharedPrefixes, list[Place]]:
        """Wanted states (n, D), the groups' prefixes, and where the rows' own keys and values are."""
        owner = [g for g, group in enumerate(groups) for _ in group.rows]
        shared = [group.shared for group in groups]
        before = None
        numbers = [g for g, length in enumerate(shared) if length]
        if numbers:
            firsts = [Piece(groups[g].rows[0], 0, shared[g]) for g in numbers]
            held = reserved(common_widths([shared[g] for g in numbers]))
            self._read_pieces(firsts, held, [0] * len(firsts))
            shelves = list(dict.fromkeys(place.shelf for place in held))
            for shelf in shelves:
                shelf.rows = [numbers[n] for n in shelf.rows]
            before = SharedPrefixes(shared, owner, shelves)
        rest = [Piece(row, group.shared, len(row.ids)) for group in groups for row in group.rows]
        held = with_room([piece.end - piece.start for piece in rest])
        states = self._read_pieces(rest, held, [n for group in groups for n in group.wanted], before, owner)
        return states, before or SharedPrefixes(shared, owner), held

    def _read_pieces(
        self,
        pieces: list[Piece],
        held: list[Place],
        wanted: list[int],
        before: SharedPrefixes | None = None,
        owner: Sequence[int] = (),
    ) -> Tensor:
        """Final states of the last `wanted` tokens of each piece, whose keys and values go to the places `held`."""
        states = []
        for some in self._passes(pieces):
            lengths = [p.end - p.start for p in pieces[some]]
            read = [slot >= n - k for n, k in zip(lengths, wanted[some], strict=True) for slot in range(n)]
            mask = torch.tensor([read], device=self._language.device)
            rows = PackedRows(lengths, held[some], wanted[some], before, owner[some], mask.device)
            found = self._language.states(self._language.packed(pieces[some]), carrier(rows, mask), None)
            states.append(found[mask])
        return torch.cat(states)

    def _passes(self, pieces: Sequence[Piece]) -> Iterator[slice]:
        """Pieces that are read in one go."""
        limit = _IN_A_PASS.get(self._language.device.type, _IN_A_PASS_ELSEWHERE)
        start, tokens = 0, 0
        for n, piece in enumerate(pieces):
            if n > start and tokens + piece.end - piece.start > limit:
                yield slice(start, n)
                start, tokens = n, 0
            tokens += piece.end - piece.start
        yield slice(start, len(pieces))
