"""POPE's answer files: lines of question and answer in the order of one split's questions, or with question_id.

One item stands for a question in every split that holds it; where the files answer it differently, it is taken apart into rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks._pope.files import SPLITS
from harness.core.edge.answer_form import AnswerForm, Fields, by_id
from harness.core.edge.identifiers import by_number
from harness.core.evaluation import Item


def _keys(row: Fields) -> list[str]:
    """What names the row's question, surest first: its image and question, then its id, in the split that `category` or the
    file's name tells. A name may hold a split's word for another reason: a row that repeats its question shows whether it does.
    """
    category, split = _splits_in(str(row.get("category", ""))), _section(row)
    seen = [f"{row['image']} {row.get('question', row.get('text', ''))}"] if "image" in row else []
    repeats = bool(row.get("question") or row.get("prompt"))
    bare = by_id(row) if not split or (repeats and not category) else []
    return [*(f"{split}{key}" for key in seen if split), *seen, *(f"{split}{key}" for key in by_id(row) if split), *bare]


def _section(row: Fields) -> str:
    """The split that `category`, else the file's name tells, as names begin; "" where it tells none or several."""
    told = _splits_in(str(row.get("category", ""))) or _splits_in(str(row["file"]))
    return f"{told[0]}/" if len(told) == 1 else ""


def _splits_in(text: str) -> list[str]:
    return [split for split in SPLITS if split in text]


def _names(item: Item) -> list[str]:
    """ "random/17", "17" and "random/IMAGE QUESTION" in each split, "IMAGE QUESTION" in all. The splits count their rows alike,
    so that most bare ids are several questions'."""
    ids = item.truth["ids"]
    rows = [(split, row) for split, own in ids.items() for row in own]
    once = [f"{split}/{item.id}" for split, own in ids.items() if len(own) == 1]
    return [*(f"{split}/{row}" for split, row in rows), *(row for _, row in rows), *once, item.id]


def _order(items: Sequence[Item]) -> list[str]:
    rows = [(split, row) for item in items for split, own in item.truth["ids"].items() for row in own]
    return [f"{split}/{row}" for split, row in sorted(rows, key=lambda one: (one[0], by_number(one[1])))]


def _part(item: Item, name: str) -> Item | None:
    """The row of one split that a name means."""
    labels, ids = item.truth["labels"], item.truth["ids"]
    rows = [(s, row) for s, own in ids.items() for row in own if name in (row, f"{s}/{row}", f"{s}/{item.id}")]
    if len(rows) != 1:
        return None
    split, row = rows[0]
    truth = {"labels": {split: [labels[split][ids[split].index(row)]]}, "ids": {split: [row]}}
    return replace(item, id=f"{item.id}{_ending(split, row)}", truth=truth)


def _ending(split: str, row: str) -> str:
    return f" ({split}/{row})"


def _joined(parts: Sequence[Item]) -> Item:
    """The question in every split, of the rows that it was taken apart into."""
    first = parts[0]
    rows = [(split, row) for split, own in first.truth.get("ids", {}).items() for row in own]
    if len(rows) != 1 or not first.id.endswith(_ending(*rows[0])):
        return first
    truth: dict[str, dict[str, list[Any]]] = {"labels": {}, "ids": {}}
    for part in parts:
        for kind, by_split in truth.items():
            for split, own in part.truth[kind].items():
                by_split.setdefault(split, []).extend(own)
    return replace(first, id=first.id.removesuffix(_ending(*rows[0])), truth=truth)


_APART = (
    "Say which split the answers are of: in the file's name (random.jsonl, with one split in it), in a column `category`, "
    "or by scoring one split alone: splits=[random]."
)
ANSWER_FORM = AnswerForm(
    keys=_keys,
    names=_names,
    order=_order,
    sections=[f"{split}/" for split in SPLITS],
    section=_section,
    apart=_APART,
    part=_part,
    joined=_joined,
)
