"""A module as training reads it: whole rows with several answers to one prompt, gradients on, no cache.

See `packed_attention.py` for the rows. This module adds what families need: positions of three axes, images and prompts that
attend both ways, windows. Whatever is not plain looking back takes a dense mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.core.errors import ModelError
from harness.models._checkpoint.adapters import has_layers_of_peft
from harness.models._checkpoint.attention_masks import decoder_mask, is_windowed
from harness.models._checkpoint.families import CAUSAL, PROMPT, Family
from harness.models._checkpoint.image_features import TextTokens, flattened
from harness.models._checkpoint.packed_attention import PADDING, dense_mask, pack, packed_mask, unpack, use_segments, visible
from harness.models._checkpoint.packed_attention import PROMPT as PROMPT_SEGMENT
from harness.models._checkpoint.prompt_builder import GRID, RopeIndex
from harness.models._checkpoint.rope_scaling import forget_lengths, original_length
from harness.models._checkpoint.vision_tower import vision_features

UNMERGED = (
    "The checkpoint is an adapter that is not plain LoRA on linear layers. In half precision it cannot be merged without "
    "rounding away what it learned, so nothing can be trained on it. Set model.dtype=float32."
)


class CappedHead(nn.Module):
    """A head whose logits are bent to (-cap, cap), as the model itself does before any softmax: cap * tanh(logits / cap).

    Gemma 2, arXiv:2408.00118, section 2; transformers: `final_logit_softcapping`. It has no parameters of its own.
    """

    def __init__(self, head: nn.Module, cap: float) -> None:
        super().__init__()
        self.head, self.cap = head, cap

    @property
    def weight(self) -> Tensor:
        weight: Tensor = self.head.weight  # type: ignore[assignment]
        return weight

    def forward(self, states: Tensor) -> Tensor:
        logits: Tensor = self.head(states)
        return torch.tanh(logits / self.cap) * self.cap


def output_head(module: Any, family: Family, config: Any) -> nn.Module:
    """Hidden states (..., D) -> logits (..., V), capped where the text model of this configuration caps them."""
    head: nn.Module = module.get_output_embeddings()
    cap = family.softcap(config)
    return head if cap is None else CappedHead(head, cap)


class TrainingView:
    """Final hidden states of rows with segments; see `alignment.batching.policy.Policy.hidden_states`."""

    def __init__(self, module: Any, family: Family, image_token_id: int, rope_index: RopeIndex | None) -> None:
        self.module, self.family = module, family
        self._image_token_id, self._rope_index = image_token_id, rope_index
        self._text = TextTokens(module, family)
        config = module.get_decoder().config
        self._plain = family.both_ways == CAUSAL and not is_windowed(config)
        self.segments = family.known and self._plain and not family.recurrent and use_segments(module.get_decoder())
        self._config = config
        self._original_length = original_length(config)
        self._peft = has_layers_of_peft(module)  # before a training puts its own in

    def check(self) -> None:
        """Raises ModelError where the numbers would not be those of the model."""
        if self.family.untrained:
            raise ModelError(self.family.untrained)
        if self._peft:
            raise ModelError(UNMERGED)

    def head(self) -> nn.Module:
        """Hidden states (..., D) -> logits (..., V), capped where the model caps them."""
        return output_head(self.module, self.family, self._config)

    def hidden_states(self, input_ids: Tensor, vision: Mapping[str, Tensor], segment: Tensor, position_ids: Tensor) -> Tensor:
        """(B, T, D)."""
        self.check()
        positions = self._positions(input_ids, vision, segment, position_ids)
        self._check_length(int(positions.max()) + 1)
        at = (input_ids == self._image_token_id) & (segment <= PROMPT_SEGMENT)  # a sampled answer may hold that token too
        if self.segments:
            seen = (segment != PADDING)[at]  # features of hidden image tokens are left out
            ids, at, positions = (pack(t, segment) for t in (input_ids, at, positions))
            return unpack(self._states(ids, at, vision, positions, packed_mask(segment), seen), segment)
        if self.family.recurrent:
            return self._one_answer_a_row(input_ids, at, vision, positions, segment)
        return self._states(input_ids, at, vision, positions, self._dense(at, segment, position_ids))

    def _check_length(self, length: int) -> None:
        if self._original_length is None:
            return
        if length > self._original_length:
            raise ModelError(
                f"A row of {length} positions is longer than the {self._original_length} from which on the RoPE scaling of "
                "this model turns positions by the length of the text; answers of one row would change each other. Train on "
                "shorter ones: set training.max_length."
            )
        forget_lengths(self.module.get_decoder())

    def _states(
        self,
        input_ids: Tensor,
        at: Tensor,
        vision: Mapping[str, Tensor],
        positions: Tensor,
        mask: Any,
        seen: Tensor | None = None,
    ) -> Tensor:
        """`at` (B, T) bool: where image features stand; `seen` (k,) bool: which of them do, None: all."""
        embeds, extra = self._embedded(input_ids, at, vision, seen)
        return self._decoded(embeds, mask, positions, extra)

    def _embedded(
        self, input_ids: Tensor, at: Tensor, vision: Mapping[str, Tensor], seen: Tensor | None
    ) -> tuple[Tensor, dict[str, Any]]:
        """Embeddings (B, T, D) with image features in their places, and what deeper layers are given."""
        embeds, extra = self._text(input_ids, at)
        if vision:
            dtype = embeds.dtype
            moved = {k: v.to(embeds.device, dtype if v.is_floating_point() else v.dtype) for k, v in vision.items()}
            out = vision_features(self.module, self.family, moved)
            embeds = embeds.masked_scatter(at[..., None], _seen(out.pooler_output, seen).to(dtype))
            if self.family.deepstack:
                layers = [_seen(layer, seen) for layer in out.deepstack_features]
                extra = {"visual_pos_masks": at, "deepstack_visual_embeds": layers}
        return embeds, extra

    def _one_answer_a_row(
        self, input_ids: Tensor, at: Tensor, vision: Mapping[str, Tensor], positions: Tensor, segment: Tensor
    ) -> Tensor:
        """Prompt and answer as a row of its own for every answer, hidden image tokens left out: no mask takes apart what a
        running state holds. The prompt's states are those of its first row; images are encoded once."""
        embeds, _ = self._embedded(input_ids, at, vision, None)
        rows = [
            (b, ((own == PROMPT_SEGMENT) | (own == n)).nonzero()[:, 0])
            for b, own in enumerate(segment)
            for n in range(min(1, int(own.max())), int(own.max()) + 1)
        ]
        pad = torch.nn.utils.rnn.pad_sequence
        asked = pad([embeds[b, places] for b, places in rows], batch_first=True)
        where = pad([positions[b, places] for b, places in rows], batch_first=True)
        mask = pad([torch.ones_like(places) for _, places in rows], batch_first=True)
        states = self._decoded(asked, mask, where, {})
        found = states.new_zeros(*segment.shape, states.shape[-1])
        for (b, places), own in reversed(list(zip(rows, states, strict=True))):
            found = found.index_put((torch.full_like(places, b), places), own[: len(places)])
        return found

    def _decoded(self, embeds: Tensor, mask: Any, positions: Tensor, extra: dict[str, Any]) -> Tensor:
        states: Tensor = self.module.get_decoder()(
            inputs_embeds=embeds,
            attention_mask=mask,
            position_ids=positions.movedim(-1, 0) if self.family.axes > 1 else positions,
            use_cache=False,
            **extra,
        ).last_hidden_state
        return states

    def _positions(self, input_ids: Tensor, vision: Mapping[str, Tensor], segment: Tensor, position_ids: Tensor) -> Tensor:
        """As the family counts them: (B, T), or (B, T, 3) where answers go on behind the prompt's last position."""
        if self._rope_index is None:
            return position_ids + self.family.first_position
        positions = position_ids[..., None].repeat(1, 1, self.family.axes)
        images = 0
        for b in range(len(segment)):
            row = slice(int((segment[b] == PROMPT_SEGMENT).nonzero().max()) + 1)  # hidden image tokens keep their places
            ids = input_ids[b, row].cpu()
            is_image = ids == self._image_token_id
            if not bool(is_image.any()):
                continue
            runs = int(
                (is_image & ~torch.nn.functional.pad(is_image[:-1], (1, 0))).sum()
            )  # an image is one, as the rule reads it
            grid = {GRID: vision[GRID][images : images + runs].cpu()}
            images += runs
            found = self._rope_index(ids, is_image, grid).to(positions.device)
            positions[b] += found.max() + 1 - len(ids)
            positions[b, row] = found
        return positions

    def _dense(
        self, at: Tensor, segment: Tensor, position_ids: Tensor
    ) -> Any:  # Any: transformers' own class, another for each family
        """Masks (B, 1, T, T) for families and attention implementations that cannot take the rows apart."""
        dtype, config = self.module.dtype, self.module.get_decoder().config
        if self._plain:
            return dense_mask(segment, dtype)
        together = None
        if self.family.both_ways == PROMPT:
            prompt = segment == PROMPT_SEGMENT
            together = prompt[:, :, None] & prompt[:, None, :]
        elif self.family.both_ways != CAUSAL:
            begins = at & ~torch.nn.functional.pad(at[:, :-1], (1, 0))
            number = begins.cumsum(1) * (at & (segment == PROMPT_SEGMENT))
            together = (number[:, :, None] == number[:, None, :]) & (number > 0)[:, :, None]
        distance = position_ids[:, :, None] - position_ids[:, None, :]
        return decoder_mask(visible(segment), together, distance, self.family, config, dtype)


def _seen(features: Any, seen: Tensor | None) -> Tensor:
    """Features (k, D) of those image tokens that are not hidden."""
    flat = flattened(features)
    return flat if seen is None or bool(seen.all()) else flat[seen.to(flat.device)]
