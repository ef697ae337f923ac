"""Label audits of a benchmark whose items have one label of two: yes or no, option A or B.

An item's truth has {"label": word}; the class says which word is the positive one. Fields: "label".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.core.evaluation import Item, LabelEdit, Score
from harness.core.plugins import Data
from harness.labels.claims import Claim, ImageAnnotations, ImpliedLabel

FIELD = "label"


class OneLabel:
    """What `Auditable` asks for, from the item's truth and the score's reading."""

    free_text = False
    label_words = ("yes", "no")  # positive, negative: as in the truth and in `Score.reading`

    def fields(self, item: Item) -> Sequence[str]:
        return [FIELD]

    def claim(self, item: Item, field: str) -> Claim | None:
        if field != FIELD:
            return None
        positive, _ = self.label_words
        label = "yes" if item.truth["label"] == positive else "no"
        return Claim(item.id, FIELD, label, self.claimed(item), tuple(item.truth.get("slices", ())))

    def claimed(self, item: Item) -> str:
        """What a "yes" would say of the image, in words."""
        return item.question

    def implied_labels(self, item: Item, score: Score) -> Mapping[str, ImpliedLabel]:
        """An answer that is read, and not flagged, is a witness."""
        if score.flag or score.reading not in self.label_words:
            return {}
        return {FIELD: ImpliedLabel(score.reading == self.label_words[0])}

    def image_annotations(self, data: Data, items: Sequence[Item]) -> Mapping[str, ImageAnnotations]:
        return {}

    def edited(self, item: Item, edit: LabelEdit) -> Item | None:
        """ "flipped" turns the label round, "removed" drops the item (and thereby its group), "right" keeps it."""
        if edit.new == "right" or edit.field != FIELD:
            return item
        if edit.new == "removed":
            return None
        positive, negative = self.label_words
        other = negative if item.truth["label"] == positive else positive
        return replace(item, truth={**item.truth, "label": other})
