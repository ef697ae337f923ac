"""Every process holds a part of each weight (FSDP2).

By accelerate's configuration: `accelerate launch --use_fsdp --fsdp_version 2 -m harness run ...` divides weights, gradients and
optimizer states among the processes (what DeepSpeed calls ZeRO-3); each layer is gathered only while it is computed. States and
checkpoints are written whole, so that a training can be resumed and used with another number of processes.

All processes must gather the same layers and sum the same gradients in the same order, or they wait for each other without end.
Where some rows show an image and others none, a process may have no image in a pass in which another one has: the vision tower
is then held whole, and the projector has a gradient in every pass, of 0 where no image is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from alignment.weights.replicated import Replicated, Step
from alignment.weights.trainable import Trainable, is_projector, is_tower, trainable_weights
from alignment.weights.workers import Workers

T = TypeVar("T")


class Sharded(Replicated):
    """Each process holds a part of every weight (FSDP2, `torch.distributed.fsdp.fully_shard`)."""

    in_step = True

    def __init__(self, trained: Trainable, workers: Workers, mixed: bool = False) -> None:
        """mixed: some rows show an image and others none."""
        from torch.distributed.fsdp import fully_shard

        self._mixed, self._seen = mixed, False
        self._step = Step(trained.module, trained.heads)
        for layer in _layers(trained.module, with_tower=not mixed):
            fully_shard(layer)
        fully_shard(self._step)
        if mixed:
            trained.module.get_input_embeddings().register_forward_hook(self._with_projector)  # type: ignore[operator]
        super().__init__(replace(trained, weights=trainable_weights(trained.module, trained.heads)), workers)
        self.loss_scale = float(workers.count)  # FSDP takes the mean over processes, a step's loss is a sum over them

    def run(self, work: Callable[[], T], has_images: bool) -> T:
        self._seen |= has_images
        done: T = self._step(work)
        return done

    def _with_projector(self, module: nn.Module, inputs: Any, embedded: Tensor) -> Tensor:
        """The same embeddings of tokens, through which every trained weight of the projector has a gradient: behind that of all
        layers, as where an image is shown. A hook of torch's."""
        weights = [weight for name, weight in self._step.named_parameters() if weight.requires_grad and is_projector(name)]
        return embedded + sum((weight.sum() * 0.0 for weight in weights), 0.0 * embedded.new_zeros(()).requires_grad_())

    def sum_gradients(self) -> None:
        """FSDP has done it in the backward pass. Without an image in the whole step the projector stays as it is, as it does
        where nothing is divided: a gradient of 0 would move it by its momentum."""
        if self._mixed and not any(self.workers.gather(self._seen)):
            for name, weight in self.trained.weights.items():
                weight.grad = None if is_projector(name) else weight.grad
        self._seen = False

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


def _layers(module: nn.Module, with_tower: bool, at: str = "") -> Iterator[nn.Module]:
    """The blocks of each stack of blocks, outermost stacks only."""
    for name, child in module.named_children():
        where = f"{at}.{name}" if at else name
        if is_tower(where) and not with_tower:
            continue
        if isinstance(child, nn.ModuleList) and len(child) > 1:
            yield from child
        else:
            yield from _layers(child, with_tower, where)
