"""The data folder of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.storage.data_folder import DataFolder


def open_data(data: str, output: Path, say: Callable[[str], None] = lambda text: None) -> DataFolder:
    """The data folder named in a study; `miniworld` is the embedded world, written into the output folder on first use."""
    if data == "miniworld":
        from harness.miniworld.world.write import MARKER, write_world

        folder = output / "miniworld"
        if not (folder / MARKER).is_file():
            say(f"drawing the miniature world in {folder}, once (about 20 s)")
        write_world(folder)
        return DataFolder(folder, output / ".cache")
    return DataFolder(Path(data).expanduser(), output / ".cache")
