"""Before the first step: a pass of the policy draws nothing, so that policy and reference are one function."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from alignment.batching.collate import score_rows
from alignment.batching.policy import Policy
from alignment.batching.rows import PairRows
from alignment.weights.trainable import training_mode
from harness.core.errors import TrainingError


def require_no_randomness(policy: Policy, rows: PairRows) -> None:
    """Raise TrainingError where two passes over the shortest row draw random numbers and differ.

    The module is as it trains, without the dropout of an adapter that its settings ask for.
    """
    shortest = replace(rows[min(range(len(rows)), key=rows.length)], others=())
    device = next(policy.module.parameters()).device
    found, drew = list[Tensor](), False
    training_mode(policy.module, dropout=False)
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        for seed in (0, 1):
            torch.manual_seed(seed)
            before = _random_states(device)
            found += score_rows(policy, [shortest])
            drew |= any(not torch.equal(a, b) for a, b in zip(before, _random_states(device), strict=True))
    training_mode(policy.module)
    if drew and not torch.equal(*found):
        raise TrainingError(
            f"{type(policy.module).__name__} draws random numbers in each pass while it trains: two passes over pair "
            f"{shortest.id!r} with the same weights give {found[0][0]:.4f} and {found[1][0]:.4f} nats. Its losses would be "
            "those of chance, so it is not trained."
        )


def _random_states(device: torch.device) -> list[Tensor]:
    on_gpu = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *on_gpu]
