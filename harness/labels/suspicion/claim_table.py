"""The labels of one benchmark as a table: one row a claim, codes for its object, and the labels that checkpoints imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Item
from harness.labels.cases import about
from harness.labels.claims import Claim, Evidence, ImageAnnotations, Witness
from harness.labels.log_odds import Codes, Floats

NO_ANNOTATIONS = ImageAnnotations()


@dataclass(frozen=True, eq=False)
class Table:
    """Evidence and witnesses, with N = len(claims) rows."""

    evidence: Evidence
    witnesses: tuple[Witness, ...]

    def __len__(self) -> int:
        return len(self.claims)

    @property
    def claims(self) -> Sequence[Claim]:
        return self.evidence.claims

    @cached_property
    def items(self) -> dict[str, Item]:
        return {item.id: item for item in self.evidence.items}

    @cached_property
    def about(self) -> dict[str, str]:
        """Item id -> which question its labels are of (`about`)."""
        return {item.id: about(item, "", self.evidence.free_text) for item in self.evidence.items}

    @cached_property
    def objects(self) -> dict[str, int]:
        return {object_name: code for code, object_name in enumerate(dict.fromkeys(claim.object_name for claim in self.claims))}

    @cached_property
    def object_codes(self) -> Codes:
        return np.array([self.objects[claim.object_name] for claim in self.claims], dtype=np.intp)

    @cached_property
    def is_yes(self) -> NDArray[np.bool_]:
        return np.array([claim.label == "yes" for claim in self.claims], dtype=bool)

    @cached_property
    def image_annotations(self) -> list[ImageAnnotations]:
        found, items = self.evidence.image_annotations, self.items
        return [found.get(items[claim.item_id].image, NO_ANNOTATIONS) for claim in self.claims]

    @cached_property
    def by_image(self) -> dict[str, set[str]]:
        """Item id -> objects that are annotated in its image."""
        return {
            i.id: {box.name for box in self.evidence.image_annotations.get(i.image, NO_ANNOTATIONS).boxes}
            for i in self.evidence.items
        }


@dataclass(frozen=True, eq=False)
class Finding:
    """One kind of evidence for every row: nats against the label, and the reason in words where there is one.

    `model_evidence`: its reasons reveal answers of checkpoints, so a reviewer sees them only after a judgement of their own.
    """

    nats: Floats
    reasons: dict[int, str]
    model_evidence: bool = False


def nothing(table: Table) -> Finding:
    return Finding(np.zeros(len(table)), {})
