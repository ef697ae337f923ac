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

from torch import Tensor, nn

from harness.core.errors import TrainingError

_LAST_TENSORS_S = 0.1  # for threads of gloo to free what they sent last, which takes microseconds
WAIT = timedelta(days=7)  # the others wait while the first process writes pairs and sweeps


class Workers:
    """One of `count` processes. With one, everything here does nothing."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count
        self.unfinished = 0  # `collective` parts that began here and did not end well

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
        """Put the sum over processes in the place of each gradient; a process without one counts as zero."""
        if self.count == 1:
            return
        from torch import distributed

        for weight in weights:
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


@lru_cache(maxsize=1)
def workers() -> Workers:
    """This process among those it was started with."""
    wanted = int(os.environ.get("WORLD_SIZE", "1"))
    if wanted == 1:
        return Workers()
    # Imported before there is a group: a dozen of its functions have the group as their default, which would hold it for ever.
    import torch.distributed.nn.functional
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=WAIT)
    if state.num_processes != wanted:  # each would train alone, on all prompts, into one folder
        raise TrainingError(
            f"{wanted} processes were started but accelerate sees {state.num_processes}; check its configuration."
        )
    found = Workers(state.process_index, state.num_processes)
    atexit.register(_leave, found)
    return found


@contextmanager
def collective() -> Iterator[None]:
    """Around a training or a run, which all processes go through together; also a decorator."""
    here = workers()
    here.unfinished += 1
    yield
    here.unfinished -= 1  # not after an error: the others may be waiting


def _leave(here: Workers) -> None:
    """Leave the others, at the end of this process. A thread of gloo that frees a tensor while Python ends aborts it, and
    torchrun then ends the others (pytorch issue 190489). Leaving waits for such threads; where the caches of sharded tensors
    still hold the group, they are given time. NCCL also waits for operations under way, which after an error may never end."""
    from torch import distributed

    if distributed.is_initialized() and (not here.unfinished or distributed.get_backend() == "gloo"):
        distributed.destroy_process_group()
        time.sleep(_LAST_TENSORS_S)
