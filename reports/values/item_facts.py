"""What an item asks about and what is true of it, in words, whatever its benchmark keeps in `truth`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.core.evaluation import Item

_TRUTHS = (
    "label",
    "labels",
    "answer",
    "answers",
    "reference",
    "gt_answer",
)  # keys of Item.truth worth a line, best first
_SUBJECTS = ("object", "node", "question_type", "type", "category")
_ASKED = re.compile(r"\bIs there (?:an? )?(.+?) in th", re.IGNORECASE)  # POPE's and AMBER's question form


def truth_text(item: Item) -> str:
    """The label or the reference answer, where the item has one."""
    for key in _TRUTHS:
        if words := _leaves(item.truth.get(key)):
            return words[0] if key != "labels" else " / ".join(dict.fromkeys(words))
    return ""


def _leaves(value: object) -> list[str]:
    """The texts and numbers in a value, which may be a list or a mapping (POPE: labels by split)."""
    if isinstance(value, Mapping):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list | tuple):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [str(value)] if isinstance(value, str | int | float) else []


def subject(item: Item) -> str:
    """What the item asks about: an object, or the question's type."""
    named = next((str(item.truth[key]) for key in _SUBJECTS if isinstance(item.truth.get(key), str)), "")
    asked = _ASKED.search(item.question)
    return named or (asked.group(1) if asked else "")
