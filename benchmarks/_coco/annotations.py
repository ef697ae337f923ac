"""COCO annotations: which objects are in which image, from instances and from the reference captions.

The truth of CHAIR and Object HalBench: names of all instances (crowds and any size included) and the vocabulary words
of the five captions. Reading the official files takes a minute; the result (a few MB) is kept by their digests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks._files.question_rows import inside
from harness.core.edge.files import parse_json
from harness.core.edge.foreign import refused_as
from harness.core.edge.identifiers import ListedFiles, by_number, identifier
from harness.core.errors import DataError
from harness.core.plugins import Data

SPLITS = ("train", "val")
_SEVERAL = 8  # images; fewer are somebody's sample
_Annotation = tuple[Any, str, Iterable[str]]  # its id, its image's id, nodes


@dataclass(frozen=True)
class Truth:
    """`files`: image id -> "val2014/COCO_val2014_....jpg"; `objects`: image id -> node names, sorted. Ids as text."""

    files: Mapping[str, str]
    objects: Mapping[str, list[str]]
    sources: Mapping[str, str]  # annotation file -> sha256

    def ids_in(self, folder: str) -> list[str]:
        """Image ids of one folder ("val2014"), ascending."""
        return sorted((n for n, file in self.files.items() if file.startswith(f"{folder}/")), key=by_number)

    def id_of(self, image: str) -> str | None:
        """The image id for an id or the name of a file; None where the annotations have no such image."""
        number = identifier(image, "") if image.strip() else ""
        return number if number in self.files else self.id_of_file(image)

    def id_of_file(self, path: str) -> str | None:
        """The image id for a file, by its name and folder; numbers count in COCO's names only."""
        return self._listed.meant(path)

    @cached_property
    def _listed(self) -> ListedFiles:
        return ListedFiles.by_id(
            {number: (file.partition("/")[2], file.partition("/")[0]) for number, file in self.files.items()}
        )


def read_truth(
    data: Data,
    folder: str,
    year: str,
    split: str,
    node_of: Mapping[str, str],
    nodes_in: Callable[[str], Iterable[str]],
    rules: str,
    alone: bool = False,
) -> Truth:
    """Read instances_ and captions_ of `split`, and of the other where both exist. `alone`: of `split` only.

    `node_of`: category name -> node; `nodes_in`: caption -> nodes; `rules` names how captions are read (cache key).
    """
    names = _names(data, folder, year, split, alone)
    sources = {name: data.digest(name) for name in names}
    key = json.dumps(["coco truth 4", rules, sorted(sources.items())])
    with refused_as(DataError, f"The annotations in {folder} are not of COCO's form", "Fetch them again."):
        made = data.cached(key, lambda: _read(data, names, node_of, nodes_in))
    return Truth(made["files"], made["objects"], sources)


def _names(data: Data, folder: str, year: str, split: str, alone: bool) -> list[str]:
    needed = [f"{folder}/{kind}_{split}{year}.json" for kind in ("instances", "captions")]
    for name in needed:
        data.path(name)  # DataError says how to get it
    others = [f"{folder}/{kind}_{s}{year}.json" for kind in ("instances", "captions") for s in SPLITS if s != split]
    return needed if alone or not all(map(data.has, others)) else needed + others


def _read(
    data: Data,
    names: Iterable[str],
    node_of: Mapping[str, str],
    nodes_in: Callable[[str], Iterable[str]],
) -> dict[str, Any]:
    files: dict[str, str] = {}
    objects: dict[str, set[str]] = {}
    listed: dict[str, tuple[str, Collection[str]]] = {}
    for name in names:
        content = parse_annotations(data, name)
        images = _files(content, name)
        folder = name.rsplit("_", 1)[-1].removesuffix(".json")
        for number, file in images.items():
            _claim(files, number, f"{folder}/{file}", name)
        read = _instances(content, name, node_of) if "/instances_" in f"/{name}" else _captions(content, name, nodes_in)
        _join(name, read, images, objects)
        _check_same_images(*listed.setdefault(folder, (name, images)), name, images)
    return {"files": files, "objects": {n: sorted(nodes) for n, nodes in objects.items()}}


def _check_same_images(first: str, listed: Collection[str], name: str, images: Collection[str]) -> None:
    """Raises DataError where the instances and the captions of a split list different images: half of the truth of an image
    that is in one file alone is missing, and what a description rightly names would count as invented."""
    for has, own, lacks, others in ((first, listed, name, images), (name, images, first, listed)):
        if alone := [number for number in own if number not in others]:
            raise DataError(
                f"{has} lists {len(own):,} images and {lacks} {len(others):,}; {len(alone):,} of the former are not in the "
                f"latter, image {alone[0]} first. Fetch both again, or list the same images in both."
            )


def _files(content: Any, name: str) -> dict[str, Any]:
    """Image id -> file name. Raises DataError where two images have one id: the objects of both would be one image's."""
    found: dict[str, Any] = {}
    for image in _list(content, "images", name):
        number, file = (
            identifier(_field(image, "id", name, "images"), f"{name}, images"),
            inside(str(_field(image, "file_name", name, "images")), f"{name}, images"),
        )
        _claim(found, number, file, name)
    return found


def _claim(known: dict[str, Any], number: str, own: Any, name: str, what: str = "images") -> None:  # Any: a JSON value
    if known.setdefault(number, own) != own:
        raise DataError(f"{name}: the {what} {known[number]} and {own} have the same id {number}. Fetch the file again.")


def _join(
    name: str, read: Iterable[tuple[Any, str, Iterable[str]]], images: Collection[str], objects: dict[str, set[str]]
) -> None:
    """Put the nodes of each annotation to its image. Raises DataError, with counts, where annotations belong to none."""
    lost, total = list[tuple[Any, str]](), 0
    for number, image_id, nodes in read:
        total += 1
        if image_id in images:
            objects.setdefault(image_id, set()).update(nodes)
        else:
            lost.append((number, image_id))
    if not total and len(images) >= _SEVERAL:
        raise DataError(f"{name} has no annotation: every object would count as invented. Fetch the file again.")
    if lost:
        raise DataError(
            f"{name}: {len(lost):,} of {total:,} annotations belong to images that are not in the file's list of images; "
            f"annotation {lost[0][0]} belongs to image {lost[0][1]}. Fetch the file again or remove them."
        )


def _instances(content: Any, name: str, node_of: Mapping[str, str]) -> Iterable[_Annotation]:
    category: dict[str, tuple[str]] = {}
    names: dict[str, Any] = {}
    for entry in _list(content, "categories", name):
        label = _field(entry, "name", name, "categories")
        if label not in node_of:
            raise DataError(f"{name}: category {label!r} is not one of COCO's 80; CHAIR cannot judge it. Remove or rename it.")
        number = identifier(_field(entry, "id", name, "categories"), f"{name}, categories")
        _claim(names, number, label, name, "categories")
        category[number] = (node_of[label],)
    for entry in _list(content, "annotations", name):
        kind = identifier(_field(entry, "category_id", name, "annotations"), f"{name}, annotations")
        if kind not in category:
            raise DataError(f"{name}: annotation {entry.get('id')} has the unknown category {kind}. Fetch the file again.")
        yield entry.get("id"), _image_id(entry, name), category[kind]


def _captions(content: Any, name: str, nodes_in: Callable[[str], Iterable[str]]) -> Iterable[_Annotation]:
    for entry in _list(content, "annotations", name):
        caption = _field(entry, "caption", name, "annotations")
        if not isinstance(caption, str):
            raise DataError(f"{name}: the caption of annotation {entry.get('id')} is not text. Fetch the file again.")
        yield entry.get("id"), _image_id(entry, name), nodes_in(caption)


def _image_id(entry: Any, name: str) -> str:  # Any: a JSON value
    return identifier(_field(entry, "image_id", name, "annotations"), f"{name}, annotations")


def parse_annotations(data: Data, name: str) -> Any:  # Any: a JSON value
    return parse_json(data.read_text(name), name, "Fetch the file again.")


def _list(content: Any, key: str, name: str) -> list[Any]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError(f"{name} has no list {key!r}; it is not a COCO annotation file. Fetch it again.")
    return entries


def _field(entry: Any, key: str, name: str, part: str) -> Any:  # Any: a JSON value
    if not isinstance(entry, dict) or key not in entry:
        raise DataError(f"{name}: an entry of {part!r} has no {key!r}: {json.dumps(entry)[:100]}. Fetch the file again.")
    return entry[key]
