"""What `accelerate launch` and torchrun tell the processes that they start, by environment variables."""

from __future__ import annotations

import os
from typing import Literal


def is_alone() -> bool:
    """Whether this process was started by itself."""
    return os.environ.get("WORLD_SIZE", "1") == "1"


def is_first() -> bool:
    """Whether this is the one of the processes that speaks."""
    return is_alone() or os.environ.get("RANK") == "0"


def is_asked_for(division: Literal["FSDP", "DEEPSPEED"]) -> bool:
    """Whether accelerate's configuration divides weights or the optimizer's state."""
    return os.environ.get(f"ACCELERATE_USE_{division}", "false").lower() == "true"
