"""Labels whose instances are hard to see: tiny, crowds only, hidden behind others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from harness.labels.cases import Box
from harness.labels.claims import ImageAnnotations
from harness.labels.suspicion.claim_table import Finding, Table

TINY = 0.0033  # share of the image: COCO's "small" is 32 x 32 px, a 300th of 640 x 480
HIDDEN = 0.8  # share of its box that lies inside one larger box of another object
DOUBT = 0.5  # nats for each: a guess, small enough that it only orders what is otherwise alike


def instances(table: Table) -> Finding:
    """Half a nat for each trouble of a "yes" whose every instance has it."""
    nats = np.zeros(len(table))
    reasons: dict[int, str] = {}
    for row in np.flatnonzero(table.is_yes).tolist():
        found = _troubles(table, row)
        nats[row] = DOUBT * len(found)
        if found:
            reasons[row] = "; ".join(found)
    return Finding(nats, reasons)


def is_hard(table: Table) -> NDArray[np.bool_]:
    """(N,) True where all instances behind a "yes" are hard to see: a checkpoint's no means less there."""
    return np.array([yes and bool(_troubles(table, row)) for row, yes in enumerate(table.is_yes.tolist())], dtype=bool)


def _troubles(table: Table, row: int) -> list[str]:
    image, object_name = table.image_annotations[row], table.claims[row].object_name
    own = [box for box in image.boxes if box.name == object_name]
    if not own:
        return []
    found = []
    single = [box for box in own if not box.crowd]
    if not single:
        found.append("only a crowd region is annotated")
    largest = max(single or own, key=_area)
    share = _area(largest) / (image.width * image.height) if image.width and image.height else 1.0
    if share < TINY:
        found.append(f"its largest instance is {largest.width:.0f} x {largest.height:.0f} px, {share:.1%} of the image")
    hidden = [_hidden_behind(box, image) for box in single]
    if hidden and all(hidden):
        found.append(f"its box lies almost wholly inside that of {hidden[0]}")
    return found


def _hidden_behind(box: Box, image: ImageAnnotations) -> str:
    """Name of a larger object whose box covers this one, or ""."""
    others: Iterable[Box] = (b for b in image.boxes if b.name != box.name and _area(b) > _area(box) and not b.crowd)
    return next((other.name for other in others if _covered(box, other) >= HIDDEN * max(_area(box), 1e-9)), "")


def _area(box: Box) -> float:
    return box.width * box.height


def _covered(box: Box, other: Box) -> float:
    width = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
    height = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
    return max(0.0, width) * max(0.0, height)
