"""Folders of parquet files and saved datasets are read from the real data folder, their training split alone."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.config import schema as config
from harness.core import registry
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.core.preference import PreferencePair
from harness.run.checks.unchanged import source_digest
from harness.storage.data_folder import DataFolder
from tests.end_to_end.conftest import SMALL

pytestmark = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
TRAIN, MORE, TEST = "train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-00000-of-00001.parquet"


def rows_of(folder: Path, file: str) -> list[dict[str, Any]]:
    """One row whose prompt is its file's name and whose image lies in it."""
    Image.new("RGB", (8, 8), "red").save(folder / "a.png")
    image = {"bytes": (folder / "a.png").read_bytes(), "path": None}
    if "formatted" in file:
        said = {side: [{"role": "assistant", "content": text}] for side, text in (("chosen", "A."), ("rejected", "B."))}
        return [{"prompt": [{"role": "user", "content": file}], **said, "images": [image]}]
    return [{"question": file, "chosen": "A cat.", "rejected": "A dog.", "image": image}]


def parquet(folder: Path, place: str, *files: str) -> None:
    import pyarrow
    import pyarrow.parquet

    for file in files:
        (folder / place / file).parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows_of(folder, f"{place}/{file}")), folder / place / file)


def saved(folder: Path, place: str, *splits: str) -> None:
    """Splits as `datasets.DatasetDict.save_to_disk` lays them out."""
    import pyarrow

    for split in splits:
        (folder / place / split).mkdir(parents=True, exist_ok=True)
        table = pyarrow.Table.from_pylist(rows_of(folder, f"{place}/{split}"))
        with pyarrow.ipc.new_stream(str(folder / place / split / "data-00000-of-00001.arrow"), table.schema) as stream:
            stream.write_table(table)


def read(folder: Path, source: str, **options: Any) -> list[PreferencePair]:
    made, data = registry.make("source", source, options), DataFolder(folder)
    pairs = list(made.pairs(data, NoModel(), 0))
    assert made.check(data, 0) == len(pairs)
    return pairs


@pytest.mark.parametrize(
    ("source", "place"), [("spa_vl", "spa_vl/data"), ("rlaif_v_formatted", "rlaif_v_formatted"), ("dataset", "dataset")]
)
def test_the_default_folder_of_a_set_is_read_its_training_split_alone(tmp_path: Path, source: str, place: str) -> None:
    parquet(tmp_path, place, MORE, TRAIN, TEST, "validation-00000-of-00001.parquet")
    pairs = read(tmp_path, source)
    assert [pair.prompt for pair in pairs] == [f"{place}/{TRAIN}", f"{place}/{MORE}"]
    assert all((tmp_path / str(pair.image)).is_file() and pair.image_digest for pair in pairs)


def test_any_source_takes_a_folder(tmp_path: Path) -> None:
    parquet(tmp_path, "rlaif", "train-00000-of-00001-5ab1f3.parquet")
    assert len(read(tmp_path, "rlaif_v", file="rlaif")) == 1


def test_a_saved_dataset_is_read_by_its_training_split(tmp_path: Path) -> None:
    saved(tmp_path, "mine", "train", "test")
    assert [pair.prompt for pair in read(tmp_path, "dataset", file="mine")] == ["mine/train"]
    assert [pair.prompt for pair in read(tmp_path, "dataset", file="mine", split="test")] == ["mine/test"]
    assert [pair.prompt for pair in read(tmp_path, "dataset", file="mine/test")] == ["mine/test"]


@pytest.mark.parametrize(
    "files", [("train/0000.parquet", "test/0000.parquet"), ("b/train.parquet", "b/test.parquet"), ("train_0.parquet", TEST)]
)
def test_splits_are_known_by_file_or_folder(tmp_path: Path, files: tuple[str, str]) -> None:
    parquet(tmp_path, "rows", *files)
    assert [pair.prompt for pair in read(tmp_path, "dataset", file="rows")] == [f"rows/{files[0]}"]


def test_a_set_of_which_files_are_missing_is_refused_with_their_names(tmp_path: Path) -> None:
    parquet(tmp_path, "spa_vl/data", *(f"train-{n:05d}-of-00008.parquet" for n in range(3)), TEST)
    missing = ", ".join(f"train-0000{n}-of-00008.parquet" for n in (3, 4, 5))
    with pytest.raises(DataError, match=f"spa_vl/data has 3 of 8 files; missing: {missing} and 2 more. Fetch them"):
        read(tmp_path, "spa_vl")
    saved(tmp_path, "mine", "train")
    (tmp_path / "mine/train/data-00000-of-00001.arrow").rename(tmp_path / "mine/train/data-00000-of-00002.arrow")
    with pytest.raises(DataError, match=r"mine has 1 of 2 files; missing: data-00001-of-00002.arrow\."):
        read(tmp_path, "dataset", file="mine")


def test_a_split_that_is_not_read_may_lack_files_and_one_file_may_be_named(tmp_path: Path) -> None:
    parquet(tmp_path, "rows", "train-00000-of-00001.parquet", "test-00001-of-00002.parquet")
    for file in ("rows", "rows/test-00001-of-00002.parquet"):
        assert len(read(tmp_path, "dataset", file=file)) == 1
    with pytest.raises(DataError, match=r"missing: test-00000-of-00002\.parquet"):
        read(tmp_path, "dataset", file="rows", split="test")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("train-00002-of-00002.parquet", "train-00000-of-00002.parquet"), "has train-00002-of-00002.parquet, whose number"),
        (("train-00000-of-00001.parquet", TRAIN, MORE), "several versions of the same rows"),
        (("train-00000-of-00001-0a.parquet", "train-00000-of-00001-0b.parquet"), "several versions of the same rows"),
        (
            ("train.parquet", "train-00000-of-00001.parquet"),
            "several versions of the same rows, which would be read twice: train.parquet",
        ),
        (("train-00000-of-00003-0a.parquet",), r"missing: train-00001-of-00003\*.parquet, train-00002-of-00003\*.parquet"),
        (("part_2_of_2.parquet",), "missing: part_1_of_2.parquet"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, files: tuple[str, ...], says: str) -> None:
    parquet(tmp_path, "rows", *files)
    with pytest.raises(DataError, match=says):
        read(tmp_path, "dataset", file="rows")


def test_files_may_be_counted_from_1(tmp_path: Path) -> None:
    parquet(tmp_path, "rows", MORE, "train-00002-of-00002.parquet")
    assert len(read(tmp_path, "dataset", file="rows")) == 2


def test_an_image_that_was_taken_out_of_a_row_and_changed_since_is_refused_by_name(tmp_path: Path) -> None:
    parquet(tmp_path, "rows", "train.parquet")
    (pair,) = read(tmp_path, "dataset", file="rows")
    assert read(tmp_path, "dataset", file="rows") == [pair]
    Image.new("RGB", (8, 8), "blue").save(tmp_path / str(pair.image))
    with pytest.raises(DataError, match=f"{pair.image} was written from an image inside rows and has been changed since"):
        read(tmp_path, "dataset", file="rows")
    (tmp_path / str(pair.image)).unlink()
    assert read(tmp_path, "dataset", file="rows") == [pair]


def test_files_without_a_split_are_read_together(tmp_path: Path) -> None:
    parquet(tmp_path, "rows", "part-0.parquet", "trainable.parquet", "x/latest.parquet")
    assert len(read(tmp_path, "dataset", file="rows")) == 3


@pytest.mark.parametrize(
    ("files", "there"),
    [
        (("test_prefs-00000-of-00001.parquet", "train_prefs-00000-of-00001.parquet"), "test_prefs, train_prefs"),
        (("train-00000-of-00001.parquet", "other.parquet"), "files without a split in their name, train"),
    ],
)
def test_several_splits_of_which_none_is_to_be_preferred_are_named(tmp_path: Path, files: Any, there: str) -> None:
    parquet(tmp_path, "rows", *files)
    with pytest.raises(DataError, match=f"rows has several splits. There are: {there}. Choose one .* `split`"):
        read(tmp_path, "dataset", file="rows")
    split = there.rpartition(" ")[2]
    assert len(read(tmp_path, "dataset", file="rows", split=split)) == 1
    with pytest.raises(DataError, match=r"rows has no split 'trian'\. There are: "):
        read(tmp_path, "dataset", file="rows", split="trian")


def test_a_file_has_no_splits(tmp_path: Path) -> None:
    parquet(tmp_path, "rows", TRAIN)
    with pytest.raises(DataError, match="is a file, and only folders have splits"):
        read(tmp_path, "dataset", file=f"rows/{TRAIN}", split="test")


def test_a_folder_without_tables_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty is a folder without \*.parquet"):
        read(tmp_path, "dataset", file="empty")
    with pytest.raises(DataError, match="nowhere is not in the data folder"):
        read(tmp_path, "dataset", file="nowhere")


def test_a_run_notices_that_rows_of_a_folder_changed(tmp_path: Path) -> None:
    parquet(tmp_path, "dataset", "train_0.parquet", TEST)
    arm = SMALL["arms"][0] | {"pairs": {"name": "dataset"}}
    study = config.parse(SMALL | {"data": str(tmp_path), "arms": [arm]})
    digests = [source_digest(study, study.arms[0], DataFolder(tmp_path))]
    for file in (TEST, "train_1.parquet"):
        parquet(tmp_path, "dataset", file)
        digests.append(source_digest(study, study.arms[0], DataFolder(tmp_path)))
    assert digests[0] and digests[0] == digests[1] != digests[2]


def test_mmpr_finds_its_folder_of_images_beside_its_meta_file(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "img" / "a.png")
    (tmp_path / "meta.json").write_text(json.dumps({"x": {"root": "img", "annotation": "x.jsonl"}}))
    row = {"image": "a.png", "question": "What?", "chosen": "A cat.", "rejected": "A dog."}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    assert [pair.image for pair in read(tmp_path, "mmpr", file="meta.json")] == ["img/a.png"]
