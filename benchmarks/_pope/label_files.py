"""Revised POPE files (RePOPE's and their like) <-> edits of labels. Rows are matched by question_id, never by place.

A revised file has the published file's form: rows whose label another says, rows that are missing are removed.
Neuhaus and Hein 2025, arXiv:2504.15707 (YanNeu/RePOPE, annotations/coco_repope_*.json).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from benchmarks._files.question_rows import Row, check_unique
from benchmarks._pope.labels import ALL, claim, edited
from harness.core.errors import DataError
from harness.core.evaluation import Item, LabelEdit

Outcome = str  # "right", "flipped" or "removed"


def one_each(names: Iterable[str], splits: Sequence[str]) -> dict[str, str]:
    """Split -> name of its file, by the names. Raises DataError where a name tells no split, or two files are of one."""
    files: dict[str, str] = {}
    for name in names:
        found = [split for split in splits if split in name.rsplit("/", 1)[-1]]
        if len(found) != 1:
            raise DataError(f"{name}: its name should hold one of {', '.join(splits)}, to say which split it revises.")
        if (other := files.setdefault(found[0], name)) != name:
            raise DataError(f"{other} and {name} are both of the split {found[0]}. Give one file a split, with all its rows.")
    return files


def edits_of(
    items: Iterable[Item], revised: Mapping[str, Sequence[Row]], template: LabelEdit, all_splits: bool
) -> list[LabelEdit]:
    """What the revised rows of each split say of the published items; "right" where they agree.

    all_splits: whether the items are known in every split; else each edit is of one. `template` gives benchmark, reviewer,
    reason and time. Raises DataError for a row that the items do not have.
    """
    labels = {split: _by_id(rows) for split, rows in revised.items()}
    found: list[LabelEdit] = []
    for item in items:
        found += _of_item(item, labels, template, all_splits)
    for split, rows in labels.items():
        asked = {row for item in items for row in item.truth["ids"].get(split, ())}
        stranger = next((row for number, row in rows.items() if number not in asked), None)
        if stranger is not None:
            raise DataError(
                f"{stranger.where}: the published questions of {split} have no question_id {stranger['question_id']}. "
                "Are both files of the same version, and is the benchmark asked without limit_images?"
            )
    return found


def files_of(published: Mapping[str, Sequence[Row]], items: Iterable[Item], edits: Sequence[LabelEdit]) -> dict[str, str]:
    """Split -> text of its revised file: the published rows in their order, with new labels, without the removed ones."""
    by_item: dict[str, list[LabelEdit]] = {}
    for edit in edits:
        by_item.setdefault(edit.item_id, []).append(edit)
    labels: dict[tuple[str, str], str] = {}
    for item in items:
        now: Item | None = item
        for edit in by_item.get(item.id, ()):
            now = edited(now, edit) if now is not None else None
        if now is not None:
            labels |= _labels(now)
    return {split: _lines(rows, split, labels) for split, rows in published.items()}


def _labels(item: Item) -> dict[tuple[str, str], str]:
    """(split, question_id) -> label."""
    truth = item.truth
    return {
        (split, row): label
        for split, ids in truth["ids"].items()
        for row, label in zip(ids, truth["labels"][split], strict=True)
    }


def _lines(rows: Sequence[Row], split: str, labels: Mapping[tuple[str, str], str]) -> str:
    kept = [
        (row, labels[split, row.identifier("question_id")]) for row in rows if (split, row.identifier("question_id")) in labels
    ]
    return "".join(json.dumps({**row.values, "label": label}, ensure_ascii=False) + "\n" for row, label in kept)


def _by_id(rows: Sequence[Row]) -> dict[str, Row]:
    check_unique(rows, "question_id")
    return {row.identifier("question_id"): row for row in rows}


def _of_item(item: Item, revised: Mapping[str, Mapping[str, Row]], template: LabelEdit, all_splits: bool) -> list[LabelEdit]:
    """One edit where all rows of the item fare alike, else one a split, else one a row."""
    outcomes = {
        f"{ALL}/{split}/{row}": _fate(item, split, row, label, revised[split])
        for split, ids in item.truth["ids"].items()
        if split in revised
        for row, label in zip(ids, item.truth["labels"][split], strict=True)
    }
    whole = {ALL} if all_splits and set(item.truth["ids"]) <= set(revised) else set()
    for fields in (whole, {f"{ALL}/{split}" for split in item.truth["ids"] if split in revised}, set(outcomes)):
        by_field = {
            field: {outcome for row, outcome in outcomes.items() if f"{row}/".startswith(f"{field}/")} for field in fields
        }
        claims = {field: claim(item, field) for field in fields}
        if fields and all(len(t) == 1 for t in by_field.values()) and all(claims.values()):
            return [_edit(item, f, c.label, by_field[f].pop(), template) for f, c in sorted(claims.items()) if c is not None]
    return []


def _fate(item: Item, split: str, number: str, label: str, revised: Mapping[str, Row]) -> Outcome:
    row = revised.get(number)
    if row is None:
        return "removed"
    if row.text("text") != item.question or row.text("image").rsplit("/", 1)[-1] != item.image.rsplit("/", 1)[-1]:
        raise DataError(
            f"{row.where}: question_id {number} of {split} asks {row.text('text')!r} about {row.text('image')}; the published "
            f"row asks {item.question!r} about {item.image}. Are both files of the same version?"
        )
    new = row.text("label").strip().lower()
    if new not in ("yes", "no"):
        raise DataError(f"{row.where}: the label is {row['label']!r}; POPE's labels are yes and no. Correct that line.")
    return "right" if new == label else "flipped"


def _edit(item: Item, field: str, old: str, new: Outcome, template: LabelEdit) -> LabelEdit:
    return LabelEdit(template.benchmark, item.id, field, old, new, template.reviewer, template.reason, template.at)
