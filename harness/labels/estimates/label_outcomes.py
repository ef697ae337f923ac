"""The reviewers' decision on each label: "right", "flipped", "removed", or "" where it is not decided."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.evaluation import LabelEdit
from harness.labels.claims import Claim

WRONG = ("flipped", "removed")
_WORST_FIRST = ("flipped", "removed", "right")


class LabelOutcomes:
    """The edits of one benchmark by item. An edit of a whole item also decides its parts, and an edit of a part the whole."""

    def __init__(self, edits: Iterable[LabelEdit]) -> None:
        self._by_item: dict[str, list[tuple[str, str]]] = {}
        for edit in edits:
            self._by_item.setdefault(edit.item_id, []).append((edit.field, edit.new))

    def of(self, claim: Claim) -> str:
        return self.at(claim.item_id, claim.field)

    def at(self, item_id: str, field: str) -> str:
        found = {new for own, new in self._by_item.get(item_id, ()) if _overlap(own, field)}
        return next((new for new in _WORST_FIRST if new in found), "")


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
