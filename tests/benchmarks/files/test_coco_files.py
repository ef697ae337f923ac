"""COCO's annotations and lists of its images: half a truth is refused, and every published form of a list is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.chair import Chair
from benchmarks.object_halbench import ObjectHalbench
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import put, put_coco


def changed(folder: DataFolder, kind: str, change: Callable[[dict[str, Any]], object], split: str = "val") -> None:
    path = folder.folder / f"coco/annotations/{kind}_{split}2014.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(("kind", "message"), [
    ("instances", "captions_val2014.json lists 2 images and coco/annotations/instances_val2014.json 1; 1 of the former"),
    ("captions", "instances_val2014.json lists 2 images and coco/annotations/captions_val2014.json 1; 1 of the former"),
])  # fmt: skip
@pytest.mark.parametrize("benchmark", [Chair(), ObjectHalbench(describe=2)])
def test_a_split_whose_files_list_different_images_is_refused(
    kind: str, message: str, benchmark: Any, folder: DataFolder
) -> None:
    put_coco(folder, {1: ["dog"], 2: []}, {1: ["a dog"], 2: []})
    assert len(benchmark.load(folder)) == 2
    changed(folder, kind, lambda content: content["images"].pop())
    with pytest.raises(DataError, match=f"{message} are not in the latter, image 2 first"):
        benchmark.load(folder)


def test_the_other_split_is_read_where_it_has_both_of_its_files(folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"]}, {1: ["a dog"]})
    for kind in ("instances", "captions"):
        text = (folder.folder / f"coco/annotations/{kind}_val2014.json").read_text().replace("val2014", "train2014")
        text = text.replace('"image_id": 1', '"image_id": 7').replace('[{"id": 1, "file', '[{"id": 7, "file')
        put(folder, f"coco/annotations/{kind}_train2014.json", text)
        assert [item.id for item in Chair().known(folder)] == (["1"] if kind == "instances" else ["7", "1"])


def test_two_categories_of_one_id_are_refused(folder: DataFolder) -> None:
    put_coco(folder, {1: ["cat", "dog"]}, {1: ["a dog"]})
    changed(folder, "instances", lambda content: content["categories"].append({"id": 0, "name": "dog"}))
    with pytest.raises(DataError, match="instances_val2014.json: the categories cat and dog have the same id 0"):
        Chair().load(folder)


CAPTIONS = {"2": {"image_id": 2, "caption": "A cat."}, "1": {"image_id": 1, "caption": "A dog."}}


@pytest.mark.parametrize("form", [
    json.dumps({"overall": {}, "imgToEval": CAPTIONS}),
    json.dumps({"overall": {}, "imgToEval": CAPTIONS}, indent=1),
    json.dumps({"imgToEval": {number: {"caption": ""} for number in CAPTIONS}}),
    json.dumps({"images": [{"id": 2, "file_name": "x.jpg"}, {"id": 1}], "annotations": []}),
])  # fmt: skip
def test_chairs_own_caption_file_and_one_of_cocos_form_are_image_lists(form: str, folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"], 2: ["cat"], 3: []}, {})
    put(folder, "list.json", form)
    assert [item.id for item in Chair(images="list.json").load(folder)] == ["2", "1"]


def test_an_object_of_another_form_is_no_image_list(folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"]}, {})
    put(folder, "list.json", {"captions": ["A dog."]})
    with pytest.raises(DataError, match="list.json is not an image list: it has captions. Give one id or file name a line"):
        Chair(images="list.json").load(folder)


def test_images_that_a_list_repeats_are_counted_in_the_protocol(folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"], 2: ["cat"]}, {})
    put(folder, "list.txt", "2\n1\n002\n")
    chair = Chair(images="list.txt")
    assert [item.id for item in chair.load(folder)] == ["2", "1"]
    assert chair.facts()["rows that repeat another"] == "1 of 3 of the image list; each image is asked about once"
    put(folder, "list.txt", "2\n1\n")
    chair.load(folder)
    assert "rows that repeat another" not in chair.facts()
