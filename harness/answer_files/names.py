"""Which item a row of an answer file means, by the names that items go by; names that several items bear are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.answer_files.places import NUMBER, Asked, in_order
from harness.answer_files.rows import FileRow
from harness.core.edge.answer_form import AnswerForm, Fields, by_id
from harness.core.errors import DataError
from harness.core.evaluation import Item

_FILE_NUMBER = re.compile(r"/?(\d{1,11})\.\w+")


@dataclass(frozen=True, slots=True)
class Names:
    """name -> items that go by it; names in the order of the question file, for rows that have none.

    `sections`: those of `AnswerForm.sections` that have an item.
    """

    items: Mapping[str, Sequence[Item]]
    order: Sequence[str]
    apart: str
    sections: Sequence[str] = ()

    @classmethod
    def of(cls, items: Sequence[Item], form: AnswerForm) -> Names:
        bearers: dict[str, dict[str, Item]] = {}
        for item in items:
            for name in form.names(item):
                bearers.setdefault(name, {})[item.id] = item
        order = list(form.order(items))
        sections = [section for section in form.sections if any(name.startswith(section) for name in order)]
        return cls({name: list(own.values()) for name, own in bearers.items()}, order, form.apart, sections)

    def not_asked(self, fields: Fields, form: AnswerForm) -> bool:
        """Whether a column of the row tells a question file of which no item is asked; a word in a file's name proves less."""
        section = form.section({**fields, "file": ""})
        return bool(section) and section not in self.sections

    def by_place(self, rows: Sequence[tuple[FileRow, str, Sequence[str]]], asked: Asked) -> dict[int, str]:
        """`id` of each row without a key -> the name at its place, counted within its section of the questions.

        `rows`: row, section and keys. Where fewer rows than questions have no key, those with one count, too, and must stand at
        their own place. Raises DataError where a section has not as many rows as questions, where there are several and a row
        tells none, and for ids that are in another order than the questions, unless each row repeats question and image of
        its place.
        """
        of: dict[str, list[FileRow]] = {}
        for row, section, keys in rows:
            if not keys:
                of.setdefault(section, []).append(row)
        found: dict[int, str] = {}
        for section, own in of.items():
            if not section and len(self.sections) > 1:
                raise DataError(f"{own[0].where} names no item, so answers go by their place, but in which file? {self.apart}")
            order = [name for name in self.order if name.startswith(section)]
            if section and not order:  # not asked: no item goes by such a name
                order = [f"{section}{number}" for number in range(1, len(own) + 1)]
            if len(own) != len(order):
                found |= self._among(own, [(row, keys) for row, of_row, keys in rows if of_row == section], order, section)
                continue
            at = [(row, self.items.get(name, ())) for row, name in zip(own, order, strict=True)]
            as_they_stand = all(items and asked.repeats(row, items[0]) for row, items in at)
            found |= {id(row): name for row, name in zip(own if as_they_stand else in_order(own), order, strict=True)}
        return found

    def _among(
        self, own: Sequence[FileRow], rows: Sequence[tuple[FileRow, Sequence[str]]], order: Sequence[str], section: str
    ) -> dict[int, str]:
        """The rows without a key by their place among all rows. Raises DataError where these are another number than the
        questions, and where a row with a key stands at another place than its question."""
        if len(rows) != len(order):
            raise self._another_number(own, order, section)
        keys_of = {id(row): keys for row, keys in rows}
        placed = list(zip(in_order([row for row, _ in rows]), order, strict=True))
        for row, name in placed:
            items, keys = {item.id for item in self.items.get(name, ())}, keys_of[id(row)]
            if keys and not any(item.id in items for key in keys for item in self.items.get(key, ())):
                raise DataError(
                    f"{row.where} stands at the place of {name[:60]!r} and goes by {keys[0][:60]!r}, so that rows without an "
                    f"id, {own[0].where} first, cannot go by their place. Put the rows in the order of the questions, or give "
                    f"all an id. {self.apart}"
                )
        return {id(row): name for row, name in placed if not keys_of[id(row)]}

    def _another_number(self, rows: Sequence[FileRow], order: Sequence[str], section: str) -> DataError:
        key = by_id(rows[0].values)
        names = f"has the id {key[0][:60]!r}, by which no question goes here" if key else "names no item"
        which = f" of {section.rstrip('/')}" if section else ""
        ids = f". {self.apart}" if key else ", or one with ids."
        return DataError(
            f"{rows[0].where} {names}, so answers go by their place; but there are {len(rows):,} such rows{which} and "
            f"{len(order):,} questions. Give the file that belongs to these questions{ids}"
        )

    def meant(self, row: FileRow, keys: Sequence[str]) -> str | None:
        """The first key that means one item, or a question that is listed several times; None where no item goes by any.

        Raises DataError where all that is left is a name of different questions.
        """
        known = [key for key in keys if key in self.items]
        name = next((key for key in known if _one_question(self.items[key])), None)
        if known and name is None:
            bearers = self.items[known[0]]
            shown = " and ".join(repr(item.id[:80]) for item in bearers[:2])
            raise DataError(
                f"{row.where} goes by {known[0][:60]!r}, but {len(bearers)} questions do, {shown} among them. {self.apart}"
            )
        return name

    def of_another(self, name: str, keys: Sequence[str]) -> str:
        """A key after the one that a row goes by which is another question's; "" where all are this one's."""
        meant = self.items[name][0]
        later = (key for key in keys[keys.index(name) + 1 :] if key in self.items and _one_question(self.items[key]))
        return next((key for key in later if _question(self.items[key][0]) != _question(meant)), "")

    def padded(self, keys: Sequence[str]) -> str:
        """How a key that no item goes by would be one's without the zeros before its number, or with COCO's; "" for others."""
        numbers = ((key, _FILE_NUMBER.fullmatch(key)) for key in keys)
        if named := next(((key, n[1].zfill(12)) for key, n in numbers if n and n[1].zfill(12) in self.items), None):
            return (
                f"COCO's names have 12 digits: if {named[0][:60]!r} is the image {named[1]}, write its name as the question "
                "file does."
            )
        bare = {key: re.sub(r"(^|/)0+(?=\d+$)", r"\1", key) for key in keys}
        key = next((key for key, name in bare.items() if name != key and name in self.items), None)
        return (
            f"Without its zeros {key[:60]!r} would be {bare[key][:60]!r}: write ids as the question file does." if key else ""
        )

    def in_another_folder(self, keys: Sequence[str]) -> str:
        """What to do about a file in a folder that is not the one in which a file of its name is listed; "" for another."""
        found = next((self.items[key[1:]] for key in keys if key[:1] == "/" and key[1:] in self.items), ())
        return (
            f"A file of this name is listed as {found[0].image!r}, in another folder. If it is the same image, write its name "
            "without a folder."
            if len(found) == 1
            else ""
        )

    def unasked(self, section: str) -> str:
        """What to do about a row of a question file of which no item is asked; "" for other rows."""
        which = section.rstrip("/")
        told = f"The file's name or `category` tells {which!r}, of which no question is asked. {self.apart}"
        return told if section and section not in self.sections else ""

    def check_count(self, rows: Sequence[tuple[FileRow, Sequence[str]]]) -> None:
        """Refuse ids that are all one too low or too high: scored so, every answer would be another question's.

        For rows of which one at least matches no item, and none repeats its question, so that nothing else would show it.
        """
        for step, way, there in ((1, "low", "higher"), (-1, "high", "lower")):
            if all(any(_moved(key, step) in self.items for key in keys) for _, keys in rows):
                row, key = next((row, keys[0]) for row, keys in rows if not any(key in self.items for key in keys))
                raise DataError(
                    f"{row.where} goes by {key[:60]!r}, which no question does, but if all ids were {there} by one, all "
                    f"{len(rows):,} rows would have a question. They seem to be counted one too {way} (from 0 in place of 1, "
                    "say): every answer would be scored against another question. Correct the ids; if they are right, leave "
                    "the rows without a question out."
                )


def _one_question(items: Sequence[Item]) -> bool:
    return len(set(map(_question, items))) == 1


def _question(item: Item) -> tuple[str, str]:
    return item.image, item.question


def _moved(key: str, step: int) -> str:
    number = NUMBER.fullmatch(key)
    return f"{number[1]}{int(number[2]) + step}" if number else ""
