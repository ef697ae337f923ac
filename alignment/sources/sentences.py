"""Sentence-level pairs from the policy itself: where its answer begins to invent, and what it could have said instead.

The online counterpart of BDHS, after SENTINEL (Peng et al. 2025, arXiv:2507.12455): the policy samples several next sentences
behind what it has said so far; those whose objects are all in the image are set against those that name one that is not, with
what stands before as the context of both; the answer goes on with a sentence that invents nothing. Objects are checked against
the annotations of *training* images (SENTINEL: two detectors that agree), read with the vocabulary file.

Departures: a sentence without any object is neither side, but may continue the context; one pair a context. The yield report
counts contexts: `asked` those behind which sentences were sampled, and the prompts that were left out before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alignment.data.forms.object_annotations import read_objects
from alignment.data.invalid_pairs import STILL_REASONING, Dropped
from alignment.data.noun_counts import Vocabulary
from alignment.data.prompts import PROMPTS, Prompt, ReadsPrompts
from alignment.data.source_files import PROMPT_FILES
from alignment.data.stored_pairs import nouns
from alignment.data.yield_report import yield_report
from harness.core import registry
from harness.core.digests import seed_of
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Decoding, Request
from harness.core.final_answer import final_answer, without_reasoning
from harness.core.plugins import Data, Model, in_order
from harness.core.preference import PreferencePair

NEVER_BOTH = "no sentence with a counterpart"
UNKNOWN_IMAGE = "image without annotations"
SEVERAL_IMAGES = "several images (objects are those of one)"


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer in the making."""

    prompt: Prompt
    objects: frozenset[str]
    said: str = ""


@registry.source
class Sentences(ReadsPrompts):
    """Of the prompts' answers nothing is used: both sides are the policy's own."""

    files = PROMPT_FILES

    def __init__(
        self,
        prompts: str = PROMPTS,  # LLaVA-Instruct's format, in the data folder
        image_folder: str = "",  # folder of the file's images, in the data folder
        from_: Mapping[str, Any] | None = None,  # another source, whose prompts are taken: {name: vlfeedback}
        limit: int | None = None,  # use that many prompts, a uniform subsample by seed
        annotations: str = "coco/annotations/instances_train2014.json",  # objects of the training images, COCO's format
        vocabulary: str = "nouns.txt",  # nouns and synonyms of the annotated categories, one kind a line
        n_samples: int = 5,  # next sentences sampled behind each context
        n_sentences: int = 4,  # of an answer, at most
        temperature: float = 1.0,  # of the sampled sentences
        top_p: float = 1.0,  # nucleus of the sampled sentences
        max_new_tokens: int = 64,  # of a sentence
    ) -> None:
        if n_samples < 2 or n_sentences < 1 or not temperature > 0:
            raise ConfigError("sentences needs n_samples of at least 2, n_sentences of at least 1 and a temperature above 0.")
        self.take(locals())
        self._decoding = Decoding(max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, stop=(".",))
        self._report: dict[str, Any] = {}

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs in the order of the prompts and of their sentences."""
        o = self.options
        words = nouns(data, o["vocabulary"])
        if words is None:
            raise DataError(f"sentences needs {o['vocabulary']} in the data folder: one kind a line, synonyms by commas.")
        annotated = read_objects(data, o["annotations"])
        prompts, dropped = self.prompts(data, model, seed)
        dropped += [Dropped(p.id, SEVERAL_IMAGES) for p in prompts if isinstance(p.image, tuple)]
        named = {p.id: p.image for p in prompts if isinstance(p.image, str)}
        prompts, objects = [p for p in prompts if p.id in named], annotated.of(named.values())
        dropped += [Dropped(p.id, UNKNOWN_IMAGE) for p in prompts if objects[named[p.id]] is None]
        going = [_Answer(p, there) for p in prompts if (there := objects[named[p.id]]) is not None]
        made: dict[str, list[PreferencePair]] = {p.id: [] for p in prompts}
        asked = len(dropped)
        for place in range(o["n_sentences"]):
            asked += len(going)  # contexts: each may make a pair, so that there can be more pairs than prompts
            going = self._sentence(going, place, model, seed, words, made, dropped)
        found = [pair for p in prompts for pair in made[p.id]]
        self._report = yield_report(o, asked, found, [], dropped, words) | self.origin_report()
        yield from found

    def report(self) -> dict[str, Any]:
        return self._report

    def _sentence(
        self,
        going: Sequence[_Answer],
        place: int,
        model: Model,
        seed: int,
        words: Vocabulary,
        made: dict[str, list[PreferencePair]],
        dropped: list[Dropped],
    ) -> list[_Answer]:
        """Sample the next sentence of every answer; those that go on. Each has its pair in `made`, or why it has none in
        `dropped`."""
        n = self.options["n_samples"]
        requests = [
            Request(a.prompt.path, a.prompt.text, replace(self._decoding, seed=seed_of(seed, a.prompt.id, place, k)), a.said)
            for a in going
            for k in range(n)
        ]
        answers = in_order((pair for batch in model.generate(requests) for pair in batch), len(requests)) if requests else []
        on = []
        for i, own in enumerate(going):
            sampled = answers[i * n : (i + 1) * n]
            said = (without_reasoning(a.text).strip() for a in sampled if a.stopped != "length")
            texts = list(filter(None, dict.fromkeys(said)))
            good, bad, clean = _sorted(texts, own.objects, words)
            draw = random.Random(seed_of(seed, own.prompt.id, place, "pair"))
            chosen = draw.choice(good) if good else ""
            if good and bad:
                made[own.prompt.id].append(_pair(own, place, chosen, draw.choice(bad)))
            else:
                finished = all(final_answer(a.text).finished for a in sampled)
                dropped.append(Dropped(own.prompt.id, NEVER_BOTH if finished else STILL_REASONING))
            if chosen or clean:
                following = chosen or draw.choice(clean)
                on.append(replace(own, said=f"{own.said} {following}".strip()))
        return on


def _sorted(texts: Sequence[str], objects: frozenset[str], words: Vocabulary) -> tuple[list[str], list[str], list[str]]:
    """Sentences that name objects and only those that are there; that name one that is not; that name none."""
    good, bad, clean = list[str](), list[str](), list[str]()
    for text in texts:
        named = {mention.kind for mention in words.mentions(text)}
        (clean if not named else good if named <= objects else bad).append(text)
    return good, bad, clean


def _pair(own: _Answer, place: int, chosen: str, rejected: str) -> PreferencePair:
    p, meta = own.prompt, {"sentence": place}
    return PreferencePair(f"{p.id}/{place}", p.image, p.image_digest, p.text, chosen, (rejected,), "sentences", meta, own.said)
