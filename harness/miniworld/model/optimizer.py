"""One optimiser for both stages of the build: Muon for the matrices inside layers, AdamW for all else, one-cycle."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

WARM_UP = 0.1  # share of the steps in which the rate rises


class MuonWithAdamW:
    """Muon for matrices inside layers, AdamW for the rest. Muon is stable at the high rates that trained the tower fastest
    (docs/miniworld.md).

    Args:
        named: (name, parameter) of everything that is trained.
        matrix_rate: top rate of Muon, in AdamW's scale; rate: top rate of AdamW.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], *, matrix_rate: float, rate: float, steps: int) -> None:
        trained = [(name, parameter) for name, parameter in named if parameter.requires_grad]
        inner = [p for name, p in trained if ".layers." in name and p.dim() == 2]
        outer = [p for name, p in trained if not (".layers." in name and p.dim() == 2)]
        self.parameters = [*inner, *outer]
        groups = [
            {"params": [p for p in outer if p.dim() > 1], "weight_decay": 0.02},
            {"params": [p for p in outer if p.dim() <= 1], "weight_decay": 0.0},
        ]
        muon = torch.optim.Muon(inner, matrix_rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
        adam = torch.optim.AdamW(groups, rate, betas=(0.9, 0.98))
        self._optimizers: tuple[torch.optim.Optimizer, ...] = (muon, adam)
        self._schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: one_cycle(step, steps)) for o in self._optimizers]

    def step(self, loss: Tensor) -> None:
        """One update, gradients clipped to norm 1."""
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        for schedule in self._schedules:
            schedule.step()


def one_cycle(step: int, steps: int) -> float:
    """Share of the top rate: up over the first tenth, then down to nothing, both straight."""
    rise = max(1, round(WARM_UP * steps))
    return min((step + 1) / rise, (steps - step) / (steps - rise), 1.0)
