"""Folders of preference data: parquet files as the Hugging Face hub keeps them, or a dataset that `save_to_disk` wrote.

    data/train-00000-of-00002.parquet  data/train-00001-of-00002.parquet  data/test-00000-of-00001.parquet
    train/data-00000-of-00001.arrow    test/data-00000-of-00001.arrow     dataset_dict.json

One split is read: the training split, if there are several. Test and validation rows are not for training.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.core.edge.files import is_folder
from harness.core.errors import DataError
from harness.core.plugins import Data

TRAIN = "train"
_SPLIT = re.compile(r"(?:train|test|val|valid|validation|dev|eval)(?:[_.][\w.]+)?", re.IGNORECASE)  # train_prefs, too
_SHARD = re.compile(r"[-_.]\d+(?:-of-\d+)?(?:-\w+)?$")  # behind a split's name: -00000-of-00002, -00000-of-00001-5ab1f3


def place_of(data: Data, name: str) -> Path:
    """A file or folder of the data folder. Raises DataError, as `Data.path` does, where it is neither."""
    folder = data.folder / name
    return folder if is_folder(folder) else data.path(name)


def tables_in(folder: Path, name: str, split: str = "") -> list[Path]:
    """The parquet and arrow files of a split, in order; "" is the only one, or the training split of several.

    Raises DataError where there is no such file, and where several splits are there and none is to be preferred.
    """
    files = sorted([*folder.rglob("*.parquet"), *folder.glob("data-*.arrow"), *folder.glob("*/data-*.arrow")])
    if not files:
        raise DataError(f"{name} is a folder without *.parquet and without the data-*.arrow files of a saved dataset.")
    found: dict[str, list[Path]] = {}
    for file in files:
        found.setdefault(_split_of(file, folder), []).append(file)
    if len(found) > 1 and not split and "" not in found and TRAIN in found:
        return found[TRAIN]
    if len(found) == 1 and not split:
        return files
    if split in found and split:
        return found[split]
    there = ", ".join(one or "files without a split in their name" for one in sorted(found))
    asked = f"no split {split!r}" if split else "several splits"
    raise DataError(f"{name} has {asked}. There are: {there}. Choose one with the source `dataset` and its option `split`.")


def _split_of(file: Path, folder: Path) -> str:
    """The split that a file belongs to by its name or its folder; "" where neither tells."""
    *folders, stem = file.relative_to(folder).with_suffix("").parts
    if file.suffix == ".arrow":
        return folders[-1] if folders else ""
    names = [_SHARD.sub("", stem), *reversed(folders)]
    return next((name.lower() for name in names if _SPLIT.fullmatch(name)), "")
