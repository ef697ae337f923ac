"""Object HalBench: invented objects in 300 detailed descriptions, with the objects read by an extractor.

Yu et al. 2023 (RLHF-V), arXiv:2312.00849; rules as in eval_gpt_obj_halbench.py and its summarize script:
response_hall = responses with an invented object / responses that name any COCO object; object_hall = invented /
distinct (word, object) pairs; object_recall = distinct true objects / true objects: the "Recall^coco" of the study.

The published extractor is GPT-3.5-turbo-0613 (retired) and spaCy's en_core_web_trf. Here:
extractor="judge"  any language model: a judge with the task "objects" (chat); the official way
extractor="nouns"  no model: NLTK's nouns of the answer stand in for the list; offline default
extractor="plain"  the official script without its language model: CHAIR on lemmas, repeats counted
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from benchmarks._coco import annotations as _coco
from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.object_labels import NONE_TRUE, ObjectLabels
from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, read_rows, repeated
from benchmarks._judged import object_list as _lists
from benchmarks._judged.object_answers import answer_form
from benchmarks._judged.unjudged import unjudged
from benchmarks._text.tokenizer import Tokenizer, shared_tokenizer
from benchmarks._text.wordnet import DATA as LEMMAS
from benchmarks._text.wordnet import lemma
from benchmarks.chair import Chair
from harness.core import registry
from harness.core.capabilities import version_for
from harness.core.errors import ConfigError, DataError, JudgeError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Score, Verdict, over, ratio
from harness.core.judging import JudgeTask
from harness.core.options.option import PromptText
from harness.core.plugins import Data, Judge
from harness.labels.claims import ImpliedLabel

EXTRACTORS = ("nouns", "plain", "judge")
_DESCRIBE = "Describe the image in detail."
_QUESTIONS = "object_halbench/obj_halbench_300_with_image.jsonl"
_VARIANT, _TAGGER = "tolerant", "nltk"
_INVENTED = " (invented)"
_SHORT = 3  # answers of so few words name no object and are never shown to the extractor


@registry.benchmark
class ObjectHalbench(ObjectLabels):
    """Object HalBench: hallucination by response and by object, and object recall."""

    title = "Object HalBench"
    answer_form = answer_form({})
    judge_tasks: tuple[JudgeTask, ...] = (_lists.TASK,)
    # 2: lemmas of the lists that come with this package; 3: official reads objects and texts; images by file; 4: words of the
    # vocabulary that NLTK takes for adjectives (puppy) are nouns
    version = 4
    files = (
        OfficialFile(
            _QUESTIONS, "RLHF-V/RLHF-V on GitHub, eval/data", "CC BY-NC 4.0, research only", "copy it; images are embedded"
        ),
        *Chair.files,
    )
    examples = (
        Example(
            Item("1", "a.jpg", "", {"objects": ["dog"]}),
            "A dog sits near a cat.",
            {"items": 1.0, "responses": 1.0, "hallucinated": 1.0, "with_objects": 1.0, "mentions": 2.0, "invented": 1.0}
            | {"true_found": 1.0, "true_total": 1.0, "words": 6.0},
        ),
    )

    def __init__(
        self,
        judge: Judge | None = None,
        extractor: str = "nouns",  # who lists an answer's objects: nouns, plain or judge
        variant: str = _VARIANT,  # how the extractor's reply is read: tolerant or official
        tagger: str = _TAGGER,
        file: str = _QUESTIONS,  # question file in the data folder
        describe: int | None = None,
        prompt: PromptText = _DESCRIBE,  # what is asked with `describe`
        annotations: str = "coco/annotations",  # folder of COCO's annotations in the data folder
        year: str = "2014",  # of the annotation files
        max_new_tokens: int = 512,  # longest description, in tokens
    ) -> None:
        """`tagger`: "nltk" or the name of an installed spaCy model. `describe`: instead of the official questions,
        ask `prompt` about the first N images of val (no question file needed)."""
        if extractor not in EXTRACTORS:
            raise ConfigError(f"Object HalBench has no extractor {extractor!r}; choose one of {', '.join(EXTRACTORS)}.")
        if variant not in ("official", "tolerant"):
            raise ConfigError(f"Object HalBench has no variant {variant!r}; choose official or tolerant.")
        if describe is not None and describe < 1:
            raise ConfigError(f"Object HalBench: describe is {describe}; give a number of images above 0 or leave it out.")
        if describe is None and prompt != _DESCRIBE:
            raise ConfigError("Object HalBench: prompt is asked with describe only; give describe, or a question file as file.")
        if extractor == "judge" and judge is None:
            raise JudgeError("Object HalBench with extractor: judge needs a judge. Add `judge: {name: chat, ...}` to it.")
        self.judge_tasks = (_lists.TASKS[variant],) if extractor == "judge" else ()
        self.unread_counts = "each entry, key or letter of the reply's JSON as a name" if variant == "official" else ""
        self.judge, self.extractor, self.variant, self.tagger = judge, extractor, variant, tagger
        self.file, self.describe, self.question = file, describe, prompt
        self.annotations, self.year, self.max_new_tokens = annotations.rstrip("/"), str(year), max_new_tokens
        self.formulas = FORMULAS
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """Raises ConfigError for options that have no effect beside others; a run that was stored with some still opens."""
        self._refuse_unused()
        rules = f"object halbench {self.version} {self._tokenizer.name} {_vocabulary.digest()}"
        truth = _coco.read_truth(data, self.annotations, self.year, "val", _vocabulary.refined().node_of, self._nodes_in, rules)
        self._loaded = {f"sha256 of {name}": digest for name, digest in truth.sources.items()}
        if self.describe is not None:
            chosen = [(n, n, self.question) for n in truth.ids_in(f"val{self.year}")[: self.describe]]
        else:
            self._loaded[f"sha256 of {self.file}"] = data.digest(self.file)
            chosen = [(str(i), *self._asked(row, truth)) for i, row in enumerate(read_rows(data, self.file), 1)]
            self._loaded |= repeated((number, question) for _, number, question in chosen)
        self._loaded["rows"], self.answer_form = str(len(chosen)), answer_form({item_id: n for item_id, n, _ in chosen})
        return [
            Item(item_id, f"coco/{truth.files[n]}", question, {"objects": truth.objects.get(n, [])})
            for item_id, n, question in chosen
        ]

    def prompt(self, item: Item) -> str:
        return item.question

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        text = answer.text.replace("Assistant:", "").strip()
        found, verdict = self._objects(item, text)
        if found is None:
            return unjudged(item, verdict, "list of objects")
        flag = _lists.unread_flag(verdict.raw, self.variant) if verdict is not None else ""
        return replace(score_objects(item, text, found, verdict), flag=flag)

    def facts(self) -> dict[str, str]:
        judge = self.judge if self.extractor == "judge" else None
        return {
            "extractor": f"judge {judge.name} {version_for(judge, _lists.TASK)}" if judge else self.extractor,
            **({"extractor parser": self.variant} if judge else {}),
            **({} if self.extractor == "plain" else {"noun tagger": self.tagger}),
            "vocabulary": f"refined from {_vocabulary.digest()}",
            "tokenizer": self._tokenizer.name,
            "lemmas": LEMMAS,
            **self._loaded,
        }

    def implied_labels(self, item: Item, score: Score) -> Mapping[str, ImpliedLabel]:
        """The nodes that the response names."""
        nodes = _vocabulary.refined().node_of
        words = (part.removesuffix(_INVENTED) for part in score.reading.split(", "))
        return {nodes[word]: ImpliedLabel(True) for word in words if word in nodes}

    def _refuse_unused(self) -> None:
        parses, tags = self.extractor == "judge", self.extractor != "plain"
        for option, is_unused, why in (
            ("file", self.describe is not None and self.file != _QUESTIONS, "with describe"),
            ("variant", not parses and self.variant != _VARIANT, f"with extractor: {self.extractor}"),
            ("tagger", not tags and self.tagger != _TAGGER, f"with extractor: {self.extractor}"),
        ):
            if is_unused:
                raise ConfigError(f"Object HalBench: {option} has no effect {why}. Take it out.")

    def _objects(self, item: Item, text: str) -> tuple[list[tuple[str, str]] | None, Verdict | None]:
        if self.extractor == "plain":
            return self._plain(text), None
        if len(text.split()) <= _SHORT:
            return [], None
        if self.extractor == "nouns":
            nouns = _lists.nouns_of(self._tokenizer.words(text.lower()))
            return _lists.nodes_of(_lists.candidates(nouns, self._tag)), None
        assert self.judge is not None
        verdict = self.judge.judge(self.judge_tasks[0], item.question, text, {}, None)
        names = _lists.object_list(verdict.raw, self.variant)
        return None if names is None else _lists.nodes_of(_lists.candidates(names, self._tag)), verdict

    def _plain(self, text: str) -> list[tuple[str, str]]:
        words = [lemma(token) for token in self._tokenizer.words(text.lower())]
        return [(mention.word, mention.node) for mention in _vocabulary.refined().mentions(words)[0]]

    def _nodes_in(self, caption: str) -> list[str]:
        return [node for _, node in self._plain(caption)]

    def _asked(self, row: Row, truth: _coco.Truth) -> tuple[str, str]:
        number = truth.id_of(row.identifier("image_id"))
        if number is None:
            raise DataError(f"{row.where}: image {row['image_id']} is not in the COCO annotations. Fetch them again.")
        return number, row.question("question" if "question" in row.values else "prompt")

    @cached_property
    def _tag(self) -> Callable[[str], _lists.Tagged]:
        if self.tagger == _TAGGER:
            return _lists.nltk_tagger
        try:
            return _lists.spacy_tagger(self.tagger)
        except OSError as error:
            hint = f"Install it with `python -m spacy download {self.tagger}` or use tagger: nltk."
            raise ConfigError(f"Object HalBench: spaCy has no model {self.tagger!r}. {hint}") from error

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return shared_tokenizer()


def score_objects(item: Item, text: str, found: Sequence[tuple[str, str]], verdict: Verdict | None = None) -> Score:
    """Addends from the (word, node) pairs of one response. "words" splits at spaces, so "" has one, as in the original."""
    truth = frozenset(item.truth["objects"])
    invented = [word for word, node in found if node not in truth]
    values = {
        "items": 1.0,
        "responses": 1.0,
        "hallucinated": float(bool(invented)),
        "with_objects": float(bool(found)),
        "mentions": float(len(found)),
        "invented": float(len(invented)),
        "true_found": float(len(truth.intersection(node for _, node in found))),
        "true_total": float(len(truth)),
        "words": float(len(text.split(" "))),
    }
    reading = ", ".join(f"{word}{'' if node in truth else _INVENTED}" for word, node in found)
    why = "invented: " + ", ".join(invented) if invented else ""
    return Score(item.id, values, reading, correct=not invented, why=why, verdict=verdict)


def _one_minus(top: str, bottom: str) -> Callable[[Any], Any]:
    return lambda sums: over(sums[bottom] - sums[top], sums[bottom])


_NONE = "no response names any of the 80 objects"
FORMULAS = (
    ratio("response_hall", ["hallucinated"], ["with_objects"], better="lower", headline=True, unknown=_NONE),
    ratio("object_hall", ["invented"], ["mentions"], better="lower", headline=True, unknown=_NONE, role="hallucination"),
    ratio(
        "object_recall",
        ["true_found"],
        ["true_total"],
        headline=True,
        unknown=NONE_TRUE,
        role="helpfulness",
        published_as="COCO recall",
    ),
    ratio("length", ["words"], ["responses"], better="neither", unit="words", unknown="no responses"),
    ratio("chair_s", ["hallucinated"], ["responses"], better="lower", unknown="no responses", title="CHAIRs"),
    Formula("response_correct", _one_minus("hallucinated", "with_objects"), unknown=_NONE),
    Formula("object_correct", _one_minus("invented", "mentions"), unknown=_NONE),
    ratio("judged", ["responses"], ["items"], better="neither", unknown="no answers"),
)
