"""Settings of torch and transformers: a call computes without the caller's, and leaves them as they were."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from harness.api.turns import in_turn, note_threads


@contextmanager
def of_its_own(say: Callable[[str], None]) -> Iterator[None]:
    """Inside, torch is as the command line has it: float32 and CPU by default, gradients, no autocast, no inference mode.
    Calls of other threads wait for their turn; `say` tells the caller where this one does.

    What a notebook has set would otherwise change answers under keys that do not tell (autocast computes in half precision
    beside a float32 checkpoint), or end a training. Afterwards the caller's settings, number of threads and random state are
    there again, so that one call does not change what the next one, or the caller, computes.
    """
    with in_turn(say), _bars_kept(), _torch_kept():
        yield


@contextmanager
def _torch_kept() -> Iterator[None]:
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
            note_threads(max(threads, torch.get_num_threads()))
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)


@contextmanager
def _bars_kept() -> Iterator[None]:
    """The progress bars of transformers, which a call switches off with those of huggingface_hub, are again as they were."""
    before, hub = sys.modules.get("transformers"), sys.modules.get("huggingface_hub.utils")
    hubs_off = hub.are_progress_bars_disabled() if hub is not None else "HF_HUB_DISABLE_PROGRESS_BARS" in os.environ
    shown = before.utils.logging.is_progress_bar_enabled() if before is not None else not hubs_off
    try:
        yield
    finally:
        used = sys.modules.get("transformers")
        if shown and used is not None and not used.utils.logging.is_progress_bar_enabled():
            used.utils.logging.enable_progress_bar()
            if hubs_off and hub is not None:
                hub.disable_progress_bars()
