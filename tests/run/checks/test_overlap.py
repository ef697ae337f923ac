"""Images of training that a benchmark asks about are named by a dry run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.config.schema import BenchmarkConfig
from harness.run.checks.overlap import overlap_notes
from harness.run.checks.sources import Looked
from harness.run.sample_questions import Asked
from harness.storage.data_folder import DataFolder


@dataclass(frozen=True)
class Row:
    image: str
    prompt: str = "?"


def asked(name: str, *images: str) -> Asked:
    return Asked(BenchmarkConfig(name=name), len(images), (), False, (), False, frozenset(images))  # type: ignore[call-arg]


def folder(tmp_path: Path, **files: bytes) -> DataFolder:
    for name, content in files.items():
        (tmp_path / f"{name}.jpg").write_bytes(content)
    return DataFolder(tmp_path, tmp_path / "cache")


def looked(*images: str) -> Looked:
    return Looked(len(images), [Row(image) for image in images])  # type: ignore[list-item]


def test_the_same_file_and_a_copy_whose_name_ends_alike_are_named(tmp_path: Path) -> None:
    data = folder(tmp_path, COCO_val2014_000000310196=b"dog", **{"000000310196": b"dog", "b": b"cat", "c": b"cat"})
    arms = {"one": looked("000000310196.jpg", "c.jpg"), "two": looked("c.jpg"), "none": looked("000000310196.jpg")}
    found = overlap_notes(arms, [asked("pope", "COCO_val2014_000000310196.jpg", "b.jpg"), asked("chair", "c.jpg")], data)
    assert found == (
        "2 images of the pairs of one are in pope, chair too (000000310196.jpg, ...): measured on what was trained on",
        "1 image of the pairs of two is in chair too (c.jpg): measured on what was trained on",
        "1 image of the pairs of none is in pope too (000000310196.jpg): measured on what was trained on",
    )


def test_other_bytes_of_the_same_size_and_name_are_no_copy(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.jpg").write_bytes(b"cat")
    assert overlap_notes({"one": looked("train/a.jpg")}, [asked("pope", "a.jpg")], folder(tmp_path, a=b"dog")) == ()


def test_the_same_name_is_found_where_the_image_is_not_there(tmp_path: Path) -> None:
    assert len(overlap_notes({"one": looked("x.jpg")}, [asked("pope", "x.jpg")], folder(tmp_path))) == 1


def test_every_benchmark_that_asks_about_an_image_is_named(tmp_path: Path) -> None:
    found = overlap_notes(
        {"one": looked("a.jpg")}, [asked("pope", "a.jpg"), asked("chair", "a.jpg")], folder(tmp_path, a=b"dog")
    )
    assert found == ("1 image of the pairs of one is in pope, chair too (a.jpg): measured on what was trained on",)


def test_a_copy_is_found_among_images_of_the_same_size_whose_names_end_alike(tmp_path: Path) -> None:
    data = folder(tmp_path, a_7=b"dog", b_7=b"cat", own_7=b"dog")
    assert len(overlap_notes({"one": looked("own_7.jpg")}, [asked("pope", "a_7.jpg", "b_7.jpg")], data)) == 1


def test_a_copy_whose_number_has_no_zeros_in_front_is_found(tmp_path: Path) -> None:
    data = folder(tmp_path, COCO_val2014_000000310196=b"dog", **{"310196": b"dog"})
    assert overlap_notes({"one": looked("310196.jpg")}, [asked("pope", "COCO_val2014_000000310196.jpg")], data)
