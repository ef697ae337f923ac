"""One process writes the log and states of a training: the one that began last.

It is not a lock, which a host that a fleet has lost would hold on. A process that finds another one's mark ends, and the other
goes on from the last state.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from uuid import uuid4

from harness.core.errors import TrainingError
from harness.core.files import write_text_whole

WRITER = Path("writer")  # "process 17 on host a", and a draw of its own


class SingleWriter:
    """Marks a training's folder as this process's own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / WRITER
        self._mark = f"process {os.getpid()} on {platform.node()}\n{uuid4().hex}\n"
        write_text_whole(self._path, self._mark)

    def check(self) -> None:
        """Raise TrainingError where another process has begun to train in the folder since."""
        found = self._path.read_text(encoding="utf-8") if self._path.is_file() else ""
        if found != self._mark:
            who = found.split("\n")[0] or "another process"
            raise TrainingError(
                f"{who[:1].upper()}{who[1:]} began to train in {self._path.parent} while this one did; this one ends, so that "
                "they do not write over each other. The other goes on from the last saved state. Give each training a folder "
                "of its own."
            )

    def leave(self) -> None:
        """Take the mark away, if it is this process's."""
        if self._path.is_file() and self._path.read_text(encoding="utf-8") == self._mark:
            self._path.unlink()
