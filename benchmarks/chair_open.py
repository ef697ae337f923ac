"""CHAIR, open vocabulary: which nouns of a description that CHAIR's 80 classes do not cover are supported by nothing?

In the spirit of ALOHa (Petryk et al. 2024, arXiv:2404.02904) and OpenCHAIR (Ben-Kish et al. 2024, arXiv:2312.03631); neither's
code. The question, the images and so the answers are CHAIR's: nothing is generated twice.

    "A dog and a lamp." about an image with a dog: CHAIR covers "dog"; "lamp" is uncovered and has to be supported.

Without a judge a noun is supported where people used it: its lemma stands in the image's five reference captions or its
categories. That is a floor: what nobody mentioned counts as unsupported. With `judge` (chat) a language model is given the
image, the references' words and the uncovered nouns, and lists those that are not there; a judge that sees no image can only
weigh words. Nouns come from a tagger, so some name nothing one can see; the judge leaves these out.

How well the list agrees with people is measured by their marks in captions (`audit chair_open --captions N`): "false alarm" on
a noun listed here, "missed" on one that was not; `labels agreement` computes precision and recall.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from benchmarks._coco import annotations as _coco
from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._judged.object_list import object_list
from benchmarks._judged.unjudged import unjudged
from benchmarks._text.nouns import object_nouns
from benchmarks._text.spans import token_places
from benchmarks._text.wordnet import DATA as LEMMAS
from benchmarks._text.wordnet import lemma
from benchmarks.chair import Chair
from harness.core import registry
from harness.core.capabilities import version_for
from harness.core.evaluation import Answer, Example, Item, Score, Span, Verdict, ratio
from harness.core.judging import Facts, JudgeTask, Reply
from harness.core.options.option import PromptText
from harness.core.plugins import Data, Judge
from harness.labels.claims import ImpliedLabel

_START = attrgetter("start")
PROMPT = """A description of an image is checked for objects that are not there.

Description: {answer}
Words that people used in short captions of the same image: {seen}
Words to check: {nouns}

Which of the words to check name a visible object or part of one that is NOT in the image? Leave out words that name nothing
visible (a mood, a number, a direction). Reply with a JSON list of those words and nothing else, [] where there are none."""


def _unseen(question: str, answer: str, facts: Facts) -> Reply:
    """The judges' rule without a model: nouns that no reference contains."""
    seen = set(facts["seen"])
    found = [noun for noun in facts["nouns"] if lemma(noun) not in seen]
    return Reply(float(len(found)), ", ".join(found), json.dumps(found))


def _head(name: str) -> str:
    """The noun of a name as a judge may write it, "the brick fireplace": what it was asked about are single words."""
    return next(iter(name.lower().split()[::-1]), "").strip(".,;:!\"'`*()")


def _count(reply: str) -> float | None:
    names = object_list(reply, "tolerant")
    return None if names is None else float(len(names))


TASK = JudgeTask("open_objects", PROMPT, _count, rule=_unseen)
_NO_NOUNS = "no caption has a noun outside the 80 classes"
FORMULAS = (
    ratio("unsupported", ["unsupported"], ["uncovered"], better="lower", headline=True, unknown=_NO_NOUNS, role="hallucination",
          about="distinct nouns of each caption outside CHAIR's classes"),
    ratio("captions_unsupported", ["captions_unsupported"], ["captions"], better="lower", unknown="no captions",
          about="captions with such a noun"),
    ratio("uncovered", ["uncovered"], ["captions"], better="neither", unit="nouns", unknown="no captions", about="a caption"),
    ratio("covered", ["covered"], ["nouns"], better="neither", unknown="no nouns", about="nouns that CHAIR's classes cover"),
    ratio("judged", ["captions"], ["items"], better="neither", unknown="no answers"),
)  # fmt: skip


@registry.benchmark
class ChairOpen(Chair):
    """Nouns of descriptions outside CHAIR's 80 classes, and whether anything supports them."""

    title = "CHAIR, open vocabulary"
    version = 2  # 2: "the brick fireplace" of a judge's list is the word "fireplace" that it was asked about
    judge_tasks = (TASK,)
    examples = (
        Example(
            Item("1", "a.jpg", "", {"objects": ["dog", "lamp"]}),
            "A dog beside a lamp and a carpet.",
            {"items": 1.0, "captions": 1.0, "nouns": 3.0, "covered": 1.0, "uncovered": 2.0, "unsupported": 1.0}
            | {"captions_unsupported": 1.0},
        ),
    )

    def __init__(
        self,
        judge: Judge | None = None,
        variant: str = "official",  # how CHAIR's words are read: official or lemma
        images: str | None = None,  # file with the images to describe, in the data folder; null: all of the split
        limit_images: int | None = None,  # only the first N images
        prompt: PromptText = "Please describe this image in detail.",  # what the model is asked about every image
        max_new_tokens: int = 512,  # longest description, in tokens
        annotations: str = "coco/annotations",  # folder of COCO's annotations in the data folder
        year: str = "2014",  # of the annotation files
        split: str | None = None,  # val or train; null: val, and for `score` every image of the caption file
        image_folder: str = "coco",  # folder that holds val2014 and train2014
    ) -> None:
        super().__init__(variant, images, limit_images, prompt, max_new_tokens, False, annotations, year, split, image_folder)
        self.judge, self.formulas = judge, FORMULAS
        self._folder: Path | None = None

    def _items(self, data: Data, splits: Sequence[str]) -> list[Item]:
        """One item an image, as CHAIR; truth: {"objects": [lemma of any word of its references, ...]}."""
        rules = f"open chair {self.version} {self._tokenizer.name} {LEMMAS}"
        categories = {name: lemma(name) for name in _vocabulary.chair().node_of}
        truth = _coco.read_truth(data, self.annotations, self.year, self.split, categories, self._words_of, rules)
        self._folder = data.folder
        listed = super()._items(data, splits)
        return [replace(item, truth={"objects": sorted(truth.objects.get(item.id, []))}) for item in listed]

    def facts(self) -> dict[str, str]:
        judge = f"judge {self.judge.name} {version_for(self.judge, TASK)}" if self.judge else "the references' words"
        rest = {name: value for name, value in super().facts().items() if name != "truncated last sentence"}
        return {**rest, "lemmas": LEMMAS, "supported by": judge, "uncovered nouns": "perceptron tagger, in context"}

    def fields(self, item: Item) -> Sequence[str]:
        """None: the references' nouns are not labels that a reviewer could correct; captions are audited by marks."""
        return []

    def implied_labels(self, item: Item, score: Score) -> Mapping[str, ImpliedLabel]:
        return {}

    def score(self, item: Item, answer: Answer) -> Score:
        text = answer.text
        tokens = self._tokenizer.words(text.lower())
        mentions = _vocabulary.chair().mentions(self._words(tokens))[0]
        nodes, inside = {m.node for m in mentions}, {i for m in mentions for i in range(m.first, m.last)}
        places = [i for i in object_nouns(tokens) if i not in inside]
        nouns = list(dict.fromkeys(tokens[i] for i in places))
        verdict, missing = self._missing(item, text, nouns)
        if missing is None:
            return unjudged(item, verdict, "list of words")
        values = {
            "items": 1.0,
            "captions": 1.0,
            "nouns": float(len(nouns) + len(nodes)),
            "covered": float(len(nodes)),
            "uncovered": float(len(nouns)),
            "unsupported": float(len(missing)),
            "captions_unsupported": float(bool(missing)),
        }
        at = token_places(text, tokens)
        spans = [Span(*at[i], "invented" if tokens[i] in missing else "found") for i in places]
        reading = ", ".join(f"{noun}{' (unsupported)' if noun in missing else ''}" for noun in nouns)
        why = "unsupported: " + ", ".join(missing) if missing else ""
        spans += [Span(at[m.first][0], at[m.last - 1][1], "covered", m.node) for m in mentions]
        spans.sort(key=_START)
        return Score(item.id, values, reading, correct=not missing, why=why, verdict=verdict, spans=tuple(spans))

    def _words_of(self, caption: str) -> list[str]:
        """Lemmas of a caption's words: a noun is supported whatever the tagger takes its word for here."""
        return [lemma(word) for word in self._tokenizer.words(caption.lower()) if len(word) >= 3 and word.isalpha()]

    def _missing(self, item: Item, text: str, nouns: Sequence[str]) -> tuple[Verdict | None, list[str] | None]:
        """The nouns that nothing supports; None where the judge's reply is no list. Without nouns nobody is asked."""
        facts = {"nouns": nouns, "seen": item.truth["objects"]}
        if not nouns:
            return None, []
        if self.judge is None:
            return None, object_list(_unseen(item.question, text, facts).raw, "tolerant")
        verdict = self.judge.judge(TASK, item.question, text, facts, self._folder / item.image if self._folder else None)
        found = object_list(verdict.raw, "tolerant") if verdict.value is not None else None
        named = None if found is None else {lemma(_head(name)) for name in found}
        return verdict, None if named is None else [noun for noun in nouns if lemma(noun) in named]
