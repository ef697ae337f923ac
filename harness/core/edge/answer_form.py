"""How the rows of a benchmark's published answer files name their item and hold the answer, and replies of judges.

    {"question_id": 1, "question": "Is there a snowboard in the image?", "answer": "No"}        POPE's answers
    {"question_id": 4, "category": "llava_bench_conv", "content": "8 7\\nAssistant 1 ..."}        LLaVA-Bench's reviews

A benchmark names its form as `answer_form`; one without it is read by `AnswerForm()`: an id column that holds the item's id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from harness.core.edge.identifiers import keys_of_file
from harness.core.errors import ConfigError
from harness.core.evaluation import Item
from harness.core.plugins import Data

Fields = Mapping[str, Any]  # one row: JSON values by column
IDS = ("question_id", "questionId", "item_id", "id", "index", "Index", "key", "image_id")
MODELS = ("prediction", "response", "model_answer", "model_prediction", "model_response", "model_output", "pred")  # no label's
TEXTS = (*MODELS, "answer", "text", "caption", "output")  # "answer" is the label in many question files, "text" the question
QUESTIONS = ("question", "prompt", "query")  # columns that repeat the question
IMAGES = ("image", "image_path", "image_file", "image_src", "image_name", "imagename", "imageId")
_NUMBERED = re.compile(r"#\d+$")  # a further answer to an item: "100001#2"
REPLIES = ("judge_reply", "judge_response", "reply", "content", "review", "evaluation", "response", "text")


def by_id(row: Fields) -> list[str]:
    """The row's id as text, by the first column that has one; nothing where it has none."""
    found = next((row[name] for name in IDS if row.get(name) is not None), None)
    return [] if found is None else [as_key(found)]


def as_key(value: object) -> str:
    """1, 1.0, "1" and "1.0" are one key."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return re.sub(r"^(\d+)\.0+$", r"\1", str(value).strip())


def item_id(item: Item) -> list[str]:
    return [item.id]


def image_keys(row: Fields) -> list[str]:
    """The image's id (`image_id`), or what the name of its file under `image` may mean (`keys_of_file`)."""
    if row.get("image_id") is not None:
        return [as_key(row["image_id"]).lstrip("0") or "0"]
    return keys_of_file(str(row.get("image", "")))


def in_order(items: Sequence[Item]) -> list[str]:
    return [item.id for item in items]


def no_section(row: Fields) -> str:
    return ""


def nothing_told(row: Fields, item: Item) -> dict[str, tuple[str, str]]:
    return {}


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """Columns and keys of a benchmark's answer files.

    texts: columns that may hold the answer, beside those of MODELS. The first and MODELS are always the model's; the others may
        be the label or the question, and are read in a file that has none of the former.
    keys: what a row may go by; the first that some item goes by counts. A row without any goes by its place in the file.
    names: what an item goes by. order: names in the order of the question file, for rows without a key.
    apart: what to do about a name that several questions go by, and about rows that do not fit their place; the end of those
        errors' messages.
    told: (row, the item at its place) -> column -> what the row and what the item has there, which must be equal. For rows
        without a key; image and question are compared of all.
    sections: how the names of each question file begin ("random/"), where there are several that count their rows alike.
    section: the one that a row is of, as its columns or its file's name tell; "" where nothing does.
    replies: task of a judge -> columns that may hold its reply (or a function of the row).
    part: (item, name) -> the part of an item that a name means, where one item stands for several rows of the question file;
        None where the name means several of them.
    joined: the counterpart of `part`: all parts of an item -> that item; an item that is whole -> itself.
    repeats: several rows may answer one item (captions of an image): each is scored.
    subset: the answer file chooses the items (images to describe); the others are not missing.
    """

    texts: tuple[str, ...] = TEXTS
    keys: Callable[[Fields], Sequence[str]] = by_id
    names: Callable[[Item], Sequence[str]] = item_id
    order: Callable[[Sequence[Item]], Sequence[str]] = in_order
    sections: Sequence[str] = ()
    section: Callable[[Fields], str] = no_section
    replies: Mapping[str, Sequence[str] | Callable[[Fields], str | None]] = field(default_factory=dict)
    apart: str = "Give the rows the ids of the question file."
    told: Callable[[Fields, Item], Mapping[str, tuple[str, str]]] = nothing_told
    part: Callable[[Item, str], Item | None] | None = None
    joined: Callable[[Sequence[Item]], Item] | None = None
    repeats: bool = False
    subset: bool = False

    def numbered(self, item: Item, number: int) -> Item:
        """The item as its n-th answer goes by it."""
        return item if number == 1 else replace(item, id=f"{item.id}#{number}")

    def whole(self, parts: Sequence[Item]) -> Item:
        """The item that all of these are parts of, or further answers to; it has their labels."""
        if self.repeats:
            return replace(parts[0], id=_NUMBERED.sub("", parts[0].id))
        return parts[0] if self.joined is None else self.joined(parts)

    def part_of(self, whole: Item, part: Item) -> Item | None:
        """A part, or further answer, of an item whose labels have changed; None where the item no longer has it."""
        if self.repeats or self.part is None or part.id == whole.id:
            return replace(whole, id=part.id)
        return self.part(whole, self.names(part)[0])

    def reply(self, row: Fields, task: str, review: bool) -> str | None:
        """The reply of a judge that a row holds for a task, None where it has none. `review`: of a file of reviews."""
        if review and "choices" in row:
            return as_reply(row)
        columns = self.replies.get(task, REPLIES if review else ())
        if callable(columns):
            return columns(row)
        found = next((row[name] for name in columns if row.get(name) is not None), None)
        return None if found is None else as_reply(found)


def as_reply(value: object) -> str:
    """A reply as text: a message of OpenAI's form by its content, a list as JSON."""
    if isinstance(value, Mapping) and isinstance(value.get("choices"), list) and value["choices"]:
        return str(value["choices"][0].get("message", {}).get("content", ""))
    return value if isinstance(value, str) else json.dumps(value)


@runtime_checkable
class ReadsAnswerFiles(Protocol):
    """A benchmark whose published answer files have a form of their own."""

    answer_form: AnswerForm


@runtime_checkable
class ChosenByAnswers(Protocol):
    """A benchmark whose answer files may be of more items than `load` gives, and choose theirs."""

    @property
    def chosen(self) -> str: ...  # the options that choose the items in their place, such as "split=train"; "" for none
    def known(self, data: Data) -> list[Item]: ...  # all items that answer files may choose


@runtime_checkable
class ReadsEnds(Protocol):
    """A benchmark with an option that goes by how an answer ended, which answers from files do not tell."""

    @property
    def by_end(self) -> str: ...  # that option, where it is set, such as "drop_truncated=true"; "" where not


def refuse_unknown_ends(name: str, benchmark: object) -> None:
    """Raises ConfigError where the answers would have to tell how they ended, and are given as texts."""
    if isinstance(benchmark, ReadsEnds) and benchmark.by_end:
        raise ConfigError(
            f"{name}: {benchmark.by_end} goes by whether an answer was cut off at max_new_tokens, which answers that are given "
            "as texts do not tell. Leave it out; or cut the texts yourself."
        )


def form_of(benchmark: object) -> AnswerForm:
    return benchmark.answer_form if isinstance(benchmark, ReadsAnswerFiles) else AnswerForm()
