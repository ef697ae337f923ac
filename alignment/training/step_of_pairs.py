"""All pairs of an optimizer step together, for losses that are not sums over pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alignment.batching.logps import PairLogps


class Step(NamedTuple):
    """All pairs of a step, for losses that are not sums over pairs; `past` is the log row of the step before."""

    policy: PairLogps  # without gradient
    reference: PairLogps
    past: Mapping[str, float]
    start: int = 0  # where a micro-batch's pairs stand in it


def step_of(parts: Sequence[tuple[PairLogps, PairLogps]], past: Mapping[str, float]) -> Step:
    """The step of the given micro-batches (policy, reference), in their order."""
    policy, reference = ([part[side] for part in parts] for side in (0, 1))
    return Step(_joined(policy), _joined(reference), past)


def _joined(parts: Sequence[PairLogps]) -> PairLogps:
    def column(values: Sequence[Tensor | None]) -> Tensor | None:
        known = [value for value in values if value is not None]
        return torch.cat(known) if len(known) == len(values) else None

    chosen, rejected = torch.cat([p.chosen for p in parts]), torch.cat([p.rejected for p in parts])
    return PairLogps(chosen, rejected, *(column(values) for values in zip(*(p[2:] for p in parts), strict=True)))
