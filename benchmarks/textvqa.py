"""TextVQA: reading text in images, by VQA accuracy over ten reference answers.

Singh et al. 2019, arXiv:1904.08920; accuracy and normalisation as in the VQA challenge (_text/vqa_answers.py). A
reference is a text, or an object {"answer": text} as in VQA's own files; there are always ten.

The study's numbers use LLaVA's prompt without OCR tokens; with "Reference OCR token" lines in the prompt they are some
points higher and must not be compared.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, check_unique, each, read_json
from benchmarks._files.styles import WORD_OR_PHRASE, ending
from benchmarks._text.asked_object import asked_object
from benchmarks._text.vqa_answers import normalise, vqa_accuracy
from harness.core import registry
from harness.core.edge.answer_form import AnswerForm, Fields, by_id
from harness.core.edge.text import shown
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Decoding, Example, Item, Score, ratio
from harness.core.options.option import PromptText
from harness.core.plugins import Data

_REFERENCES = 10  # a question has; the accuracy of fewer would be another measure
_FILE = "textvqa/TextVQA_0.5.1_val.json"
_SITE = "https://dl.fbaipublicfiles.com/textvqa"


def _keys(row: Fields) -> list[str]:
    """LLaVA's lines have the image under question_id and the question in the prompt; submissions have the question's id."""
    asked = str(row.get("prompt", row.get("question", ""))).split("\n")[0].strip().lower()
    return [f"{key} {asked}" for key in by_id(row) if asked] + by_id(row)


def _names(item: Item) -> list[str]:
    return [item.id, f"{item.image.rpartition('/')[2].removesuffix('.jpg')} {item.question.strip().lower()}"]


STYLES: Mapping[str, str] = {"llava": WORD_OR_PHRASE, "official": ""}


@registry.benchmark
class Textvqa:
    """Questions about text in images (validation set)."""

    title = "TextVQA"
    styles = STYLES
    answer_form = AnswerForm(keys=_keys, names=_names)
    version = 2  # 2: references {"answer": text} are read as that text
    files = (
        OfficialFile(_FILE, "textvqa.org, version 0.5.1", "CC BY 4.0", "copy it", url=f"{_SITE}/data/TextVQA_0.5.1_val.json"),
        OfficialFile(
            "textvqa/train_images",
            "textvqa.org, train_val_images.zip",
            "CC BY 2.0 and others",
            "unpack it",
            url=f"{_SITE}/images/train_val_images.zip",
            member="train_images/",
        ),
    )
    examples = (
        Example(
            Item("1", "a.jpg", "What is written?", {"answers": ["Nokia"] * 8 + ["phone", "the Nokia"]}),
            "nokia.",
            {"items": 1.0, "accuracy": 1.0},
        ),
    )
    formulas = (ratio("accuracy", ["accuracy"], ["items"], headline=True, unknown="no answers", published_as="TextVQA"),)

    def __init__(
        self,
        file: str = _FILE,  # question file in the data folder
        image_folder: str = "textvqa/train_images",  # image folder in the data folder
        style: str = "llava",  # prompt style: llava or official
        prompt_suffix: PromptText = "",  # added to every question, in the place of the style's
        max_new_tokens: int = 16,  # longest answer, in tokens
    ) -> None:
        self.file, self.image_folder, self.max_new_tokens = file, image_folder.rstrip("/"), max_new_tokens
        self.prompt_suffix = prompt_suffix or ending(style, STYLES, "TextVQA")
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        content = read_json(data, self.file)
        entries = content.get("data") if isinstance(content, dict) else None
        if not isinstance(entries, list) or not entries:
            raise DataError(f'{self.file} has no list "data"; it is not a TextVQA file. Fetch it again.')
        rows = [Row(f"{self.file}, entry {n}", entry) for n, entry in enumerate(entries, 1)]
        check_unique(rows, "question_id")
        self._loaded = {f"sha256 of {self.file}": data.digest(self.file), "rows": f"{len(rows):,}"}
        return each(rows, self._item)

    def prompt(self, item: Item) -> str:
        return item.question + self.prompt_suffix

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        accuracy = vqa_accuracy(answer.text, item.truth["answers"])
        values = {"items": 1.0, "accuracy": accuracy}
        return Score(item.id, values, reading=normalise(answer.text)[:200], correct=accuracy >= 0.5)

    def asked_object(self, item: Item) -> str:
        return asked_object(item.question)

    subject = asked_object

    def reference(self, item: Item) -> str:
        return str(item.truth["answers"][0])

    def facts(self) -> dict[str, str]:
        return {"prompt suffix": self.prompt_suffix, "OCR tokens in the prompt": "no", **self._loaded}

    def _item(self, row: Row) -> Item:
        answers = row["answers"]
        if not isinstance(answers, list) or len(answers) != _REFERENCES:
            has = f"has {len(answers)}" if isinstance(answers, list) else f"is {shown(answers)}"
            cure = "The test set has none; use the validation set."
            raise DataError(f"{row.where}: answers should be a list of ten references, but {has}. {cure}")
        image = f"{self.image_folder}/{row.file_name('image_id')}.jpg"
        truth = {"answers": [_text(a, row) for a in answers]}
        return Item(row.identifier("question_id"), image, row.question("question"), truth)


def _text(reference: object, row: Row) -> str:
    """A reference as text or a whole number, alone or under "answer"."""
    told = reference.get("answer") if isinstance(reference, Mapping) else reference
    if not isinstance(told, str | int) or isinstance(told, bool):
        raise DataError(f"{row.where}: the reference {shown(reference)} is not a text. Fetch the file again or correct it.")
    return str(told)
