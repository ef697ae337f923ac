"""The libraries that models are made of, imported without what they bring along for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import torch

from harness.core.edge.later_imports import imported_later
from harness.core.edge.processes import without_collecting

# A compiler, sharded tensors, and the matching of boxes by losses for detection: 1.2 s of CPU and 90 MiB a process.
_LATER = ("torch._dynamo", "torch.fx.experimental.symbolic_shapes", "scipy")
_MODELS = ("transformers.modeling_utils", "transformers.masking_utils", "transformers.generation.utils")


@cache
def import_model_libraries() -> None:
    """What every model of transformers is built on. A version that cannot be imported so is imported whole."""
    with without_collecting():
        try:
            with imported_later(*_LATER), _marked_later():
                for name in _MODELS:
                    import_module(name)
        except Exception:  # it does something else with these modules than was known when this was written
            import_module(_MODELS[0])


@contextmanager
def _marked_later() -> Iterator[None]:
    """`torch.compiler.disable` imports the compiler to mark a function; torch's own variant does so when it is called."""
    own = torch.compiler.disable
    lazy: Callable[..., Any] | None = getattr(torch, "_disable_dynamo", None)
    if lazy is None:
        yield
        return

    def disable(fn: Any = None, recursive: bool = True, **reason: Any) -> Any:  # Any: as torch has it
        return lazy(fn, recursive)

    torch.compiler.disable = disable
    try:
        yield
    finally:
        torch.compiler.disable = own
