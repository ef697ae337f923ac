"""Labels that files of answers state beside them, held against those that the answers are scored against.

Only yes against no, and letters of options against each other: both sides must be one of these. What else a file calls the
answer (a text, a number, another coding) may say the same in other words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.core.evaluation import Item
from harness.core.run_record import OTHER_LABELS

_YES_NO = ("yes", "no")


def label_of(item: Item) -> str:
    """The one label of an item, "yes", "no" or a letter; "" where it has none of these, or several."""
    truth = item.truth
    own = [truth.get("label"), truth.get("answer") if "options" in truth else None]
    if isinstance(splits := truth.get("labels"), Mapping):
        own += [label for labels in splits.values() for label in (labels if isinstance(labels, list) else [labels])]
    labels = {bare(label) for label in own if label is not None}
    return labels.pop() if len(labels) == 1 else ""


def bare(label: object) -> str:
    """ "yes", "no" or a capital letter ("(b)", "B." are "B"); "" for anything else."""
    text = label.strip().strip("().").lower() if isinstance(label, str) else ""
    return text if text in _YES_NO else text.upper() if len(text) == 1 and text.isascii() and text.isalpha() else ""


def other_labels(rows: Iterable[tuple[Item, str]]) -> tuple[int, int]:
    """(rows whose label, read by `bare`, is another than the item's, rows that were compared)."""
    pairs = [(label_of(item), stated) for item, stated in rows]
    compared = [(own, stated) for own, stated in pairs if own and stated and (own in _YES_NO) == (stated in _YES_NO)]
    return sum(own != stated for own, stated in compared), len(compared)


def labels_fact(differ: int, compared: int) -> dict[str, str]:
    """The fact of the protocol where labels differ; {} where none does."""
    return {OTHER_LABELS: f"differ from the data folder's in {differ:,} of {compared:,} rows"} if differ else {}
