"""POPE's answer files: lines of question and answer in the order of one split's questions, or with question_id.

One item stands for a question in every split that holds it; where the files answer it differently, it is taken apart into rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks._files.identifiers import by_number
from benchmarks._pope.files import SPLITS
from harness.core.edge.answer_form import AnswerForm, Fields, by_id
from harness.core.evaluation import Item


def _keys(row: Fields) -> list[str]:
    """The row's id in the split that its file's name or its `category` tells, else in the only one."""
    told = f"{row['file']} {row.get('category', '')}"
    splits = [split for split in SPLITS if split in told]
    place = splits[0] if len(splits) == 1 else ""
    image = [f"{row['image']} {row.get('question', row.get('text', ''))}"] if "image" in row else []
    return [*(f"{place}/{key}" for key in by_id(row)), *by_id(row), *image]


def _names(item: Item) -> list[str]:
    """ "random/17" in each split; the bare "17" where the item is of one split alone."""
    ids = item.truth["ids"]
    alone = [row for rows in ids.values() for row in rows] if len(ids) == 1 else []
    return [*(f"{split}/{row}" for split, rows in ids.items() for row in rows), *alone, item.id]


def _order(items: Sequence[Item]) -> list[str]:
    rows = [(split, row) for item in items for split, own in item.truth["ids"].items() for row in own]
    return [f"{split}/{row}" for split, row in sorted(rows, key=lambda one: (one[0], by_number(one[1])))]


def _part(item: Item, name: str) -> Item:
    """The rows of one item that a name means: one row of one split."""
    labels, ids = item.truth["labels"], item.truth["ids"]
    split, _, row = name.rpartition("/")
    split = split if split in ids else next(iter(ids))
    place = ids[split].index(row)
    truth = {"labels": {split: [labels[split][place]]}, "ids": {split: [row]}}
    return replace(item, id=f"{item.id} ({split}/{row})", truth=truth)


ANSWER_FORM = AnswerForm(keys=_keys, names=_names, order=_order, part=_part)
