"""POPE's labels one by one: what reviewers may say of them, and how that changes an item.

The field is "label" for a question whose rows all agree, "label/adversarial" for one split where splits contradict each other,
and "label/adversarial/17" for the single row 17 where even one split does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks._coco.image_evidence import node
from harness.core.evaluation import Item, LabelEdit
from harness.labels.claims import Claim

_ASKED = re.compile(r"\b(?:Is|Are) there (?:an? |any )?(.+?) in the\b", re.IGNORECASE)
_OPPOSITE = {"yes": "no", "no": "yes"}
ALL = "label"


def fields(item: Item) -> list[str]:
    """The fewest fields that each have one label."""
    labels, ids = item.truth["labels"], item.truth.get("ids", {})
    if _agree(labels):
        return [ALL]
    found = []
    for split, own in labels.items():
        rows = ids.get(split, [])
        single = len(set(own)) == 1 or len(rows) != len(own)
        found += [f"{ALL}/{split}"] if single else [f"{ALL}/{split}/{row}" for row in rows]
    return found


def _agree(labels: Mapping[str, Sequence[str]]) -> bool:
    words = [label for own in labels.values() for label in own]
    return bool(words) and words.count(words[0]) == len(words)


def claim(item: Item, field: str) -> Claim | None:
    """The label behind a field; None where the item has no such row, or its rows disagree."""
    chosen = _chosen(item, field)
    labels = {label for _, _, label in chosen}
    if len(labels) != 1:
        return None
    asked = _ASKED.search(item.question)
    object_name = node(asked[1].lower()) if asked else item.question
    return Claim(item.id, field, labels.pop(), object_name, tuple(dict.fromkeys(split for split, _, _ in chosen)))


def edited(item: Item, edit: LabelEdit) -> Item | None:
    """ "flipped" turns the labels of the field round, "removed" drops them (None: no row is left), "right" keeps them."""
    if edit.new == "right":
        return item
    changed = {(split, place) for split, place, _ in _chosen(item, edit.field)}
    labels: dict[str, list[str]] = {}
    ids: dict[str, list[Any]] = {}
    for split, own in item.truth["labels"].items():
        kept = [place for place in range(len(own)) if edit.new != "removed" or (split, place) not in changed]
        if kept:
            labels[split] = [_OPPOSITE[own[p]] if (split, p) in changed else own[p] for p in kept]
            rows = item.truth.get("ids", {}).get(split, [])
            ids[split] = [rows[p] for p in kept] if len(rows) == len(own) else list(rows)
    truth: Mapping[str, Any] = {**item.truth, "labels": labels} | ({"ids": ids} if "ids" in item.truth else {})
    return Item(item.id, item.image, item.question, truth, item.group) if labels else None


def _chosen(item: Item, field: str) -> Sequence[tuple[str, int, str]]:
    """(split, place in its list, label) of the rows that a field means."""
    name, _, rest = field.partition("/")
    split, _, row = rest.partition("/")
    if name != ALL:
        return []
    ids = item.truth.get("ids", {})
    return [
        (own_split, place, label)
        for own_split, labels in item.truth["labels"].items()
        for place, label in enumerate(labels)
        if split in ("", own_split) and (not row or ids.get(own_split, [])[place : place + 1] == [row])
    ]
