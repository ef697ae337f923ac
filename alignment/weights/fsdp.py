"""Every process holds a part of each weight (FSDP2).

By accelerate's configuration: `accelerate launch --use_fsdp --fsdp_version 2 -m harness run ...` divides weights, gradients and
optimizer states among the processes (what DeepSpeed calls ZeRO-3); each layer is gathered only while it is computed. States and
checkpoints are written whole, so that a training can be resumed and used with another number of processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from alignment.weights.replicated import Replicated, Step
from alignment.weights.trainable import Trainable, trainable_weights
from alignment.weights.workers import Workers

T = TypeVar("T")


class Sharded(Replicated):
    """Each process holds a part of every weight (FSDP2, `torch.distributed.fsdp.fully_shard`)."""

    in_step = True

    def __init__(self, trained: Trainable, workers: Workers) -> None:
        from torch.distributed.fsdp import fully_shard

        self._step = Step(trained.module, trained.heads)
        for layer in _layers(trained.module):
            fully_shard(layer)
        fully_shard(self._step)
        super().__init__(replace(trained, weights=trainable_weights(trained.module, trained.heads)), workers)
        self.loss_scale = float(workers.count)  # FSDP takes the mean over processes, a step's loss is a sum over them

    def run(self, work: Callable[[], T]) -> T:
        done: T = self._step(work)
        return done

    def sum_gradients(self) -> None:
        """FSDP has done it in the backward pass."""

    def clip(self, most: float) -> float:
        norm: Any = torch.nn.utils.clip_grad_norm_(list(self.trained.weights.values()), most or math.inf)
        return float(norm.full_tensor())

    def module_state(self) -> dict[str, Tensor]:
        """A weight that stands under two names (tied embeddings) is one tensor, as in the module: it is written once."""
        held: dict[str, Any] = (self.trained.adapter or self.trained.module).state_dict(keep_vars=True)
        whole = {id(value): self._whole(value) for value in held.values()}
        return {name: whole[id(value)] for name, value in held.items()}

    def placed(self, value: Tensor, like: Any) -> Tensor:
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)

    def _whole(self, value: Any) -> Any:  # Any: a tensor, or a plain value
        whole = value.full_tensor().cpu() if hasattr(value, "full_tensor") else value
        return whole.detach() if isinstance(whole, Tensor) else whole


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """The blocks of each stack of blocks, outermost stacks only."""
    for child in module.children():
        if isinstance(child, nn.ModuleList) and len(child) > 1:
            yield from child
        else:
            yield from _layers(child)
