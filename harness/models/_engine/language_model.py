"""The language half of a checkpoint over a key/value cache: tokens and image features in, logits out.

One interface to every family: positions of one or of three axes, attention masks for sliding windows and for
images that attend both ways, features that enter behind later layers. The scheduler does not depend on any of this.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from harness.models._checkpoint.attention_masks import decoder_mask, is_windowed
from harness.models._checkpoint.families import CAUSAL, Family
from harness.models._checkpoint.image_features import FeatureCache, TextTokens, joined, views_of
from harness.models._checkpoint.packed_attention import NAME
from harness.models._checkpoint.prompt_builder import Row, reach
from harness.models._checkpoint.rope_scaling import forget_lengths, original_length
from harness.models._checkpoint.training_view import output_head
from harness.models._device.cuda_graphs import Attend, CudaGraphSteps

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")


class Piece(NamedTuple):
    """Tokens [start, end) of a row."""

    row: Row
    start: int
    end: int


class Tokens(NamedTuple):
    """Padded tokens of N rows, T wide.

    ids (N, T); positions (N, T), or (N, T, 3) for M-RoPE; mask (N, T): 0 is padding, else the token's place in its whole
    row + 1, hidden tokens counted; pieces: whose tokens they are, where images may be among them.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    pieces: Sequence[Piece] = ()


def carrier(attend: Attend, read: Tensor | None = None) -> Tensor:
    """A mask of the shape that transformers passes through unread; it carries how to attend and which states are read."""
    mask = torch.zeros(1, 1, 1, 1)
    mask.attend = attend  # type: ignore[attr-defined]
    mask.read = read  # type: ignore[attr-defined]
    return mask


class LanguageModel:
    """Reads tokens on top of a cache; the caller keeps `mask` (N, S), one column a cache slot, see `Tokens`."""

    def __init__(
        self, module: Any, family: Family, features: FeatureCache, image_token_id: int, steps: CudaGraphSteps | None = None
    ) -> None:
        """steps: where decode steps may be recorded."""
        self.family, self.features, self.image_token_id = family, features, image_token_id
        self.decoder = module.get_decoder()
        self.config = self.decoder.config
        renamed = "cache" in inspect.signature(self.decoder.forward).parameters  # transformers 5.24
        self._cache_name = "cache" if renamed else "past_key_values"
        self._head: Any = output_head(module, family, self.config)
        self._embed = module.get_input_embeddings()
        self._text = TextTokens(module, family)
        self._windowed = is_windowed(self.config)
        # Experts take the tokens of a whole batch together: the last bits of a row then depend on the other rows.
        self.mixes_rows = any(getattr(self.config, name, None) for name in _EXPERTS)
        self.original_length = original_length(self.config)
        fixed = self.shares_attention and not self.mixes_rows and self.original_length is None
        self._steps = steps.of(module) if steps is not None and fixed else None

    @property
    def device(self) -> torch.device:
        device: torch.device = self._embed.weight.device
        return device

    @property
    def vocabulary(self) -> int:
        """Number of tokens that the model can generate."""
        return int(self._head.weight.shape[0])

    def cache(self) -> DynamicCache:
        """An empty cache. Windows are cut by the mask, so that every slot stays and rows can be taken out and joined."""
        return DynamicCache(config=self.config) if self.family.recurrent else DynamicCache()

    @property
    def shares_attention(self) -> bool:
        """Whether rows can attend to one copy of a shared prefix: all layers attend, in our way, causally, without windows."""
        ours = self.config._attn_implementation == NAME and not self.family.recurrent
        return ours and self.family.both_ways == CAUSAL and not self._windowed

    def alone(self, row: Row, more: int = 0) -> bool:
        """Whether a row that gets this number of further tokens has to be read alone, see `rope_scaling.py`."""
        if self.original_length is None:
            return False
        return reach(row.positions[-1]) + more >= self.original_length

    def tokens(self, pieces: Sequence[Piece]) -> Tokens:
        """Pieces of rows side by side, padded on the left."""
        width = max(p.end - p.start for p in pieces)
        none: Any = 0 if self.family.axes == 1 else (0,) * self.family.axes
        columns: list[list[Any]] = [[], [], []]
        for row, start, end in pieces:
            parts = (row.ids[start:end], row.positions[start:end], [place + 1 for place in row.places[start:end]])
            for column, part, padding in zip(columns, parts, (0, none, 0), strict=True):
                column.append([padding] * (width - len(part)) + part)
        return self._tensors(columns, pieces)

    def packed(self, pieces: Sequence[Piece]) -> Tokens:
        """Pieces of rows end to end as one row."""
        ids = [token for row, start, end in pieces for token in row.ids[start:end]]
        positions = [position for row, start, end in pieces for position in row.positions[start:end]]
        places = [place + 1 for row, start, end in pieces for place in row.places[start:end]]
        return self._tensors([[ids], [positions], [places]], pieces)

    def _tensors(self, columns: list[list[Any]], pieces: Sequence[Piece]) -> Tokens:
        ids, positions, mask = (torch.tensor(c, dtype=torch.long, device=self.device) for c in columns)
        return Tokens(ids, positions, mask, pieces)

    def next(self, ids: Sequence[int], positions: Tensor, mask: Tensor) -> Tokens:
        """One more token a row behind the last one: `positions` (R,) or (R, 3) and `mask` (R, S) are those of the last."""
        return Tokens(torch.tensor(ids, device=self.device)[:, None], (positions + 1)[:, None], mask[:, -1:] + 1)

    def states(self, tokens: Tokens, mask: Tensor, cache: Any) -> Tensor:
        """Final hidden states (N, T, D). `mask` (N, S) is of all slots, those of `tokens` last; one of four dimensions
        carries how to attend, see `shared_kv_cache.py`."""
        if self.original_length is not None:
            forget_lengths(self.decoder)
        embeds, extra = self._embedded(tokens)
        positions = tokens.positions.movedim(-1, 0) if self.family.axes > 1 else tokens.positions
        out = self.decoder(
            inputs_embeds=embeds,
            attention_mask=mask if mask.dim() == 4 else self._attention(tokens, mask, embeds.dtype),
            position_ids=positions,
            use_cache=cache is not None,
            **{self._cache_name: cache},
            **extra,
        )
        states: Tensor = out.last_hidden_state
        return states

    def decoded(self, tokens: Tokens, attend: Attend, cache: Any) -> Tensor:
        """Logits (R, V) behind one more token a row, over attention of one's own; valid until the next call."""

        def forward(ids: Tensor, positions: Tensor, attend: Attend) -> Tensor:
            return self.logits(self.states(Tokens(ids, positions, ids), carrier(attend), cache)[:, -1])

        if self._steps is None:
            return forward(tokens.ids, tokens.positions, attend)
        return self._steps.step(forward, tokens.ids, tokens.positions, attend)

    def logits(self, states: Tensor) -> Tensor:
        """Final states (..., D) -> logits (..., V)."""
        logits: Tensor = self._head(states)
        return logits

    def _embedded(self, tokens: Tokens) -> tuple[Tensor, dict[str, Any]]:
        """Embeddings (N, T, D) with the visible image features in their places, and what deeper layers are given."""
        if not tokens.pieces:
            return self._text(tokens.ids, torch.zeros_like(tokens.ids, dtype=torch.bool))
        at = tokens.ids == self.image_token_id
        embeds, extra = self._text(tokens.ids, at)
        known = self.features.of([view for p in tokens.pieces for view in views_of(p.row.request, self.family)])
        shown: list[Tensor] = []
        deep: list[tuple[Tensor, ...]] = []
        for row, start, end in tokens.pieces:
            if row.request.image is None:
                continue
            feature = joined([known[view] for view in views_of(row.request, self.family)])
            before = row.ids[:start].count(self.image_token_id)
            wanted = torch.arange(len(feature.embeds)) if row.visible is None else row.visible.nonzero()[:, 0]
            wanted = wanted[before : before + row.ids[start:end].count(self.image_token_id)].to(embeds.device)
            shown.append(feature.embeds[wanted])
            deep.append(tuple(layer[wanted] for layer in feature.deep))
        if shown:
            embeds[at] = torch.cat(shown)  # pieces are in row order
        if not self.family.deepstack or not bool(at.any()):
            return embeds, extra
        layers = [torch.cat(parts) for parts in zip(*deep, strict=True)]
        return embeds, {"visual_pos_masks": at, "deepstack_visual_embeds": layers}

    def _attention(
        self, tokens: Tokens, mask: Tensor, dtype: torch.dtype
    ) -> Any:  # Any: what the attention implementation takes
        """A padding mask (N, S) for plain causal models; else what each token sees, (N, 1, T, S), 0 or very negative."""
        blocks = self._blocks(tokens)
        if not self._windowed and blocks is None:
            return (mask > 0).long()
        query, key = mask[:, -tokens.ids.shape[1] :, None], mask[:, None, :]
        seen = (key > 0) & (key <= query)
        together = None
        if blocks is not None:
            blocks = torch.nn.functional.pad(blocks, (mask.shape[1] - blocks.shape[1], 0), value=-1)
            own = blocks[:, -tokens.ids.shape[1] :, None]
            together = (own == blocks[:, None, :]) & (own >= 0)
        return decoder_mask(seen, together, query - key, self.family, self.config, dtype)

    def _blocks(self, tokens: Tokens) -> Tensor | None:
        """(N, T) tokens of one number see each other both ways, -1 none; None where all attend causally."""
        if self.family.both_ways == CAUSAL or not tokens.pieces:
            return None
        blocks = torch.full_like(tokens.ids, -1)
        for n, (row, start, end) in enumerate(tokens.pieces):
            own = row.blocks[start:end]
            blocks[n, len(blocks[n]) - len(own) :] = torch.tensor(own, device=blocks.device)
        return blocks
