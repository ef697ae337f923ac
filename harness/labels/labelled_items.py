"""Items as their labels know them: the parts of an item, and further answers to it, have the labels of one.

Answer files may answer a question of POPE otherwise in each split ("a.jpg Is there a dog? (random/1)"), and an image may have
several captions ("100001#2"). Claims, votes and edits go by the item that all of these are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.core.edge.answer_form import AnswerForm, form_of
from harness.core.evaluation import Item


@dataclass(frozen=True, slots=True)
class LabelledItems:
    """`items`: id -> item with labels of its own. `parts`: the same id -> what was answered. `of`: id of the latter -> id."""

    items: Mapping[str, Item]
    parts: Mapping[str, Sequence[Item]]
    of: Mapping[str, str]
    form: AnswerForm

    @classmethod
    def among(cls, benchmark: object, answered: Iterable[Item]) -> LabelledItems:
        """Those of a result's items."""
        form, parts = form_of(benchmark), dict[str, list[Item]]()
        for item in answered:
            parts.setdefault(form.whole([item]).id, []).append(item)
        items = {item_id: form.whole(own) for item_id, own in parts.items()}
        return cls(items, parts, {item.id: item_id for item_id, own in parts.items() for item in own}, form)

    def answered(self, changed: Mapping[str, Item | None]) -> dict[str, Item | None]:
        """Items with changed labels (None: dropped) -> the answered items that change with them."""
        return {
            part.id: None if item is None else self.form.part_of(item, part)
            for item_id, item in changed.items()
            for part in self.parts[item_id]
        }
