"""Torch's settings of the caller: a call computes without them, and leaves them as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def of_its_own() -> Iterator[None]:
    """Inside, torch is as the command line has it: float32 and CPU by default, gradients, no autocast, no inference mode.

    What a notebook has set would otherwise change answers under keys that do not tell (autocast computes in half precision
    beside a float32 checkpoint), or end a training. Afterwards the caller's settings, number of threads and random state are
    there again, so that one call does not change what the next one, or the caller, computes.
    """
    import torch

    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    is_in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count()) if is_in_use else []
    with ExitStack() as inside:
        inside.enter_context(torch.random.fork_rng(devices))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                inside.enter_context(torch.autocast(kind, enabled=False))
        inside.enter_context(torch.inference_mode(False))
        inside.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            inside.enter_context(torch.device("cpu"))
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)
