"""Rows of answer files -> answers and replies by item; what matches nothing is counted, never dropped in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from harness.answer_files.columns import AnswerColumns
from harness.answer_files.names import Names
from harness.answer_files.places import Asked, Places, check_told
from harness.answer_files.rows import FileRow
from harness.answer_files.stated_labels import bare, other_labels
from harness.answer_files.taken_apart import Given, answered
from harness.core.edge.answer_form import AnswerForm, Fields, by_id
from harness.core.edge.text import count
from harness.core.errors import DataError
from harness.core.evaluation import Item

NOT_GIVEN = "(the answer is not in the files; only its review is)"


@dataclass(slots=True)
class Matched:
    """Items as they are scored, their answers and the judges' replies by (task, item id); rows that no item goes by.

    `compared`: rows whose question was compared with the item's. `places`: rows that went by their place.
    `padded`: how an id that no item goes by would fit without its zeros. `folder`: that an image is listed in another folder.
    `not_asked`: what to do where all of those rows are of question files of which no item is asked.
    `renamed`: rows that go by image and question, and whose id is another question's. `unlike`: that images are not compared.
    `labels`: rows that state another label than the item's, and how many state one.
    `notes`: lines about what was read.
    """

    items: list[Item] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    replies: dict[tuple[str, str], str] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    compared: int = 0
    places: Places = field(default_factory=Places)
    padded: str = ""
    not_asked: str = ""
    folder: str = ""
    renamed: list[str] = field(default_factory=list)
    unlike: str = ""
    labels: tuple[int, int] = (0, 0)
    notes: list[str] = field(default_factory=list)

    def cut(self, limit: int | None) -> None:
        """Keep the first `limit` items, and their answers and replies."""
        if limit is None or limit >= len(self.items):
            return
        self.notes.append(f"{count(len(self.items) - limit, 'item')} beyond the limit of {limit:,}, not scored.")
        self.items = self.items[:limit]
        kept = {item.id for item in self.items}
        self.answers = {item: text for item, text in self.answers.items() if item in kept}
        self.replies = {key: text for key, text in self.replies.items() if key[1] in kept}


def match(
    items: Sequence[Item],
    form: AnswerForm,
    answers: Sequence[FileRow],
    reviews: Sequence[FileRow],
    tasks: Sequence[str],
    column: str = "",
) -> Matched:
    """Match the rows of answers and reviews with items.

    Args:
        tasks: names of the judge tasks whose replies the rows may hold.
        column: column of the answer, where it is not one of the form's.
    Raises DataError for a row without an answer or with two, for two answers or replies to one question, for a name that
    several questions go by, for ids that are all one too low or too high, and for rows without a key that are not as many as
    the items or ask something else; for reviews of which no row holds a reply.
    """
    names = Names.of(items, form)
    found = Matched()
    columns = AnswerColumns.of(answers, form, column)
    labelled = list[tuple[Item, str]]()

    def text(row: FileRow, item: Item) -> str:
        labelled.append((item, "" if column == "label" else bare(row.values.get("label"))))
        return columns.text(row, item)

    _put_answers(found, items, list(_by_name(answers, names, form, found, text)), form)
    found.labels = other_labels(labelled)
    found.notes += columns.notes(found.items, found.answers)
    for rows, review in ((answers, False), (reviews, True)):
        for task in tasks:
            _put_replies(found, names, rows, form, task, review)
    found.strangers = list(dict.fromkeys(found.strangers))  # a row that holds replies of two tasks is one
    if reviews and tasks and not any(form.reply(row.values, task, True) is not None for row in reviews for task in tasks):
        raise DataError(
            f"{reviews[0].where} holds no reply of the judge in a form that is read, and no other row of the reviews does. "
            "docs/reproductions.md lists the columns of each benchmark's reviews."
        )
    if not answers:
        asked = {item for _, item in found.replies}
        found.items = list(items)
        found.answers = {item.id: NOT_GIVEN for item in items if item.id in asked}
    return found


def _by_name(
    rows: Sequence[FileRow], names: Names, form: AnswerForm, found: Matched, value: Callable[[FileRow, Item], str]
) -> Iterator[tuple[Item, Given]]:
    """The rows' items and what they hold. Of a question that is listed several times, the n-th row answers the n-th item."""
    asked = Asked.of([item for bearers in names.items.values() for item in bearers], form.repeats)
    fields_of = [{"file": row.file, **row.values} for row in rows]
    by_section = [(row, form.section(fields), form.keys(fields)) for row, fields in zip(rows, fields_of, strict=True)]
    placed = names.by_place(by_section, asked)
    times, compared = Counter[str](), found.compared
    keys_of = [
        (row, [placed[id(row)]] if id(row) in placed else _keys(fields, names, form))
        for row, fields in zip(rows, fields_of, strict=True)
    ]
    strangers = len(found.strangers)
    for (row, keys), fields in zip(keys_of, fields_of, strict=True):
        name = None if names.not_asked(fields, form) else names.meant(row, keys)
        if name is None:
            alike = found.not_asked or not found.strangers
            found.not_asked = names.unasked(form.section(fields)) if alike else ""
            found.strangers.append(f"{row.where} ({keys[0][:60].strip()})")
            found.padded = found.padded or names.padded(keys)
            found.folder = found.folder or names.in_another_folder(keys)
            continue
        bearers = names.items[name]
        item = bearers[min(times[name], len(bearers) - 1)]
        times[name] += 1
        if other := names.of_another(name, keys):
            found.renamed.append(f"{row.where} ({other[:60]})")
        asked.see(row, item, found.places)
        found.compared += asked.check(row, item, id(row) in placed)
        if id(row) in placed:
            check_told(row, item, form)
            found.places.add(row, asked.fits(row, item))
        yield item, Given(name, row.where, value(row, item))
    if len(found.strangers) > strangers and found.compared == compared and not (form.subset or found.padded):
        names.check_count(keys_of)
    found.unlike = found.places.check_images()


def _keys(fields: Fields, names: Names, form: AnswerForm) -> Sequence[str]:
    """Without the bare id where the row's section is asked: there it is another section's question."""
    keys, bare = form.keys(fields), by_id(fields)
    return [key for key in keys if key not in bare] if form.section(fields) in names.sections else keys


def _put_answers(found: Matched, items: Sequence[Item], given: Sequence[tuple[Item, Given]], form: AnswerForm) -> None:
    """Answers in the order of the items; an item whose rows disagree is taken apart, or is an error."""
    by_item, several = dict[str, list[Given]](), 0
    for item, one in given:
        by_item.setdefault(item.id, []).append(one)
    for item in items:
        own = by_item.get(item.id, [])
        if not own and form.subset:
            continue
        several += len(own) > 1
        for part, answer in answered(item, own, form):
            found.items.append(part)
            if answer is not None:
                found.answers[part.id] = answer.text
    if several and form.repeats:
        found.notes.append(
            f"{several:,} of {len(by_item):,} items have several answers, and each is scored: {len(found.answers):,} in all. "
            "Are they of one model? Answers of two are two files, scored one by one."
        )


def _put_replies(found: Matched, names: Names, rows: Sequence[FileRow], form: AnswerForm, task: str, review: bool) -> None:
    """Replies by item; where several rows answer one item, the n-th reply is to its n-th answer."""

    def reply(row: FileRow, _: Item) -> str:
        return form.reply(row.values, task, review) or ""

    holding = [row for row in rows if form.reply(row.values, task, review) is not None]
    numbers = Counter[str]()
    for item, one in _by_name(holding, names, form, found if review else Matched(), reply):
        numbers[item.id] += 1
        place = task, form.numbered(item, numbers[item.id] if form.repeats else 1).id
        if found.replies.setdefault(place, one.text) != one.text:
            raise DataError(
                f"{one.where} holds another reply of the judge to {item.id[:80]} than an earlier row. Keep one of them."
            )
