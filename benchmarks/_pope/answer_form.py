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
    """The row's id in the split that its `category` or its file's name tells; the bare id where neither does."""
    told = _splits_in(str(row.get("category", ""))) or _splits_in(str(row["file"]))
    ids = [f"{told[0]}/{key}" if len(told) == 1 else key for key in by_id(row)]
    image = [f"{row['image']} {row.get('question', row.get('text', ''))}"] if "image" in row else []
    return [*ids, *image]


def _splits_in(text: str) -> list[str]:
    return [split for split in SPLITS if split in text]


def _names(item: Item) -> list[str]:
    """ "random/17" and "17" in each split. The splits count their rows alike, so that most bare ids are several questions'."""
    rows = [(split, row) for split, own in item.truth["ids"].items() for row in own]
    return [*(f"{split}/{row}" for split, row in rows), *(row for _, row in rows), item.id]


def _order(items: Sequence[Item]) -> list[str]:
    rows = [(split, row) for item in items for split, own in item.truth["ids"].items() for row in own]
    return [f"{split}/{row}" for split, row in sorted(rows, key=lambda one: (one[0], by_number(one[1])))]


def _part(item: Item, name: str) -> Item | None:
    """The row of one split that a name means."""
    labels, ids = item.truth["labels"], item.truth["ids"]
    rows = [(split, row) for split, own in ids.items() for row in own if name in (row, f"{split}/{row}")]
    if len(rows) != 1:
        return None
    split, row = rows[0]
    truth = {"labels": {split: [labels[split][ids[split].index(row)]]}, "ids": {split: [row]}}
    return replace(item, id=f"{item.id} ({split}/{row})", truth=truth)


_APART = (
    "Say which split the answers are of: in the file's name (random.jsonl, with one split in it), in a column `category`, "
    "or by scoring one split alone: splits=[random]."
)
ANSWER_FORM = AnswerForm(keys=_keys, names=_names, order=_order, apart=_APART, part=_part)
