"""Prepared images in a quarter of their memory, bit for bit.

A processor turns the 8-bit values of an image into floats, channel by channel, by one linear function: at most 256 values a
channel, evenly spaced. They are kept as 8-bit codes and a table of the floats; other tensors are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

_CODES = 256
_LOOKED_AT = 4096  # values of a channel among which two neighbours are looked for
_SLAB = 8 << 20  # bytes of codes in one piece: small ones between large passing tensors would tear the memory into gaps
_CHANNELS = -3  # dimension of (n_images, 3, H, W) and (n_images, tiles, 3, H, W)


@dataclass(frozen=True, slots=True)
class _Coded:
    """codes: (C, n) uint8; table: (C, 256) in the tensor's dtype; shape: with the channels first."""

    codes: Tensor
    table: Tensor
    shape: torch.Size

    def whole(self) -> Tensor:
        return self.table.gather(1, self.codes.long()).view(self.shape).movedim(0, _CHANNELS).contiguous()


@dataclass(frozen=True, slots=True)
class PackedVision:
    """The tensors of one image beside its tokens; see `PromptInputs.vision`."""

    parts: Mapping[str, Tensor | _Coded]

    @property
    def n_bytes(self) -> int:
        own = [(part.codes, part.table) if isinstance(part, _Coded) else (part,) for part in self.parts.values()]
        return sum(tensor.nbytes for tensors in own for tensor in tensors)

    def whole(self) -> dict[str, Tensor]:
        return {name: part.whole() if isinstance(part, _Coded) else part for name, part in self.parts.items()}


class Packer:
    """Packs images of one processor. The spacing of a channel's values is known once an image has two neighbouring ones."""

    def __init__(self) -> None:
        self._spacing: dict[str, Tensor] = {}
        self._slab = torch.empty(0, dtype=torch.uint8)

    def pack(self, vision: Mapping[str, Tensor]) -> PackedVision:
        return PackedVision({name: self._packed(name, tensor) for name, tensor in vision.items()})

    def _packed(self, name: str, tensor: Tensor) -> Tensor | _Coded:
        if tensor.ndim < 4 or not tensor.is_floating_point() or tensor.shape[_CHANNELS] > 4:
            return tensor
        first = tensor.movedim(_CHANNELS, 0)
        values = first.reshape(len(first), -1)
        spacing = torch.stack([_least_gap(channel[:_LOOKED_AT]) for channel in values])
        if name in self._spacing and self._spacing[name].shape == spacing.shape:
            spacing = torch.minimum(spacing, self._spacing[name])
        self._spacing[name] = spacing
        codes = ((values - values.amin(dim=1, keepdim=True)) / spacing[:, None]).round()
        if not bool((codes < _CODES).all()):  # also where one is not a number
            return tensor
        codes = self._kept(codes.to(torch.uint8))
        table = values.new_zeros(len(values), _CODES).scatter_(1, codes.long(), values)
        coded = _Coded(codes, table, first.shape)
        return coded if _same_bits(coded.whole(), tensor) else tensor

    def _kept(self, codes: Tensor) -> Tensor:
        """The same, in a slab."""
        if len(self._slab) < codes.numel():
            self._slab = torch.empty(max(_SLAB, codes.numel()), dtype=torch.uint8)
        place, self._slab = self._slab[: codes.numel()], self._slab[codes.numel() :]
        return place.view(codes.shape).copy_(codes)


def _least_gap(values: Tensor) -> Tensor:
    """Between two different ones; infinite where there are none."""
    gaps = values.sort().values.diff()
    return torch.where(gaps > 0, gaps, torch.inf).amin() if len(gaps) else values.new_tensor(torch.inf)


def _same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.view(torch.uint8), other.contiguous().view(torch.uint8))
