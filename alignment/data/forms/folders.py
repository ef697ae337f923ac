"""Folders of preference data: parquet files as the Hugging Face hub keeps them, or a dataset that `save_to_disk` wrote.

    data/train-00000-of-00002.parquet  data/train-00001-of-00002.parquet  data/test-00000-of-00001.parquet
    train/data-00000-of-00001.arrow    test/data-00000-of-00001.arrow     dataset_dict.json

One split is read: the training split, if there are several. Test and validation rows are not for training. Files that count
themselves (`-00000-of-00002`) must all be there, each once.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from harness.core.edge.files import is_folder
from harness.core.errors import DataError
from harness.core.plugins import Data

TRAIN = "train"
_SPLIT = re.compile(r"(?:train|test|val|valid|validation|dev|eval)(?:[_.][\w.]+)?", re.IGNORECASE)  # train_prefs, too
# behind a split's name: -00000-of-00002, -00000-of-00001-5ab1f3
_SHARD = re.compile(r"[-_.](?P<n>\d+)(?:[-_.]of[-_.](?P<of>\d+))?(?:-\w+)?$")
_NAMED = 3  # files that are missing


def place_of(data: Data, name: str) -> Path:
    """A file or folder of the data folder. Raises DataError, as `Data.path` does, where it is neither."""
    folder = data.folder / name
    return folder if is_folder(folder) else data.path(name)


def tables_in(folder: Path, name: str, split: str = "") -> list[Path]:
    """The parquet and arrow files of a split, in order; "" is the only one, or the training split of several.

    Raises DataError where there is no such file, where several splits are there and none is to be preferred, and where files of
    the split are missing.
    """
    files = _of_split(folder, name, split)
    shards: dict[Path, list[Path]] = {}
    for file in files:
        if (found := _SHARD.search(file.stem)) and found["of"]:
            shards.setdefault(file.with_name(file.stem[: found.start()] + file.suffix), []).append(file)
    for whole, parts in shards.items():
        if whole in files:  # a set that was saved in one piece, and in parts later
            raise _twice([whole, *parts], name)
        _require_whole(parts, name)
    return files


def _of_split(folder: Path, name: str, split: str) -> list[Path]:
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


def _require_whole(files: list[Path], name: str) -> None:
    """Raise DataError where files that were numbered together are not all there, or some of them twice."""
    parts = [(int(found["n"]), int(found["of"]), file) for file in files if (found := _SHARD.search(file.stem))]
    totals, numbers = sorted({total for _, total, _ in parts}), [n for n, _, _ in parts]
    if len(totals) > 1 or len(set(numbers)) < len(numbers):
        raise _twice(files, name)
    total = totals[0]
    first = 1 if total in numbers and 0 not in numbers else 0  # some tools count from 1
    n_missing = total - len({n for n in numbers if first <= n < first + total})
    if beyond := [file.name for n, _, file in parts if not first <= n < first + total]:
        raise DataError(f"{name} has {beyond[0]}, whose number is not one of {total:,}. Fetch the files again.")
    if n_missing:
        lost = (n for n in range(first, first + total) if n not in numbers)
        named = ", ".join(_numbered(files[0], n) for n in islice(lost, _NAMED))
        more = f" and {n_missing - _NAMED:,} more" if n_missing > _NAMED else ""
        raise DataError(
            f"{name} has {len(numbers):,} of {total:,} files; missing: {named}{more}. Fetch them; to train on a part of the "
            "set, name one file in `file`."
        )


def _twice(files: list[Path], name: str) -> DataError:
    return DataError(
        f"{name} has files of several versions of the same rows, which would be read twice: "
        f"{', '.join(file.name for file in files[:_NAMED])}"
        f"{f' and {len(files) - _NAMED:,} more' if len(files) > _NAMED else ''}. Keep those of one version."
    )


def _numbered(sibling: Path, number: int) -> str:
    """The name of a file numbered together with another one; `*` for what may stand behind the numbers, which differs."""
    found = _SHARD.search(sibling.stem)
    if found is None:
        return sibling.name
    start, end = found.span("n")
    name = f"{sibling.stem[:start]}{number:0{end - start}d}{sibling.stem[end : found.end('of')]}"
    return name + ("" if found.end("of") == len(sibling.stem) else "*") + sibling.suffix
