"""Labels that other labels contradict: between splits, between benchmarks, and against the instances themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from harness.labels.claims import Evidence
from harness.labels.suspicion.claim_table import Finding, Table

CONTRADICTED = 3.0  # nats: of two labels that contradict each other one is wrong
Elsewhere = dict[tuple[str, str], set[tuple[str, str]]]  # (image's file name, object) -> (benchmark, label)


def contradictions(table: Table, others: Sequence[Evidence]) -> Finding:
    """Nats where one item, another benchmark or an annotated instance contradicts the label."""
    within, elsewhere = _within(table), _elsewhere(others)
    nats = np.zeros(len(table))
    reasons: dict[int, str] = {}
    for row, claim in enumerate(table.claims):
        annotations = table.image_annotations[row]
        found = []
        if len(within[claim.item_id, claim.object_name]) > 1:
            found.append("its own splits contradict each other")
        image_object = (_file(table.items[claim.item_id].image), claim.object_name)
        # a truth that was made from the captions adds nothing to them
        in_captions = claim.object_name in {n.object_name for n in annotations.named}
        found += [
            f"{name} says {label}"
            for name, label in sorted(elsewhere.get(image_object, ()))
            if label != claim.label and not (label == "yes" and in_captions)
        ]
        annotated = any(box.name == claim.object_name for box in annotations.boxes)
        if annotations.boxes and not table.evidence.free_text and annotated != (claim.label == "yes"):
            found.append("an instance of it is annotated" if annotated else "no instance of it is annotated")
        if found:
            nats[row] = CONTRADICTED
            reasons[row] = "; ".join(found)
    return Finding(nats, reasons)


def _within(table: Table) -> dict[tuple[str, str], set[str]]:
    labels: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for claim in table.claims:
        labels[claim.item_id, claim.object_name].add(claim.label)
    return labels


def _elsewhere(others: Sequence[Evidence]) -> Elsewhere:
    """Explicit and, where a benchmark labels everything it does not list as absent, implicit labels."""
    labels: Elsewhere = defaultdict(set)
    for evidence in others:
        images = {item.id: _file(item.image) for item in evidence.items}
        for claim in evidence.claims:
            labels[images[claim.item_id], claim.object_name].add((evidence.benchmark, claim.label))
    return labels


def _file(image: str) -> str:
    return image.rsplit("/", 1)[-1]
