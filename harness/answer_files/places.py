"""What rows repeat of question and image must fit; those without an id go by their place in the file, and the reader is told.

{"question": "Is there a dog in the image?", "answer": "No"}    compared with the question at this place
{"answer": "No"}                                                not checked: a file in another order has wrong scores

Ids that no question goes by must rise with the place, or count the questions: rows are then put in their order.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath

from harness.answer_files.rows import FileRow
from harness.core.edge.answer_form import IMAGES, QUESTIONS, AnswerForm, as_key, by_id
from harness.core.edge.identifiers import coco_number
from harness.core.edge.text import count
from harness.core.errors import DataError
from harness.core.evaluation import Item

_LONGEST = 500  # characters of an image's name
_COUNTS = ("question_id", "questionId", "item_id", "id", "index")  # columns that may count the rows
NUMBER = re.compile(r"(.*?)(\d{1,18})", re.DOTALL)  # what stands before an id's number, and the number
_SAME = 60  # characters that must agree
_ADVICE = "Are they of another version of the file, or in another order?"


@dataclass(slots=True)
class Places:
    """The rows that went by their place. `fit`: those that repeat the question or the image of that place. `named`: those with
    an id that no question goes by. `counted`: those whose id is a number, `prefixes`: behind what.

    Of all rows: `pictured` are about an item's image; `unknown`: one about an image that no item has, and its item.
    """

    rows: int = 0
    fit: int = 0
    named: int = 0
    counted: int = 0
    prefixes: set[str] = field(default_factory=set)
    pictured: int = 0
    unknown: tuple[FileRow, Item] | None = None

    def add(self, row: FileRow, fits: bool) -> None:
        number = _count(row)
        self.rows += 1
        self.fit += fits
        self.named += bool(by_id(row.values))
        self.counted += number is not None
        self.prefixes |= set() if number is None else {number[0]}

    def check_images(self) -> str:
        """A line for the reader where rows name images in a form of their own, so that nothing is known of them.

        Raises DataError for an image that no item has, where other rows name images as the items do, or where both are COCO's.
        """
        if self.unknown is None:
            return ""
        row, item = self.unknown
        stated = _stated_image(row)
        if self.pictured or (coco_number(stated) and coco_number(item.image)):
            said = f"{row.where} is about the image {stated[:80]!r}, which no question is about; the question that it goes by"
            raise DataError(f"{said}, {item.id[:60]}, is about {item.image!r}. Are they answers about other images?")
        return f"Images not checked: no row names one as the questions do ({stated[:60]!r} is not {item.image[-60:]!r})."

    def note(self) -> str:
        """One line for the reader; "" where every row has an id that questions go by."""
        if not self.rows:
            return ""
        by_ids = self.fit < self.rows == self.counted and len(self.prefixes) == 1
        matched = f"{count(self.rows, 'row')} without an id{' that questions go by' if self.named else ''}: matched by "
        matched += "the order of their ids" if by_ids else "place"
        if self.fit:
            shown = (
                "whose questions or images fit"
                if self.fit == self.rows
                else f"{self.fit:,} of them with a question or image that fits"
            )
            return f"{matched}, {shown}."
        wrong = "if the ids count other questions" if by_ids else "in another order"
        return f"{matched}: not checked. No row repeats its question or image; {wrong} the scores are wrong."


def in_order(rows: Sequence[FileRow]) -> Sequence[FileRow]:
    """Rows for the places of the questions: as they stand where their ids rise or are words, else in the order of their ids.

    Raises DataError for ids in another order that are not the numbers of all places, from 0 or from 1.
    """
    counted = [(row, one) for row in rows if (one := _count(row)) is not None]
    if len({prefix for _, (prefix, _) in counted}) > 1:  # words
        return rows
    wrong = next((pair for pair in pairwise(counted) if pair[0][1] >= pair[1][1]), None)
    if wrong is None:
        return rows
    numbers = sorted(number for _, (_, number) in counted)
    if len(numbers) == len(rows) and numbers == list(range(numbers[0], numbers[0] + len(rows))) and numbers[0] in (0, 1):
        return [row for row, _ in sorted(counted, key=lambda one: one[1])]
    (_, before), (row, after) = wrong
    raise DataError(
        f"{row.where} goes by its place, since no question goes by its id, but the id {''.join(map(str, after))[:60]!r} comes "
        f"behind {''.join(map(str, before))[:60]!r}. Put the rows in the order of the question file, or number them all in "
        f"that order, from 0 or 1."
    )


def check_told(row: FileRow, item: Item, form: AnswerForm) -> None:
    """Raises DataError where a column of a row that goes by its place tells that it is about another item."""
    for column, (stated, own) in form.told(row.values, item).items():
        if stated != own:
            raise DataError(
                f"{row.where} goes by its place and its {column} is {stated[:60]!r}, but the question at its place, "
                f"{item.id[:60]}, has {own[:60]!r}. {_ADVICE} {form.apart}"
            )


def _count(row: FileRow) -> tuple[str, int] | None:
    """What stands before the number of a row's id, and the number; None where it has none."""
    value = next((row.values[name] for name in _COUNTS if row.values.get(name) is not None), None)
    number = None if value is None or isinstance(value, bool) else NUMBER.fullmatch(as_key(value))
    return (number[1], int(number[2])) if number else None


@dataclass(frozen=True, slots=True)
class Asked:
    """The items' images by name, whether a question tells them apart, and whether the one question of all is an option."""

    images: Mapping[str, str]
    differ: bool
    optional: bool = False

    @classmethod
    def of(cls, items: Sequence[Item], optional: bool = False) -> Asked:
        differ = len({item.question for item in items}) > 1
        return cls({_stem(item.image): item.id for item in items if item.image}, differ, optional and not differ)

    def fits(self, row: FileRow, item: Item) -> bool:
        """Whether a row repeats what only few items have: their question or image."""
        named = bool(item.image) and _image(row) == _stem(item.image)
        return (bool(_question(row) and _asked(item)) and self.differ) or (named and len(self.images) > 1)

    def repeats(self, row: FileRow, item: Item) -> bool:
        """Whether a row has both the question and the image of this item, so that it is about no other."""
        try:
            return self.check(row, item, by_place=True) and bool(item.image) and _image(row) == _stem(item.image)
        except DataError:
            return False

    def see(self, row: FileRow, item: Item, places: Places) -> None:
        """Note whether a row is about an image that items have."""
        if item.image and (image := _image(row)):
            places.pictured += image in self.images
            if image not in self.images and places.unknown is None:
                places.unknown = row, item

    def check(self, row: FileRow, item: Item, by_place: bool) -> bool:
        """Whether a row repeats a question, which must be this one (a prompt may have an ending of its own).

        Raises DataError for another question, and for the image of another item.
        """
        stated, asked, image = _question(row), _asked(item), _image(row)
        if stated and asked and _beginning(asked) not in stated and _beginning(stated) not in item.question:
            said = f"{row.where} answers {stated[:80]!r}, but the question {item.id[:60]} is {asked[:80]!r}."
            given = (
                f"If that was asked of all images, give it as the benchmark's option: {shlex.quote(f'prompt={stated}')[:300]}"
            )
            raise DataError(f"{said} {given if self.optional else _ADVICE}")
        if image in self.images and image != _stem(item.image) and (by_place or item.image):
            which = "the question at its place" if by_place else "the question that it goes by"
            said = (
                f"{row.where} {'has no id and ' if by_place else ''}is about the image {_stated_image(row)[:80]!r}, but {which}"
            )
            raise DataError(f"{said}, {item.id[:60]}, is about {item.image!r}. {_ADVICE}")
        return bool(stated and asked)


def _question(row: FileRow) -> str:
    stated: str = next((row.values[name] for name in QUESTIONS if isinstance(row.values.get(name), str)), "")
    return stated.strip().removeprefix("<image>").lstrip()


def _beginning(question: str) -> str:
    """What two prompts of one question share: what comes after its mark is a style's."""
    line = question.split("\n", maxsplit=1)[0]
    return (line.partition("?")[0] + "?" * ("?" in line))[:_SAME].strip()


def _asked(item: Item) -> str:
    return item.question.split("\n")[0].strip()


def _stated_image(row: FileRow) -> str:
    return next((row.values[name] for name in IMAGES if isinstance(row.values.get(name), str)), "")


def _image(row: FileRow) -> str:
    """The name of the image; "" for a column that holds the image itself."""
    stated = _stated_image(row)
    return _stem(stated) if len(stated) <= _LONGEST else ""


def _stem(image: str) -> str:
    return coco_number(image) or PurePosixPath(image.replace("\\", "/")).stem
