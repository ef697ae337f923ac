"""Linear layers in half precision with LoRA beside their weights instead of inside them.

bfloat16 keeps 8 bits of a number: what an adapter changes in a weight by less than half the distance to the next one is lost
where W + BA is rounded, and after a training with a learning rate of 5e-7 that is most of it. Beside the weights the change is
rounded by itself, and added to the layer's output. Training's passes (autocast) and vLLM compute the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

HALF = (torch.bfloat16, torch.float16)


class AdaptedLinear(nn.Linear):
    """W x + b + U (D x): `down` D (r, in) and `up` U (out, r) with its scaling, frozen; (..., in) to (..., out)."""

    down: nn.Parameter
    up: nn.Parameter

    def forward(self, input: Tensor) -> Tensor:
        out = nn.functional.linear(input, self.weight, self.bias)
        return out + nn.functional.linear(nn.functional.linear(input, self.down), self.up)

    def absorb(self) -> None:
        """Put the adapters into the weights, which a training in full has made float32."""
        with torch.no_grad():
            self.weight.add_((self.up.float() @ self.down.float()).to(self.weight.dtype))
        self.take_off()

    def take_off(self) -> None:
        """The layer without adapters."""
        del self.down, self.up
        self.__class__ = nn.Linear  # type: ignore[assignment]  # what it was before, see `put_beside`


def put_beside(layer: nn.Linear, down: Tensor, up: Tensor) -> AdaptedLinear:
    """The layer, in place, with an adapter beside those that it has: `down` (r, in), `up` (out, r), scaling included."""
    like = layer.weight
    down, up = (tensor.detach().to(like.device, like.dtype) for tensor in (down, up))
    if isinstance(layer, AdaptedLinear):
        down, up = torch.cat([layer.down, down]), torch.cat([layer.up, up], dim=1)
    layer.__class__ = AdaptedLinear
    assert isinstance(layer, AdaptedLinear)
    layer.down, layer.up = (nn.Parameter(tensor.contiguous(), requires_grad=False) for tensor in (down, up))
    return layer
