"""The quality of a file of preference pairs, beside the images of benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignment.data.pairs import read_pairs
from alignment.quality.report import Quality, lines, quality
from harness.config.schema import BenchmarkConfig
from harness.core.plugins import Data, Progress, no_progress
from harness.evaluation.scoring import unjudged
from harness.run.data import open_data
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import open_store


def pairs_quality(
    file: Path, data: str | None = None, benchmarks: Sequence[str] = (), progress: Progress = no_progress
) -> Quality:
    """Of the pairs of a file, whose images are in a data folder (`miniworld`: the embedded world).

    None: that of the run that the file lies in, else the folder `data`. Raises DataError for a file that holds no pairs, where
    the folder is missing, and what a benchmark raises whose files are.
    """
    pairs, folder = read_pairs(file), _data_of(file, data)
    shown = {name: _images(name, folder) for name in benchmarks}
    return quality(pairs, folder.folder, shown, progress)


def _data_of(file: Path, given: str | None) -> DataFolder:
    for folder in file.resolve().parents:
        if (folder / "run.yaml").is_file() and (folder.parent / "store.sqlite").is_file():
            if given is not None:
                return open_data(given, folder.parent)
            with open_store(folder.parent) as store:
                return DataFolder(Path(store.run(folder.name).data_folder))
    return open_data(given or "data", Path("runs"))


def told(found: Quality) -> list[str]:
    """The report as lines."""
    return lines(found)


def _images(name: str, data: Data) -> list[Path]:
    """The image files of a benchmark."""
    items = unjudged(BenchmarkConfig.model_validate({"name": name})).load(data)
    return sorted({data.path(item.image) for item in items if item.image})
