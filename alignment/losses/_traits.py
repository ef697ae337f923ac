"""What the training loop must know of a loss beside its formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_NAME = "__loss_traits__"


class Traits(NamedTuple):
    """The defaults hold for a loss of a guest package."""

    reference: bool = True  # reads the reference; else no reference pass is made
    scores: bool = False  # a function of the two scores' difference, where an f-divergence may stand for the log-ratio
    whole_step: bool = False  # no sum over pairs: it reads all pairs of the step at once
    lowers_chosen: bool = False  # makes chosen answers less likely on purpose
    running: bool = False  # takes number and mean of what it observed in earlier steps, as _seen and _mean


def traits(**known: bool) -> Callable[[F], F]:
    """Marks a loss with what differs from the defaults of `Traits`."""

    def mark(loss: F) -> F:
        setattr(loss, _NAME, Traits(**known))
        return loss

    return mark


def traits_of(loss: Callable[..., Any]) -> Traits:
    found: Traits = getattr(loss, _NAME, Traits())
    return found
