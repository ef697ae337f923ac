"""Labels that other labels contradict: between splits, between benchmarks, and against the instances themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from harness.labels.claims import Evidence
from harness.labels.suspicion.claim_table import Finding, Table

CONTRADICTED = 3.0  # nats: of two labels that contradict each other one is wrong
Elsewhere = dict[tuple[str, str], set[tuple[str, str]]]  # (image's file name, thing) -> (benchmark, label)


def contradictions(table: Table, others: Sequence[Evidence]) -> Finding:
    """Nats where one item, another benchmark or an annotated instance says the opposite of the label."""
    within, elsewhere = _within(table), _elsewhere(others)
    nats = np.zeros(len(table))
    reasons: dict[int, str] = {}
    for row, claim in enumerate(table.claims):
        annotations = table.image_annotations[row]
        found = []
        if len(within[claim.item_id, claim.thing]) > 1:
            found.append("its own splits contradict each other")
        place = (_file(table.items[claim.item_id].image), claim.thing)
        told = claim.thing in {n.thing for n in annotations.named}  # a caption-based truth says no more than the captions do
        found += [
            f"{name} says {label}"
            for name, label in sorted(elsewhere.get(place, ()))
            if label != claim.label and not (label == "yes" and told)
        ]
        annotated = any(box.name == claim.thing for box in annotations.boxes)
        if annotations.boxes and not table.evidence.free_text and annotated != (claim.label == "yes"):
            found.append("an instance of it is annotated" if annotated else "no instance of it is annotated")
        if found:
            nats[row] = CONTRADICTED
            reasons[row] = "; ".join(found)
    return Finding(nats, reasons)


def _within(table: Table) -> dict[tuple[str, str], set[str]]:
    labels: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for claim in table.claims:
        labels[claim.item_id, claim.thing].add(claim.label)
    return labels


def _elsewhere(others: Sequence[Evidence]) -> Elsewhere:
    """Spoken and, where a benchmark labels everything it does not list as absent, unspoken labels."""
    labels: Elsewhere = defaultdict(set)
    for evidence in others:
        images = {item.id: _file(item.image) for item in evidence.items}
        for claim in evidence.claims:
            labels[images[claim.item_id], claim.thing].add((evidence.benchmark, claim.label))
    return labels


def _file(image: str) -> str:
    return image.rsplit("/", 1)[-1]
