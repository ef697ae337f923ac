"""Every process holds all weights and the whole optimizer state: the default, and the interface of the divided strategies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from alignment.settings import Settings
from alignment.weights.trainable import Trainable
from alignment.weights.workers import Workers

T = TypeVar("T")


class Replicated:
    """Every process holds all weights; gradients are summed over the processes."""

    loss_scale = 1.0
    in_step = False  # whether all processes must make the same number of passes

    def __init__(self, trained: Trainable, workers: Workers) -> None:
        self.trained, self.workers = trained, workers

    def run(self, work: Callable[[], T], has_images: bool) -> T:
        """Do `work`, which passes rows through the module, with the weights in place; has_images: some row shows one."""
        return work()

    def optimizer(self, settings: Settings) -> Optimizer:
        """AdamW over the trained weights; made once, after the weights are where they stay."""
        return torch.optim.AdamW(self.trained.groups(settings), fused=True)

    def backward(self, loss: Tensor) -> None:
        (loss * self.loss_scale).backward()  # type: ignore[no-untyped-call]

    def update(self, optimizer: Optimizer, most: float, check: Callable[[float], None]) -> float:
        """One step by the gradients of all processes, clipped to a norm of `most`, 0 for never; returns the norm before.

        `check` is given the norm and may refuse it, which leaves the weights as they are.
        """
        self.sum_gradients()
        norm = self.clip(most)
        check(norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return norm

    def sum_gradients(self) -> None:
        self.workers.sum_gradients(self.trained.weights.values())

    def clip(self, most: float) -> float:
        """Clip the gradients to a norm of `most`; returns the norm before."""
        return float(torch.nn.utils.clip_grad_norm_(list(self.trained.weights.values()), most or math.inf))

    def held(self, optimizer: Optimizer) -> dict[str, Any]:
        """Weights and optimizer state as whole tensors, to be written. All processes must ask."""
        moving = {"reference": self.trained.anchor} if self.trained.anchor else {}
        return self.whole({"weights": self.trained.weights, "optimizer": optimizer.state_dict(), **moving})

    def restore(self, optimizer: Optimizer, state: Mapping[str, Any]) -> None:
        """Put back what `held` gave."""
        with torch.no_grad():
            for name, weight in self.trained.weights.items():
                weight.copy_(self.placed(state["weights"][name], weight))
            for name, value in self.trained.anchor.items():
                self.trained.anchor[name] = state["reference"][name].to(value)  # an adapter's rank grows
        load_optimizer(optimizer, state["optimizer"], self)

    def whole(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A state's tensors as plain ones, nested mappings too. All processes must ask."""
        return {k: self.whole(v) if isinstance(v, Mapping) else self._whole(v) for k, v in values.items()}

    def module_state(self) -> dict[str, Tensor] | None:
        """The whole module's weights (or its adapter's) to be written; None where the module itself has them."""
        return None

    def heads_state(self) -> dict[str, Tensor]:
        """Weights of an objective's heads."""
        return {
            f"{name}.{n}": self._whole(t) for name, head in self.trained.heads.items() for n, t in head.state_dict().items()
        }

    def placed(self, value: Tensor, like: Tensor) -> Tensor:
        """A whole tensor as `like` is held."""
        return value

    def _whole(self, value: Any) -> Any:  # Any: a tensor, or a plain value
        return value.detach() if isinstance(value, Tensor) else value


class Step(nn.Module):
    """What FSDP and DeepSpeed wrap: its forward is a whole pass, head and all; shared weights stay in place until its end."""

    def __init__(self, module: nn.Module, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.module, self.heads = module, nn.ModuleDict(heads)

    def forward(self, work: Callable[[], T]) -> T:
        return work()


def load_optimizer(optimizer: Optimizer, state: Mapping[str, Any], shards: Replicated) -> None:
    """Put a whole optimizer state back as the weights are held."""
    held = [weight for group in optimizer.param_groups for weight in group["params"]]

    def placed(index: int, value: Any) -> Any:  # Any: a tensor, or a plain value
        is_like_the_weight = isinstance(value, Tensor) and value.ndim > 0 and value.shape == held[index].shape
        return shards.placed(value, held[index]) if is_like_the_weight else value

    values = {i: {name: placed(i, value) for name, value in row.items()} for i, row in state["state"].items()}
    optimizer.load_state_dict({**state, "state": values})
