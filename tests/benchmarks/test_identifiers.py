"""One image is one image, whatever type its id has in which file; what does not match is an error with counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks._coco.image_evidence import coco_image_annotations
from benchmarks.chair import Chair
from benchmarks.judges.annotations import Annotations
from benchmarks.llava_bench import LlavaBench
from harness.core.edge.identifiers import identifier
from harness.core.errors import DataError, JudgeError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import Replies, put


def coco(folder: DataFolder, image: Any, named: Any, category: Any = 1, kind: Any = 1) -> None:
    """An image with a dog: its id in the list of images, and in the annotations."""
    images = [{"id": image, "file_name": "COCO_val2014_000000000001.jpg", "width": 9, "height": 9}]
    box = {"id": 5, "image_id": named, "category_id": kind, "bbox": [0, 0, 1, 1]}
    boxes = {"images": images, "annotations": [box], "categories": [{"id": category, "name": "dog"}]}
    put(folder, "coco/annotations/instances_val2014.json", json.dumps(boxes))
    put(folder, "coco/annotations/captions_val2014.json",
        json.dumps({"images": images, "annotations": [{"id": 6, "image_id": named, "caption": "A cat."}]}))  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.0, "1"), ("1", "1"), (" 001 ", "1"), ("1.0", "1"), (0, "0"), ("a7", "a7")]
)
def test_an_id_is_one_text(value: object, text: str) -> None:
    assert identifier(value, "f") == text


@pytest.mark.parametrize("value", [None, True, 1.5, "", "  ", [1], {}, float("nan"), float("inf")])
def test_what_names_nothing_is_no_id(value: object) -> None:
    with pytest.raises(DataError, match="file, images: .* is not an id"):
        identifier(value, "file, images")


@pytest.mark.parametrize(("image", "named"), [(1, 1.0), (1.0, 1), ("1", 1), (1, "1"), (1, "000000000001"), ("one", "one")])
@pytest.mark.parametrize(("category", "kind"), [(1, 1), (1, 1.0), ("1", 1)])
def test_objects_and_captions_come_to_their_image(folder: DataFolder, image: Any, named: Any, category: Any, kind: Any) -> None:
    coco(folder, image, named, category, kind)
    (item,) = Chair().load(folder)
    assert item.truth["objects"] == ["cat", "dog"]
    (found,) = coco_image_annotations(folder, [item]).values()
    assert [box.name for box in found.boxes] == ["dog"] and found.captions == ("A cat.",)


def test_annotations_of_no_image_are_an_error_with_counts(folder: DataFolder) -> None:
    coco(folder, 1, 2)
    with pytest.raises(DataError, match="1 of 1 annotations belong to images that are not in the file's list"):
        Chair().load(folder)


@pytest.mark.parametrize("other", [1, 1.0, "001"])
def test_two_images_of_one_id_are_an_error(folder: DataFolder, other: Any) -> None:
    coco(folder, 1, 1)
    path = folder.path("coco/annotations/instances_val2014.json")
    content = json.loads(path.read_text())
    content["images"].append({"id": other, "file_name": "COCO_val2014_000000000002.jpg"})
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"COCO_val2014_000000000001.jpg and COCO_val2014_000000000002.jpg have the same id 1"):
        Chair().load(folder)


def test_captions_that_give_an_id_to_another_image_are_an_error(folder: DataFolder) -> None:
    coco(folder, 1, 1)
    path = folder.path("coco/annotations/captions_val2014.json")
    path.write_text(path.read_text().replace("000000000001.jpg", "000000000009.jpg"))
    with pytest.raises(DataError, match="captions_val2014.json: the images .*1.jpg and .*9.jpg have the same id 1"):
        Chair().load(folder)


@pytest.mark.parametrize("kind", ["instances", "captions"])
def test_a_file_without_annotations_is_an_error_rather_than_images_without_objects(folder: DataFolder, kind: str) -> None:
    coco(folder, 1, 1)
    path = folder.path(f"coco/annotations/{kind}_val2014.json")
    images = [{"id": n, "file_name": f"COCO_val2014_{n:012d}.jpg"} for n in range(1, 9)]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"images": images, "annotations": []}))
    with pytest.raises(DataError, match=f"{kind}_val2014.json has no annotation"):
        Chair().load(folder)


def test_an_image_list_may_name_images_by_number_text_or_file(folder: DataFolder) -> None:
    coco(folder, 1, 1)
    for line in ("1", "000000000001", "COCO_val2014_000000000001.jpg", '{"image_id": 1.0}', '{"image_id": "1"}'):
        put(folder, "list.txt", line)
        assert [item.id for item in Chair(images="list.txt").load(folder)] == ["1"]


def test_files_that_belong_together_are_joined_by_ids_of_any_type(folder: DataFolder) -> None:
    put(folder, "llava_bench/questions.jsonl", [{"question_id": 0.0, "image": "1.jpg", "category": "conv", "text": "Q?"}])
    put(folder, "llava_bench/answers_gpt4.jsonl", [{"question_id": "0", "text": "A dog."}])
    put(folder, "llava_bench/context.jsonl", [{"image": "1.jpg", "caption": "A dog."}])
    (item,) = LlavaBench(Replies()).load(folder)
    assert isinstance(item, Item) and (item.id, item.truth["reference"]) == ("0", "A dog.")


def own_coco(folder: DataFolder, split: str, files: dict[int, str]) -> None:
    """Images of one object each: a cat, a dog and a car, by turns."""
    names = ("cat", "dog", "car")
    images = [{"id": own, "file_name": name} for own, name in files.items()]
    boxes = [{"id": n, "image_id": own, "category_id": n % 3} for n, own in enumerate(files)]
    categories = [{"id": n, "name": name} for n, name in enumerate(names)]
    value = {"images": images, "annotations": boxes, "categories": categories}
    put(folder, f"coco/annotations/instances_{split}2014.json", json.dumps(value))
    said = [{"id": n, "image_id": own, "caption": f"A {names[n % 3]}."} for n, own in enumerate(files)]
    put(folder, f"coco/annotations/captions_{split}2014.json", json.dumps({"images": images, "annotations": said}))


FROM_ZERO = {0: "photo_1.png", 1: "photo_2.png", 2: "photo_3.png"}


def test_numbers_in_names_of_files_are_not_ids(folder: DataFolder) -> None:
    own_coco(folder, "val", FROM_ZERO)
    for line in ("photo_2.png", "val2014/photo_2.png", '{"image": "coco/val2014/photo_2.png"}', "1"):
        put(folder, "list.txt", line)
        (item,) = Chair(images="list.txt").load(folder)
        assert (item.image, item.truth["objects"]) == ("coco/val2014/photo_2.png", ["dog"])
    put(folder, "list.txt", "photo_0.png")
    with pytest.raises(DataError, match="'photo_0.png' is not an image of the annotation file"):
        Chair(images="list.txt").load(folder)


@pytest.mark.parametrize("number", [1, 3])
def test_coco_s_names_mean_the_file_of_that_number_whatever_its_id(folder: DataFolder, number: int) -> None:
    own_coco(folder, "val", {n - 1: f"COCO_val2014_{n:012d}.jpg" for n in (1, 2, 3)})
    put(folder, "list.txt", f"{number:012d}.jpg")
    (item,) = Chair(images="list.txt").load(folder)
    assert item.image.endswith(f"{number:012d}.jpg")


def test_a_name_that_two_folders_have_means_neither_by_itself(folder: DataFolder) -> None:
    own_coco(folder, "val", {1: "a/1.png", 2: "b/1.png"})
    put(folder, "list.txt", "b/1.png")
    assert [item.truth["objects"] for item in Chair(images="list.txt").load(folder)] == [["dog"]]
    put(folder, "list.txt", "1.png")
    with pytest.raises(DataError, match="not an image"):
        Chair(images="list.txt").load(folder)


def test_the_annotator_knows_images_by_file_and_folder(folder: DataFolder) -> None:
    own_coco(folder, "train", {10: "photo_11.png", 11: "photo_12.png", 12: "11.jpg", 9: "COCO_train2014_000000000009.jpg"})
    judge = Annotations(folder)
    for image, said in (
        ("coco/train2014/photo_11.png", "cat"),
        ("coco/train2014/photo_12.png", "dog"),
        ("x/000000000009.jpg", "cat"),
    ):
        assert judge.rate("Describe it.", f"There is a {said}.", {}, folder.folder / image).value == 1.0
    for image in ("VG_100K/11.jpg", "textvqa/train_images/0000012.jpg", "photos/photo_11.png"):
        with pytest.raises(JudgeError, match="does not know the image .* lie in a folder train2014"):
            judge.rate("Describe it.", "There is a dog.", {}, folder.folder / image)
