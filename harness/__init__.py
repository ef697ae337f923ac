"""mm-align-harness: align an image-text model and measure whether it helped.

The Python interface (docs/python.md); the commands of `python -m harness` call the same functions. Names are imported when
they are first used, so `import harness` takes milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api.actions import compare, open_store, run, sweep
    from harness.api.annotators import annotators
    from harness.api.benchmarks import load_benchmark
    from harness.api.gates import gate
    from harness.api.progress import ProgressBars, silent
    from harness.api.results import Results
    from harness.api.stored import Run, RunStore
    from harness.core.errors import HarnessError

    __version__: str

_PLACES = {
    "run": "harness.api.actions",
    "sweep": "harness.api.actions",
    "compare": "harness.api.actions",
    "annotators": "harness.api.annotators",
    "gate": "harness.api.gates",
    "open_store": "harness.api.actions",
    "load_benchmark": "harness.api.benchmarks",
    "Results": "harness.api.results",
    "Run": "harness.api.stored",
    "RunStore": "harness.api.stored",
    "ProgressBars": "harness.api.progress",
    "silent": "harness.api.progress",
    "HarnessError": "harness.core.errors",
}
__all__ = [
    "HarnessError",
    "ProgressBars",
    "Results",
    "Run",
    "RunStore",
    "__version__",
    "annotators",
    "compare",
    "gate",
    "load_benchmark",
    "open_store",
    "run",
    "silent",
    "sweep",
]


def __getattr__(name: str) -> Any:  # Any: whatever has that name
    if name == "__version__":
        from harness.core.edge.versions import own_version

        return own_version()
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
