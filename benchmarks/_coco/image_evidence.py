"""What COCO's annotators left about the images of a benchmark: boxes, captions and the objects that these name.

Not part of any score. It is shown to reviewers of labels, and is empty where the files are missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.annotations import parse_annotations
from benchmarks._text.singular import singularize
from benchmarks._text.tokenizer import shared_tokenizer
from harness.core.digests import value_digest
from harness.core.edge.foreign import refused_as
from harness.core.edge.identifiers import identifier
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.core.plugins import Data
from harness.labels.cases import Box
from harness.labels.claims import ImageAnnotations, Named

_VERSION = 2  # raise it whenever the same files would be read differently
_KEPT = frozenset({"bus"})  # a word here, though CHAIR's singulariser makes "bu" of it


def node(name: str) -> str:
    """COCO's name for an object, by CHAIR's word list; an unknown name stays as it is."""
    return _vocabulary.chair().node_of.get(name, name)


def coco_image_annotations(
    data: Data, items: Iterable[Item], annotations: str = "coco/annotations"
) -> dict[str, ImageAnnotations]:
    """Item.image -> what instances_*.json and captions_*.json of its folder ("val2014") say of it."""
    by_folder: dict[str, set[str]] = {}
    for item in items:
        folder, _, file = item.image.rpartition("/")
        by_folder.setdefault(folder, set()).add(file)
    found: dict[str, ImageAnnotations] = {}
    for folder, files in by_folder.items():
        part = folder.rsplit("/", 1)[-1]
        names = [n for kind in ("instances", "captions") if data.has(n := f"{annotations}/{kind}_{part}.json")]
        if names:
            rows = _rows(data, names, files)
            found |= {f"{folder}/{file}": _image(row) for file, row in rows.items()}
    return found


def _rows(data: Data, names: Sequence[str], files: set[str]) -> Mapping[str, Any]:
    digests = sorted((name, data.digest(name)) for name in names)
    key = json.dumps(["images", _VERSION, _vocabulary.digest(), digests, value_digest(sorted(files))])
    with refused_as(DataError, f"{' and '.join(names)} are not of COCO's form", "Fetch them again."):
        rows: Mapping[str, Any] = data.cached(key, lambda: _read(data, names, files))
    return rows


def _read(data: Data, names: Sequence[str], files: set[str]) -> dict[str, Any]:
    """File name -> {"size": [w, h], "boxes": [[name, x, y, w, h, crowd]], "captions": [..], "named": [[caption, name, word]]}.

    Raises DataError where a file is not of COCO's form.
    """
    rows: dict[str, Any] = {}
    for name in names:
        content = parse_annotations(data, name)
        listed = (image for image in content.get("images", ()) if image.get("file_name") in files)
        by_id = {identifier(image["id"], name): image for image in listed}
        for image in by_id.values():
            row = rows.setdefault(image["file_name"], {"size": [0, 0], "boxes": [], "captions": [], "named": []})
            row["size"] = [image.get("width", 0), image.get("height", 0)]
        kinds = {identifier(c["id"], name): node(c["name"]) for c in content.get("categories", ())}
        for entry in content.get("annotations", ()):
            image = by_id.get(identifier(entry.get("image_id"), name))
            if image is not None:
                _add(rows[image["file_name"]], entry, kinds, name)
    return rows


def _add(row: dict[str, Any], entry: Mapping[str, Any], kinds: Mapping[str, str], where: str) -> None:
    if "caption" in entry:
        number = len(row["captions"])
        row["captions"].append(str(entry["caption"]))
        row["named"] += [[number, object_name, word] for object_name, word in _named_in(str(entry["caption"]))]
    elif "category_id" in entry and len(entry.get("bbox", ())) == 4:
        kind = kinds.get(identifier(entry["category_id"], where))
        row["boxes"] += [[kind, *entry["bbox"], bool(entry.get("iscrowd"))]] if kind is not None else []


def _image(row: Mapping[str, Any]) -> ImageAnnotations:
    return ImageAnnotations(
        boxes=tuple(Box(*box) for box in row["boxes"]),
        captions=tuple(row["captions"]),
        named=tuple(Named(*named) for named in row["named"]),
        width=float(row["size"][0]),
        height=float(row["size"][1]),
    )


def _named_in(caption: str) -> list[tuple[str, str]]:
    tokens = shared_tokenizer().words(caption.lower())
    words = [token if token in _KEPT else singularize(token) for token in tokens]
    return [(mention.node, mention.word) for mention in _vocabulary.chair().mentions(words)[0]]
