"""Rows without an id go by their place in the file: what they repeat of question and image must fit, and the reader is told.

{"question": "Is there a dog in the image?", "answer": "No"}    compared with the question at this place
{"answer": "No"}                                                not checked: a file in another order has wrong scores
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.answer_files.rows import FileRow
from harness.core.edge.text import count
from harness.core.errors import DataError
from harness.core.evaluation import Item

_QUESTIONS = ("question", "prompt", "query")  # columns that repeat the question
_IMAGES = ("image", "image_path", "image_file", "image_src", "image_name", "imagename", "imageId")
_SAME = 60  # characters that must agree
_ADVICE = "Are they of another version of the file, or in another order?"


@dataclass(slots=True)
class Places:
    """The rows that went by their place, and how many of them repeat the question or the image of that place."""

    rows: int = 0
    fit: int = 0

    def note(self) -> str:
        """One line for the reader; "" where every row has an id."""
        if not self.rows:
            return ""
        matched = f"{count(self.rows, 'row')} without an id: matched by place"
        if self.fit:
            shown = (
                "whose questions or images fit"
                if self.fit == self.rows
                else f"{self.fit:,} of them with a question or image that fits"
            )
            return f"{matched}, {shown}."
        return f"{matched}: not checked. No row repeats its question or image; in another order the scores are wrong."


@dataclass(frozen=True, slots=True)
class Asked:
    """The items' images by name, and whether a question tells them apart."""

    images: Mapping[str, str]
    differ: bool

    @classmethod
    def of(cls, items: Sequence[Item]) -> Asked:
        return cls({_stem(item.image): item.id for item in items if item.image}, len({item.question for item in items}) > 1)

    def fits(self, row: FileRow, item: Item) -> bool:
        """Whether a row repeats what only few items have: their question or image. Raises DataError for another's."""
        asked_it = check_question(row, item) and self.differ
        stated = next((row.values[name] for name in _IMAGES if isinstance(row.values.get(name), str)), "")
        image = _stem(stated[:1000])  # the column may hold the image itself
        if image in self.images and image == _stem(item.image):
            return asked_it or len(self.images) > 1
        if image in self.images:
            raise DataError(
                f"{row.where} has no id and is about the image {stated[:80]!r}, but the question at its place, {item.id[:60]}, "
                f"is about {item.image!r}. {_ADVICE}"
            )
        return asked_it


def check_question(row: FileRow, item: Item) -> bool:
    """Whether a row repeats a question, which must be this one (a prompt may have an ending of its own).

    Raises DataError where it is another.
    """
    stated = next((row.values[name] for name in _QUESTIONS if isinstance(row.values.get(name), str)), "").strip()
    asked = item.question.split("\n")[0].strip()
    if stated and asked and asked[:_SAME] not in stated and stated[:_SAME] not in item.question:
        raise DataError(f"{row.where} answers {stated[:80]!r}, but the question {item.id[:60]} is {asked[:80]!r}. {_ADVICE}")
    return bool(stated and asked)


def _stem(image: str) -> str:
    return PurePosixPath(image.replace("\\", "/")).stem
