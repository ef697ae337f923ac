"""Classes that annotators and models confuse, and the evidence that such a mistake leaves."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from harness.labels.log_odds import Booleans, Floats
from harness.labels.suspicion.claim_table import Finding, Table

_GROUPS = """
car, truck, bus, train
bicycle, motorcycle
cup, bowl, wine glass, vase, bottle
dining table, desk, bench
chair, couch, bench, bed
fork, knife, spoon
dog, cat
sheep, cow, horse
bear, teddy bear
backpack, handbag, suitcase
tv, laptop
keyboard, laptop
cell phone, remote, mouse
microwave, oven, toaster, refrigerator
sink, toilet
orange, apple, sports ball
cake, donut, sandwich, hot dog, pizza
broccoli, potted plant, vase
carrot, banana
airplane, bird, kite
frisbee, sports ball
skis, snowboard, skateboard, surfboard
baseball bat, tennis racket
fire hydrant, parking meter
traffic light, stop sign
toothbrush, knife, scissors
tie, handbag
clock, traffic light
"""
_NONE: frozenset[str] = frozenset()
MISTAKEN = 1.5  # nats: a near class is named and has no label of its own
BESIDE = 0.3  # nats: a near class is annotated, so the label may be a matter of taste


def _neighbours() -> dict[str, frozenset[str]]:
    groups = [frozenset(line.split(", ")) for line in _GROUPS.strip().splitlines()]
    return {name: frozenset().union(*(g for g in groups if name in g)) - {name} for group in groups for name in group}


NEAR = _neighbours()


def near(table: Table) -> Finding:
    """Nats where the label may have been given to a near class, or withheld for one."""
    nats = np.zeros(len(table))
    reasons: dict[int, str] = {}
    for row, (claim, image) in enumerate(zip(table.claims, table.image_annotations, strict=True)):
        others = NEAR.get(claim.object_name, _NONE)
        labelled = {box.name for box in image.boxes}
        named = {n.object_name for n in image.named}
        mistaken, beside = others & (named - labelled), others & labelled
        if claim.label == "yes" and claim.object_name not in named and mistaken:
            nats[row] = MISTAKEN
            reasons[row] = (
                f"captions name {_either(mistaken)}, which is easily confused with {claim.object_name} and is not annotated"
            )
        elif claim.label == "no" and beside and claim.object_name not in labelled:
            nats[row] = BESIDE
            reasons[row] = f"{_either(beside)} is annotated, which is easily confused with {claim.object_name}"
    return Finding(nats, reasons)


def is_beside(table: Table) -> Booleans:
    """(N,) labels "no" beside an annotated near class: a checkpoint's yes means less there."""
    annotated = table.by_image
    return np.array(
        [claim.label == "no" and bool(NEAR.get(claim.object_name, _NONE) & annotated[claim.item_id]) for claim in table.claims],
        dtype=bool,
    )


def unlisted(table: Table) -> Floats:
    """(2, objects) labels "no" of descriptions that have no row of their own: without and with a near class annotated."""
    counts = np.zeros((2, len(table.objects)))
    if not table.evidence.free_text:
        return counts
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for claim in table.claims:
        listed[claim.item_id].add(claim.object_name)
    for item_id, annotated in table.by_image.items():
        for object_name, code in table.objects.items():
            if object_name not in listed[item_id]:
                counts[int(not NEAR.get(object_name, _NONE).isdisjoint(annotated)), code] += 1
    return counts


def _either(names: frozenset[str] | set[str]) -> str:
    return " or ".join(sorted(names))
