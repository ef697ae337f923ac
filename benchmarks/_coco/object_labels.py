"""Label audits of benchmarks whose truth is the list of objects in an image, one by one.

An item's truth has {"objects": [node, ...]}: COCO's names ("dining table"). Fields: these nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.image_evidence import coco_image_annotations
from harness.core.evaluation import Item, LabelEdit
from harness.core.plugins import Data
from harness.labels.claims import Claim, ImageAnnotations

NONE_TRUE = "no image has any of the 80 objects"  # why a recall is unknown


class ObjectLabels:
    """What `Auditable` asks for, but for what an answer implies; `annotations` is the folder of COCO's files."""

    free_text = True
    annotations: str

    def fields(self, item: Item) -> Sequence[str]:
        return list(item.truth["objects"])

    def claim(self, item: Item, field: str) -> Claim | None:
        """Whether a node of CHAIR's word list is in the image; None for any other word."""
        if _vocabulary.chair().node_of.get(field) != field:
            return None
        return Claim(item.id, field, "yes" if field in item.truth["objects"] else "no", field)

    def image_annotations(self, data: Data, items: Sequence[Item]) -> Mapping[str, ImageAnnotations]:
        return coco_image_annotations(data, items, self.annotations)

    def edited(self, item: Item, edit: LabelEdit) -> Item | None:
        """`edit.field` is a node: "flipped" puts it into the truth or takes it out; "removed" drops the item (None)."""
        if edit.new == "removed":
            return None
        if edit.new == "right":
            return item
        objects = set(item.truth["objects"]) ^ {edit.field}
        return Item(item.id, item.image, item.question, {**item.truth, "objects": sorted(objects)}, item.group)
