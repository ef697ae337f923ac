"""CHAIR: which of the 80 COCO objects does a description name that are not in the image?

Rohrbach et al. 2018, arXiv:1809.02156; rules as in LisaAnne/Hallucination utils/chair.py:
CHAIRs = captions with an invented object / captions; CHAIRi = invented mentions / mentions (repeats count).
Recall (distinct true objects named / true objects, as Maxlinn's port and OPERA) and length stand beside them always:
saying less is the cheapest way to a better CHAIR.

Variant "official" reads words through pattern's singulariser (it never sees "bus"); "lemma" through WordNet by part of
speech, in captions and references, as OPERA and most decoding papers do. They differ by up to 3.4 points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter

from benchmarks._coco import annotations as _coco
from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.image_list import names_of_item, of_several_folders, read_image_list
from benchmarks._coco.object_labels import NONE_TRUE, ObjectLabels
from benchmarks._coco.vocabulary import Mention
from benchmarks._files.official_files import VAL_IMAGES, OfficialFile
from benchmarks._text.nouns import NounGuess, lemmas
from benchmarks._text.singular import singularize
from benchmarks._text.spans import token_places
from benchmarks._text.tokenizer import Tokenizer, shared_tokenizer
from benchmarks._text.wordnet import DATA as LEMMAS
from harness.core import registry
from harness.core.edge.answer_form import AnswerForm, image_keys
from harness.core.edge.processes import until_idle
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Number, Score, Span, Sums, over, ratio
from harness.core.options.option import PromptText
from harness.core.plugins import Data
from harness.labels.claims import ImpliedLabel

_ANNOTATIONS = "http://images.cocodataset.org/annotations/annotations_trainval2014.zip"


@registry.benchmark
class Chair(ObjectLabels):
    """Object hallucination in open descriptions of COCO images."""

    title = "CHAIR"
    answer_form = AnswerForm(("caption", "text", "answer", "response"), image_keys, names_of_item, repeats=True, subset=True)
    version = 2  # 2: ids of images are one id however they are written
    files = (
        *(
            OfficialFile(f"coco/{n}", "COCO 2014", "CC BY 4.0", "unpack the archive in coco/", url=_ANNOTATIONS, member=n)
            for n in (
                f"annotations/{kind}_{split}2014.json" for kind in ("instances", "captions") for split in ("val", "train")
            )
        ),
        VAL_IMAGES,
    )
    examples: tuple[Example, ...] = (
        Example(
            Item("1", "a.jpg", "", {"objects": ["cat"]}),
            "A dog and a cat. The dog sleeps.",
            {"mentions": 3.0, "invented": 2.0, "captions": 1.0, "captions_invented": 1.0, "true_found": 1.0, "true_total": 1.0}
            | {"words": 10.0},
        ),
        Example(
            Item("2", "b.jpg", "", {"objects": ["cat"]}),
            "A lovely day.",
            {"mentions": 0.0, "invented": 0.0, "captions": 1.0, "captions_invented": 0.0, "true_found": 0.0, "true_total": 1.0}
            | {"words": 4.0},
        ),
    )

    def __init__(
        self,
        variant: str = "official",  # official (pattern's singular forms) or lemma (WordNet)
        images: str | None = None,  # file with the images to describe, in the data folder; null: all of the split
        limit_images: int | None = None,  # only the first N images
        prompt: PromptText = "Please describe this image in detail.",  # what the model is asked about every image
        max_new_tokens: int = 512,  # longest description, in tokens
        drop_truncated: bool = False,  # leave out an unfinished last sentence, as OPERA does
        annotations: str = "coco/annotations",  # folder of COCO's annotations in the data folder
        year: str = "2014",  # of the annotation files
        split: str | None = None,  # val or train; null: val, and for `score` every image of the caption file
        image_folder: str = "coco",  # folder that holds val2014 and train2014
    ) -> None:
        if variant not in ("official", "lemma"):
            raise ConfigError(f"CHAIR has no variant {variant!r}; choose official or lemma.")
        if split not in (None, *_coco.SPLITS):
            raise ConfigError(f"CHAIR has no split {split!r}; choose one of {', '.join(_coco.SPLITS)}.")
        if limit_images is not None and limit_images < 1:
            raise ConfigError(f"CHAIR: limit_images is {limit_images}; give a number above 0 or leave it out.")
        self.variant, self.images, self.limit_images = variant, images, limit_images
        self.question, self.max_new_tokens, self.drop_truncated = prompt, max_new_tokens, drop_truncated
        self.annotations, self.year, self.split = annotations.rstrip("/"), str(year), split or "val"
        given = {"split": split, "images": images, "limit_images": limit_images}
        self.chosen = ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)
        self.image_folder = image_folder.rstrip("/")
        self.formulas: tuple[Formula, ...] = FORMULAS
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """One item an image, in the order of the image list; truth: {"objects": [node, ...]}."""
        return self._items(data, (self.split,))

    def known(self, data: Data) -> list[Item]:
        """The images that the options choose; where none does, those of both splits."""
        return self._items(data, (self.split,) if self.chosen else _coco.SPLITS)

    def _items(self, data: Data, splits: Sequence[str]) -> list[Item]:
        lists = f" {LEMMAS}" if self.variant == "lemma" else ""
        rules = f"chair {self.variant}{lists} {self.version} {self._tokenizer.name} {_vocabulary.digest()}"
        truth = _coco.read_truth(
            data, self.annotations, self.year, self.split, _vocabulary.chair().node_of, self._nodes_in, rules
        )
        all_of = [number for split in splits for number in truth.ids_in(f"{split}{self.year}")]
        listed, facts = all_of, dict[str, str]()
        if self.images:
            chosen = read_image_list(data, self.images, truth)
            listed, facts = chosen.ids, {"sha256 of image list": data.digest(self.images), **chosen.facts}
        self._loaded = {f"sha256 of {name}": digest for name, digest in truth.sources.items()} | facts
        return [
            Item(n, f"{self.image_folder}/{truth.files[n]}", self.question, {"objects": truth.objects.get(n, [])})
            for n in listed[: self.limit_images]
        ]

    @property
    def by_end(self) -> str:
        """See `ReadsEnds`."""
        return "drop_truncated=true" if self.drop_truncated else ""

    def prompt(self, item: Item) -> str:
        return item.question

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        text, truncated = answer.text, answer.stopped == "length"
        if truncated and self.drop_truncated:
            text = text[: text.rfind(".") + 1]  # as OPERA does by hand for its 64-token captions
        tokens = self._tokenizer.words(text.lower())
        mentions, n_words = _vocabulary.chair().mentions(self._words(tokens))
        truth = frozenset(item.truth["objects"])
        invented = [m for m in mentions if m.node not in truth]
        values = {
            "mentions": float(len(mentions)),
            "invented": float(len(invented)),
            "captions": 1.0,
            "captions_invented": float(bool(invented)),
            "true_found": float(len(truth.intersection(m.node for m in mentions))),
            "true_total": float(len(truth)),
            "words": float(n_words),
        }
        return Score(
            item.id,
            values,
            reading=", ".join(f"{m.node}{'' if m.node in truth else ' (invented)'}" for m in mentions),
            correct=not invented,
            flag="truncated" if truncated else "",
            spans=self._spans(text, tokens, mentions, truth),
            why="invented: " + ", ".join(dict.fromkeys(m.word for m in invented)) if invented else "",
        )

    def facts(self) -> dict[str, str]:
        return {
            "variant": self.variant,
            "prompt": self.question,
            "max_new_tokens": str(self.max_new_tokens),
            "truncated last sentence": "dropped" if self.drop_truncated else "kept",
            "vocabulary": _vocabulary.digest(),
            "tokenizer": self._tokenizer.name,
            "uncovered nouns": self._nouns.name,
            "image list": self.images or f"all of {self.split}{self.year} by id",
            **({"lemmas": LEMMAS} if self.variant == "lemma" else {}),
            **self._loaded,
        }

    def facts_of(self, items: Sequence[Item]) -> dict[str, str]:
        images = {item.image for item in items}
        mixed = {} if self.chosen else of_several_folders(images, f"{self.image_folder}/{self.split}{self.year}")
        return {"images": str(len(images)), **mixed}

    def implied_labels(self, item: Item, score: Score) -> Mapping[str, ImpliedLabel]:
        """The nodes that the caption names."""
        return {span.node: ImpliedLabel(True) for span in score.spans if span.node}

    def words(self, text: str) -> list[str]:
        """The text as CHAIR sees it: singular forms (or lemmas) with double words merged."""
        return _vocabulary.chair().merge(self._words(self._tokenizer.words(text.lower())))[0]

    def mentions(self, text: str) -> list[Mention]:
        """The vocabulary words of a text, in order, repeats kept."""
        return _vocabulary.chair().mentions(self._words(self._tokenizer.words(text.lower())))[0]

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return shared_tokenizer()

    @cached_property
    def _nouns(self) -> NounGuess:
        return shared_noun_guess()

    @property
    def _words(self) -> Callable[[Sequence[str]], list[str]]:
        return _singular_words if self.variant == "official" else lemmas

    def _nodes_in(self, caption: str) -> list[str]:
        return [mention.node for mention in self.mentions(caption)]

    def _spans(self, text: str, tokens: Sequence[str], mentions: Sequence[Mention], truth: frozenset[str]) -> tuple[Span, ...]:
        places = token_places(text, tokens)
        spans = [
            Span(places[m.first][0], places[m.last - 1][1], "found" if m.node in truth else "invented", m.node)
            for m in mentions
        ]
        covered = {i for m in mentions for i in range(m.first, m.last)}
        spans += [Span(*places[i], "uncovered") for i in self._nouns.among(tokens) if i not in covered]
        return tuple(sorted(spans, key=_START))


_START = attrgetter("start")


def _singular_words(tokens: Sequence[str]) -> list[str]:
    return list(map(singularize, tokens))


@until_idle
def shared_noun_guess() -> NounGuess:
    """One noun guess for all, with its memory."""
    return NounGuess()


def _f1(sums: Sums) -> Number:
    """Harmonic mean of 1 - CHAIRi and recall."""
    precision = over(sums["mentions"] - sums["invented"], sums["mentions"])
    recall = over(sums["true_found"], sums["true_total"])
    return over(2 * precision * recall, precision + recall)


_NONE_NAMED = "no caption names any of the 80 objects"
FORMULAS = (
    ratio("chair_s", ["captions_invented"], ["captions"], better="lower", unknown="no captions", title="CHAIRs"),
    ratio("chair_i", ["invented"], ["mentions"], better="lower", headline=True, unknown=_NONE_NAMED, role="hallucination",
          title="CHAIRi"),
    ratio("recall", ["true_found"], ["true_total"], headline=True, unknown=NONE_TRUE, role="helpfulness"),
    Formula("precision", lambda s: over(s["mentions"] - s["invented"], s["mentions"]), unknown=_NONE_NAMED),
    Formula("f1", _f1, unknown="precision or recall is unknown, or both are 0"),
    ratio("length", ["words"], ["captions"], better="neither", unit="words", headline=True, unknown="no captions"),
)  # fmt: skip
