"""The processes that train together: each takes its share of a step's prompts, gradients are summed.

Started by `accelerate launch -m harness run ...` (or torchrun); a plain start is one process. Every process makes the same
optimizer step, so that weights stay equal without being sent; for which process holds which weights see `strategy.py`.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from harness.core.edge.foreign import words_of
from harness.core.edge.signals import ended_by_signals
from harness.core.errors import ConfigError, LostProcess, TrainingError

_LAST_TENSORS_S = 0.1  # for threads of gloo to free what they sent last, which takes microseconds
MEET = timedelta(minutes=10)  # all processes have begun by then
WAIT = timedelta(days=7)  # the others wait while the first process writes pairs and sweeps


class Workers:
    """One of `count` processes. With one, everything here does nothing."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count
        self.inside, self.failed = 0, False  # `collective` parts under way; whether one ended in an error

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, indices: Sequence[int]) -> list[int]:
        return list(indices[self.rank :: self.count])

    def gather(self, value: Any) -> list[Any]:
        """The value of every process, by rank."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        found: list[Any] = gather_object([value])
        return found

    def sum_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Put the sum over processes in the place of each gradient; a process without one counts as zero.

        A weight without one in any process (the projector's in a step without an image) stays without: an optimizer leaves it
        as it is, while zeros would move it by its momentum and decay.
        """
        if self.count == 1:
            return
        from torch import distributed

        all_weights = list(weights)
        device = all_weights[0].device if all_weights else None
        used = torch.tensor([weight.grad is not None for weight in all_weights], dtype=torch.int32, device=device)
        distributed.all_reduce(used)
        for weight in (weight for weight, processes in zip(all_weights, used.tolist(), strict=True) if processes):
            if weight.grad is None:
                weight.grad = weight.data.new_zeros(weight.shape)
            grad: Tensor = weight.grad
            distributed.all_reduce(grad)

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process goes through the block, then the others: for files that each would write."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            from torch import distributed

            distributed.barrier()


def workers() -> Workers:
    """This process among those it was started with; waits for all of them.

    Raises ConfigError where the environment does not say which process of how many this is, TrainingError where others do not
    come.
    """
    return _workers(os.getpid(), os.environ.get("WORLD_SIZE", "1"))


@lru_cache(maxsize=1)
def _workers(process: int, count: str) -> Workers:
    """Once a process: one that a notebook forked to train with others is not the notebook's."""
    wanted = _number("WORLD_SIZE", 1)
    if wanted == 1:
        return Workers()
    if lacking := [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]:
        raise ConfigError(
            f"WORLD_SIZE says that this is one of {wanted} processes, but the environment lacks {', '.join(lacking)}. Start "
            "them with `accelerate launch -m harness run ...` or torchrun; to train in one process unset WORLD_SIZE."
        )
    for name, least in (("RANK", 0), ("MASTER_PORT", 1)):
        _number(name, least)
    state = _met(wanted)
    found = Workers(state.process_index, state.num_processes)
    atexit.register(_leave, found)
    return found


def _number(name: str, least: int) -> int:
    value = os.environ.get(name, "1")
    if not value.isdecimal() or int(value) < least:
        raise ConfigError(
            f"{name} is {value!r} in the environment; `accelerate launch` and torchrun set it to a number. Unset it to train "
            "in one process."
        )
    return int(value)


def _met(wanted: int) -> Any:  # Any: accelerate has no types
    """accelerate's state, once all processes are there. A signal ends a process that waits: Python's handlers would not run."""
    # Imported before there is a group: a dozen of its functions have the group as their default, which would keep it alive.
    import torch.distributed.nn.functional
    from accelerate import PartialState

    try:
        with ended_by_signals():
            state = PartialState(cpu=not torch.cuda.is_available(), timeout=MEET)
            if state.num_processes == wanted:
                torch.distributed.barrier()  # NCCL meets here, not at the first collective, which may be days later
    except torch.distributed.DistError as error:
        raise TrainingError(
            f"The {wanted} processes did not all meet within {MEET.seconds // 60} minutes at {os.environ['MASTER_ADDR']}:"
            f"{os.environ['MASTER_PORT']} ({words_of(error)}). The messages of the others say why; start all again."
        ) from error
    if state.num_processes != wanted:  # each would train alone, on all prompts, into one folder
        raise TrainingError(
            f"{wanted} processes were started but accelerate sees {state.num_processes}; check its configuration."
        )
    torch.distributed.distributed_c10d._set_pg_timeout(WAIT)
    return state


@contextmanager
def collective() -> Iterator[None]:
    """Around a training or a run, which all processes go through together; also a decorator.

    Raises LostProcess where another of them ended.
    """
    here = workers()
    here.inside += 1
    try:
        yield
    except BaseException as error:
        here.failed = True
        if here.inside == 1 and is_lost(error):  # the outermost: an arm that fails by itself is another thing
            raise LostProcess from error
        raise
    finally:
        here.inside -= 1


def is_lost(error: BaseException) -> bool:
    """Whether it tells that another process ended in the middle of what all do together."""
    if workers().count == 1:
        return False
    from torch.distributed import DistError

    return isinstance(error, DistError) or (isinstance(error, RuntimeError) and "/gloo/" in str(error))


def _leave(here: Workers) -> None:
    """Leave the others, at the end of this process. A thread of gloo that frees a tensor while Python ends aborts it, and
    torchrun then ends the others (pytorch issue 190489). Leaving waits for such threads; where the caches of sharded tensors
    still hold the group, they are given time. NCCL also waits for operations under way, which after an error may never end."""
    from torch import distributed

    if distributed.is_initialized() and (not here.failed or distributed.get_backend() == "gloo"):
        distributed.destroy_process_group()
        time.sleep(_LAST_TENSORS_S)
