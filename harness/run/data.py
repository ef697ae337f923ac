"""The data folder of a run."""

from __future__ import annotations

from pathlib import Path

from harness.storage.data_folder import DataFolder


def open_data(data: str, output: Path) -> DataFolder:
    """The data folder named in a study; `miniworld` is the embedded world, written into the output folder on first use."""
    if data == "miniworld":
        from harness.miniworld.world.write import write_world

        folder = output / "miniworld"
        write_world(folder)
        return DataFolder(folder, output / ".cache")
    return DataFolder(Path(data).expanduser(), output / ".cache")
