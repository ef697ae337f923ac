"""Layers of a model that is not loaded in this process: what is asked of a training is checked against them.

Capabilities of models, like those of `capabilities.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class OutlinesCheckpoints(Protocol):
    """A model's class that knows the layers of a checkpoint before it is loaded.

    Any: a torch module without weights; None where that is known only once it is loaded.
    """

    @staticmethod
    def outline_of(options: Mapping[str, Any]) -> Any: ...  # Any: see above


@runtime_checkable
class HasOutline(Protocol):
    """A model in other processes that knows its layers. Any: as of `OutlinesCheckpoints`."""

    @property
    def outline(self) -> Any: ...  # Any: see above
