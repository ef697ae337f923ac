"""GQA: compositional questions about real images, by exact match.

Hudson and Manning 2019, arXiv:1902.09506. The study and LLaVA use testdev_balanced (12,578 questions) and the exact
match of GQA's eval.py after LLaVA's conversion: the answer lower-cased, without the full stops at its end.

Departures: white space around an answer is stripped first, as LLaVA's model_vqa_loader.py does before it stores one (its
conversion does not); the reference goes through the same, since an answer could never equal one with a capital, a full
stop or a space at its end.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, each, read_json
from benchmarks._files.styles import WORD_OR_PHRASE, ending
from benchmarks._text.asked_object import asked_object
from harness.core import registry
from harness.core.edge.text import shown
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Decoding, Example, Item, Score, ratio
from harness.core.options.option import PromptText
from harness.core.plugins import Data

_FILE = "gqa/testdev_balanced_questions.json"
_SITE = "https://downloads.cs.stanford.edu/nlp/data/gqa"


STYLES: Mapping[str, str] = {"llava": WORD_OR_PHRASE, "official": ""}


@registry.benchmark
class Gqa:
    """Questions about objects, attributes and relations with one short answer."""

    title = "GQA"
    styles = STYLES
    version = 2  # 2: full stops at a reference's end and the white space around it do not count, as in an answer
    files = (
        OfficialFile(
            _FILE,
            "cs.stanford.edu/people/dorarad/gqa, questions1.2.zip",
            "CC BY 4.0",
            "unpack the file",
            url=f"{_SITE}/questions1.2.zip",
            member="testdev_balanced_questions.json",
        ),
        OfficialFile(
            "gqa/images",
            "the same place, images.zip",
            "Visual Genome, CC BY 4.0",
            "unpack it",
            url=f"{_SITE}/images.zip",
            member="images/",
        ),
    )
    examples = (
        Example(
            Item("1", "a.jpg", "Is it red?", {"answer": "yes", "type": "verify"}),
            "Yes.",
            {"items": 1.0, "right": 1.0, "verify/items": 1.0, "verify/right": 1.0},
        ),
        Example(
            Item("2", "a.jpg", "What is it?", {"answer": "dog", "type": "query"}),
            "a dog",
            {"items": 1.0, "right": 0.0, "query/items": 1.0, "query/right": 0.0},
        ),
    )
    formulas = (
        ratio("accuracy", ["right"], ["items"], headline=True, unknown="no answers", published_as="GQA"),
        *(
            ratio("accuracy", [f"{kind}/right"], [f"{kind}/items"], group=kind, unknown="no question of this type")
            for kind in ("verify", "query", "choose", "logical", "compare")
        ),
    )

    def __init__(
        self,
        file: str = _FILE,  # question file in the data folder
        image_folder: str = "gqa/images",  # image folder in the data folder
        style: str = "llava",  # prompt style: llava or official
        prompt_suffix: PromptText = "",  # added to every question, in the place of the style's
        max_new_tokens: int = 16,  # longest answer, in tokens
    ) -> None:
        self.file, self.image_folder, self.max_new_tokens = file, image_folder.rstrip("/"), max_new_tokens
        self.prompt_suffix = prompt_suffix or ending(style, STYLES, "GQA")
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        content = read_json(data, self.file)
        if not isinstance(content, dict) or not content:
            raise DataError(f"{self.file} is not an object of questions by id. Fetch it again.")
        chosen = list(content.items())
        self._loaded = {f"sha256 of {self.file}": data.digest(self.file), "rows": f"{len(chosen):,}"}
        rows = [Row(f"{self.file}, question {number}", entry, number) for number, entry in chosen]
        return each(rows, self._item)

    def prompt(self, item: Item) -> str:
        return item.question + self.prompt_suffix

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        given = _compared(answer.text)
        right, kind = given == item.truth["answer"], item.truth["type"]
        values = {"items": 1.0, "right": float(right)}
        if kind:
            values |= {f"{kind}/items": 1.0, f"{kind}/right": float(right)}
        return Score(item.id, values, reading=given[:200], correct=right)

    def asked_object(self, item: Item) -> str:
        return asked_object(item.question) if item.truth["type"] in ("verify", "") else ""

    def subject(self, item: Item) -> str:
        return str(item.truth["type"]) or asked_object(item.question)

    def reference(self, item: Item) -> str:
        return str(item.truth["answer"])

    def facts(self) -> dict[str, str]:
        return {"prompt suffix": self.prompt_suffix, "matching": "exact, lower case, no final full stop", **self._loaded}

    def _item(self, row: Row) -> Item:
        if not isinstance(row.values, Mapping):
            raise DataError(f"{row.where} is not an object. Fetch the file again.")
        reference, kinds = _compared(row.text("answer")).rstrip(" ."), row.get("types") or {}
        if not reference:
            raise DataError(f"{row.where}: the answer is {shown(row['answer'])}, so that no answer would be right. Correct it.")
        truth = {"answer": reference, "type": str(kinds.get("structural") or "")}
        return Item(row.key, f"{self.image_folder}/{row.file_name('imageId')}.jpg", row.question("question"), truth)


def _compared(text: str) -> str:
    """An answer, or a reference, in the form in which they are compared."""
    return text.strip().rstrip(".").lower()
