"""The labels of benchmarks whose truth is the list of objects in an image, one by one."""

from __future__ import annotations

from benchmarks._coco import vocabulary as _vocabulary
from harness.core.evaluation import Item, LabelEdit
from harness.labels.claims import Claim


def object_claim(item: Item, field: str) -> Claim | None:
    """Whether a node of CHAIR's word list is in the image; None for any other word."""
    if _vocabulary.chair().node_of.get(field) != field:
        return None
    return Claim(item.id, field, "yes" if field in item.truth["objects"] else "no", field)


def edited_objects(item: Item, edit: LabelEdit) -> Item | None:
    """`edit.field` is a node: "flipped" puts it into the truth or takes it out; "removed" drops the item (None)."""
    if edit.new == "removed":
        return None
    if edit.new == "right":
        return item
    objects = set(item.truth["objects"]) ^ {edit.field}
    return Item(item.id, item.image, item.question, {**item.truth, "objects": sorted(objects)}, item.group)
