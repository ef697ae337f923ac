"""Path of the shipped checkpoint."""

from __future__ import annotations

from pathlib import Path


def checkpoint_folder() -> Path:
    """Folder of the small LLaVA that comes with the package."""
    return Path(__file__).parent.parent / "checkpoint"
