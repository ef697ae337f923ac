"""AMBER: invented objects in descriptions, and yes/no questions on existence, attributes and relations; no judge.

Wang et al. 2023, arXiv:2311.07397; rules as in junyangwang0410/AMBER inference.py. 1,004 descriptions and 14,216
questions. CHAIR, Cover, Hal and Cog for the first; for the others the positive class is *no*, and an answer counts only
if it is exactly "Yes" or "No" (`answers="first_word"` reads "no, there is not" as well, and is another number).

Two words are alike where their similarity is above 0.8. The official one is spaCy's en_core_web_lg; the default "exact"
needs no download and finds fewer matches: say which one stands behind a number (it is in the protocol).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from benchmarks._amber.formulas import KINDS, formulas
from benchmarks._amber.objects import find_objects
from benchmarks._amber.word_files import association, safe_words
from benchmarks._coco.image_evidence import node
from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, by_key, check_unique, each, read_json, read_rows
from benchmarks._text.asked_object import asked_object
from benchmarks._text.nouns import tagged
from benchmarks._text.tokenizer import Tokenizer, shared_tokenizer
from benchmarks._text.word_similarity import Measure, measure
from benchmarks._text.wordnet import DATA as LEMMAS
from benchmarks._text.wordnet import lemma
from harness.core import registry
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Item, LabelEdit, Score
from harness.core.options.option import Names, PromptText
from harness.core.plugins import Data
from harness.labels.claims import Claim, ImageAnnotations, ImpliedLabel

THRESHOLD = 0.8
TASKS = ("generative", "existence", "attribute", "relation")
_REPO = "junyangwang0410/AMBER on GitHub, folder data"
_RAW = "https://raw.githubusercontent.com/junyangwang0410/AMBER/master/data"
_KIND_OF = {
    "generative": "generative",
    "discriminative-hallucination": "existence",
    "discriminative-attribute-state": "state",
    "discriminative-attribute-number": "number",
    "discriminative-attribute-action": "action",
    "discriminative-relation": "relation",
    "relation": "relation",  # the official file's second name: questions whose answer is no
}
_TASK_OF = {"state": "attribute", "number": "attribute", "action": "attribute"}
_ASKED = re.compile(r"\bIs there (?:an? )?(.+?) in this", re.IGNORECASE)
_FIRST_WORD = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


@registry.benchmark
class Amber:
    """AMBER, generative and yes/no."""

    title = "AMBER"
    # 2: lemmas of the lists that come with this package; 3: white space around an answer is stripped; 4: official precision
    # and F1 are 0, as in the script, where the model never says exactly No; 5: tables of similarities in either order
    version = 5
    free_text = False  # for the audit
    files = (
        *(
            OfficialFile(f"amber/{name}", _REPO, "Apache-2.0", "copy it", url=f"{_RAW}/{name}")
            for name in ("annotations.json", "relation.json", "safe_words.txt", "query/query_all.json")
        ),
        OfficialFile("amber/image", "the Google Drive link of that repository", "see there", "unpack the images here"),
    )
    examples = (
        Example(
            Item("1", "a.jpg", "", {"kind": "existence", "truth": "no"}),
            "No",
            {"existence/asked": 1.0, "existence/right": 1.0, "existence/is_no": 1.0, "existence/said_no": 1.0}
            | {"existence/right_no": 1.0},
        ),
        Example(Item("2", "a.jpg", "", {"kind": "state", "truth": "no"}), "no.", {"state/asked": 1.0, "state/is_no": 1.0}),
    )

    def __init__(
        self,
        tasks: Names = TASKS,  # some of generative, existence, attribute, relation
        variant: str = "official",  # official (rounded as the authors' script) or exact
        similarity: str = "exact",  # when two words are alike: exact, or the name of a spaCy model
        answers: str = "exact",  # exact (only "Yes" and "No") or first_word
        folder: str = "amber",  # AMBER's folder in the data folder
        prompt_suffix: PromptText = "",  # added to yes/no questions only, such as " Please answer Yes or No."
        max_new_tokens: int = 512,  # longest answer, in tokens
    ) -> None:
        """`prompt_suffix` is added to yes/no questions only, such as " Please answer Yes or No."."""
        wrong = [task for task in tasks if task not in TASKS]
        if wrong or not tasks or isinstance(tasks, str):
            raise ConfigError(f"AMBER's tasks are {', '.join(TASKS)}; got {tasks!r}. Give a list of some of them.")
        if variant not in ("official", "exact"):
            raise ConfigError(f"AMBER has no variant {variant!r}; choose official or exact.")
        if answers not in ("exact", "first_word"):
            raise ConfigError(f"AMBER reads answers exact or by first_word, not {answers!r}.")
        self.tasks, self.variant, self.similarity, self.answers = tuple(tasks), variant, similarity, answers
        self.folder, self.prompt_suffix, self.max_new_tokens = folder.rstrip("/"), prompt_suffix, max_new_tokens
        self.formulas = formulas(variant)
        self._association: Mapping[str, Sequence[str]] = {}
        self._safe_words: frozenset[str] = frozenset()
        self._vocabulary: frozenset[str] = frozenset()
        self._measure: Measure | None = None
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        names = [f"{self.folder}/{n}" for n in ("annotations.json", "query/query_all.json", "relation.json", "safe_words.txt")]
        annotations, queries = (read_rows(data, name) for name in names[:2])
        self._association, self._measure = association(read_json(data, names[2]), names[2]), measure(self.similarity, data)
        self._vocabulary = frozenset(self._association) | {word for words in self._association.values() for word in words}
        self._safe_words = safe_words(data.read_text(names[3]), names[3])
        check_unique(annotations, "id")
        asked = by_key(queries, lambda query: query.identifier("id"), self._query)
        items = each([row for row in annotations if self._task(row) in self.tasks], lambda row: self._item(row, asked))
        names += [table] if (table := self.similarity.removeprefix("file:")) != self.similarity else []
        self._loaded = {f"sha256 of {name}": data.digest(name) for name in names} | {"rows": f"{len(items):,}"}
        return items

    def prompt(self, item: Item) -> str:
        return item.question + ("" if item.truth["kind"] == "generative" else self.prompt_suffix)

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends of one description, or of one yes/no answer under "{kind}/"."""
        return self._describe(item, answer.text) if item.truth["kind"] == "generative" else self._decide(item, answer.text)

    def asked_object(self, item: Item) -> str:
        return asked_object(item.question)

    subject = asked_object

    def reference(self, item: Item) -> str:
        return item.truth["truth"] if item.truth["kind"] != "generative" else ""

    def facts(self) -> dict[str, str]:
        return {
            "tasks": ", ".join(self.tasks),
            "variant": self.variant,
            "word similarity": f"{self.similarity}, above {THRESHOLD}",
            "yes/no answers": self.answers,
            "prompt suffix": self.prompt_suffix,
            "tokenizer": self._tokenizer.name,
            "lemmas": LEMMAS,
            **self._loaded,
        }

    def fields(self, item: Item) -> Sequence[str]:
        return [] if item.truth["kind"] == "generative" else ["truth"]

    def claim(self, item: Item, field: str) -> Claim | None:
        """The yes or no of a question, also of those about attributes and relations. Descriptions have no single labels."""
        if field not in self.fields(item):
            return None
        asked = _ASKED.search(item.question)
        object_name = node(asked[1].lower()) if asked and item.truth["kind"] == "existence" else item.question
        return Claim(item.id, field, item.truth["truth"], object_name, (item.truth["kind"],))

    def implied_labels(self, item: Item, score: Score) -> Mapping[str, ImpliedLabel]:
        return {"truth": ImpliedLabel(score.reading == "Yes")} if score.reading in ("Yes", "No") and self.fields(item) else {}

    def image_annotations(self, data: Data, items: Sequence[Item]) -> Mapping[str, ImageAnnotations]:
        """None: AMBER's images have no boxes and no reference captions."""
        return {}

    def edited(self, item: Item, edit: LabelEdit) -> Item | None:
        """The question after a reviewer's word; "removed" drops it (None)."""
        if edit.new == "removed":
            return None
        if edit.new == "right":
            return item
        truth = {**item.truth, "truth": "no" if item.truth["truth"] == "yes" else "yes"}
        return Item(item.id, item.image, item.question, truth, item.group)

    def nouns(self, text: str) -> list[str]:
        """WordNet lemmas of the words tagged as nouns, in the text's own case."""
        return [lemma(word) for word, tag in tagged(self._tokenizer.words(text)) if tag.startswith("NN")]

    def _describe(self, item: Item, text: str) -> Score:
        truth, hallu = item.truth["truth"], item.truth["hallu"]
        found = find_objects(
            self.nouns(text), truth, hallu, self._association, self._safe_words, self._vocabulary, self._similar
        )
        values = {
            "responses": 1.0,
            "clean": float(not found.invented),
            "nouns": float(len(found.nouns)),
            "invented": float(len(found.invented)),
            "covered": float(found.covered),
            "true_objects": float(len(truth)),
            "baited": float(found.baited),
            "bait_objects": float(len(hallu)),
        }
        why = "invented: " + ", ".join(found.invented) if found.invented else ""
        return Score(item.id, values, ", ".join(found.nouns), correct=not found.invented, why=why)

    def _decide(self, item: Item, text: str) -> Score:
        kind, is_no = item.truth["kind"], item.truth["truth"] == "no"
        said = self._read(text)
        right = said == ("No" if is_no else "Yes")
        counts = {
            "asked": True,
            "right": right,
            "is_no": is_no,
            "said_no": said == "No",
            "right_no": is_no and said == "No",
        }
        values = {f"{kind}/{name}": 1.0 for name, counted in counts.items() if counted}
        flag = "" if said in ("Yes", "No") else "unclear"
        return Score(item.id, values, reading=said[:40] if not flag else "neither", correct=right, flag=flag)

    def _read(self, text: str) -> str:
        first = _FIRST_WORD.match(text) if self.answers == "first_word" else None
        return first[1].capitalize() if first else text

    def _similar(self, one: str, other: str) -> bool:
        if self._measure is None:
            raise DataError("AMBER scores descriptions with words of its data folder: load the benchmark from it first.")
        return self._measure(one, other) > THRESHOLD

    def _task(self, row: Row) -> str:
        kind = _KIND_OF.get(row.text("type"))
        if kind is None:
            raise DataError(f"{row.where}: type {row['type']!r} is not one of {', '.join(_KIND_OF)}. Correct it.")
        return _TASK_OF.get(kind, kind)

    def _query(self, row: Row) -> tuple[str, str]:
        return f"{self.folder}/image/{row.file_name('image')}", row.question("query")

    def _item(self, row: Row, asked: Mapping[str, tuple[str, str]]) -> Item:
        number, kind = row.identifier("id"), _KIND_OF[row.text("type")]
        if number not in asked:
            raise DataError(f"{row.where}: {self.folder}/query/query_all.json has no query with id {number}. Fetch both again.")
        truth: dict[str, Any] = {"kind": kind, "truth": row["truth"]}
        if kind == "generative":
            truth["hallu"] = row.texts("hallu")
            unknown = [word for word in [*row.texts("truth"), *truth["hallu"]] if word not in self._association]
            if unknown:
                raise DataError(f"{row.where}: {unknown[0]!r} is not in {self.folder}/relation.json. Fetch both again.")
        elif kind not in KINDS or row["truth"] not in ("yes", "no"):
            raise DataError(f"{row.where}: the truth should be yes or no, not {row['truth']!r}. Correct it.")
        return Item(number, *asked[number], truth)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return shared_tokenizer()
