"""BDHS, one prompt at a time: what to ask the model in a try, and what its answers amount to.

The study's Algorithm 1 (arXiv:2407.02477, section 3.4). A `Draft` is one rejected answer in the making. In each try
it asks for the second halves of sentences, all independent of each other, so that the requests of all drafts run as
one batch. Every random draw comes from a seed made of (seed, prompt, draft, try, sentence): batching and order
change nothing.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from alignment.data.length_matching import Match
from alignment.data.prompts import Prompt
from alignment.data.sentences import Sentence, random_head, rejoin, split, swap_yes_no
from harness.core.digests import seed_of
from harness.core.evaluation import Answer, Decoding, HiddenImage, NoisyImage, Request
from harness.core.final_answer import final_answer, without_reasoning


@dataclass(frozen=True, slots=True)
class Rules:
    """How rejected answers are drawn; the options of `sources/bdhs.py`, where each is explained."""

    veil: HiddenImage = field(default_factory=lambda: HiddenImage(0.99, 0))  # the seed is that of each try
    noise_steps: int = 0
    n_tries: int = 5
    guided: bool = True
    free_last_try: bool = True
    cut_unit: str = "word"
    yes_no_rule: str = "word"
    splitter: str = "stop_and_space"
    decoding: Decoding = field(default_factory=Decoding)
    match: Match | None = None

    def is_free(self, attempt: int) -> bool:
        """Whether try 1..n_tries generates without the chosen answer as a guide."""
        return not self.guided or self.is_last_and_free(attempt)

    def is_last_and_free(self, attempt: int) -> bool:
        return self.has_free_last_try and attempt == self.n_tries

    @property
    def has_free_last_try(self) -> bool:
        return self.free_last_try and self.n_tries > 1


@dataclass(frozen=True, slots=True)
class Part:
    """One sentence of a draft: what was kept of the chosen one and what the model made of it."""

    head: str
    completion: str
    unfinished: bool = False  # the token limit came before a full stop


@dataclass(frozen=True, slots=True)
class Draft:
    """A rejected answer in the making: `parts` by sentence, None where it is still to be drawn."""

    prompt: Prompt
    number: int  # 0.. of several rejected answers to one prompt
    sentences: tuple[Sentence, ...]
    parts: tuple[Part | None, ...]
    text: str = ""
    attempt: int = 0  # tries so far
    free: bool = False  # generated without a guide
    n_tokens: int | None = 0  # generated for it, over all tries; None where a model does not count them
    similarity: float | None = None
    reasons: bool = False  # a sentence of it is the beginning of a reasoning: its text is then ""

    @property
    def unfinished(self) -> bool:
        return any(part is not None and part.unfinished for part in self.parts)


def new_draft(prompt: Prompt, number: int, rules: Rules) -> Draft:
    sentences = tuple(split(prompt.chosen, rules.splitter))
    return Draft(prompt, number, sentences, (None,) * len(sentences))


def requests_of(draft: Draft, rules: Rules, seed: int) -> list[Request]:
    """What to ask in the next try, in the order in which `taken` expects the answers."""
    attempt = draft.attempt + 1
    own = (seed, draft.prompt.id, draft.number, attempt)
    # one mask a try, shared by all sentences of the answer (Algorithm 1, line 2)
    hidden = replace(rules.veil, seed=seed_of(*own, "mask")) if rules.veil.share > 0 else None
    noise = NoisyImage(rules.noise_steps, seed_of(*own, "noise")) if rules.noise_steps > 0 else None
    if rules.is_free(attempt):
        decoding = replace(rules.decoding, seed=seed_of(*own, "free"))
        return [Request(draft.prompt.path, draft.prompt.text, decoding, "", hidden, noise)]
    requests = []
    for k in open_sentences(draft):
        sentence = draft.sentences[k]
        head = head_of(draft, k, rules, seed)
        # the clean chosen sentences are the context, never the corrupted ones (equation 7)
        prefix = sentence.before + sentence.lead + head if head else sentence.before
        decoding = replace(rules.decoding, seed=seed_of(*own, k, "complete"), stop=(".",))
        requests.append(Request(draft.prompt.path, draft.prompt.text, decoding, prefix, hidden, noise))
    return requests


def open_sentences(draft: Draft) -> list[int]:
    return [k for k, part in enumerate(draft.parts) if part is None]


def head_of(draft: Draft, k: int, rules: Rules, seed: int) -> str:
    """What is kept of sentence k in the next try: yes or no perhaps swapped, then cut."""
    draw = random.Random(seed_of(seed, draft.prompt.id, draft.number, draft.attempt + 1, k, "cut"))
    swapped = swap_yes_no(draft.sentences[k].text, draw, rules.yes_no_rule)
    return random_head(swapped, draw, rules.cut_unit)


def taken(draft: Draft, answers: Sequence[Answer], rules: Rules, seed: int) -> Draft:
    """The draft after a try: `answers` are those to `requests_of(draft, ...)`."""
    attempt, n_tokens = draft.attempt + 1, _added(draft.n_tokens, answers)
    reasons = not all(final_answer(answer.text).finished for answer in answers)
    draft = replace(draft, reasons=reasons)
    if rules.is_free(attempt):
        part = Part("", without_reasoning(answers[0].text), answers[0].stopped == "length")
        return replace(draft, parts=(part,), text=part.completion.strip(), attempt=attempt, free=True, n_tokens=n_tokens)
    parts = list(draft.parts)
    for k, answer in zip(open_sentences(draft), answers, strict=True):
        parts[k] = Part(head_of(draft, k, rules, seed), without_reasoning(answer.text), answer.stopped == "length")
    text = ""
    for sentence, done in zip(draft.sentences, parts, strict=True):
        if done is not None:
            text = rejoin(text, sentence.lead, done.head, done.completion)
    return replace(draft, parts=tuple(parts), text="" if reasons else text.strip(), attempt=attempt, n_tokens=n_tokens)


def _added(n_tokens: int | None, answers: Sequence[Answer]) -> int | None:
    if n_tokens is None or any(answer.n_tokens < 0 for answer in answers):
        return None
    return n_tokens + sum(answer.n_tokens for answer in answers)


def reopened(draft: Draft, rules: Rules, *, too_similar: bool) -> Draft:
    """The draft before its next try: all sentences open again, or with sentence-wise matching only the unfit ones.

    Keeping sentences that fit means that they were drawn under an earlier try's mask; the study draws all anew.
    """
    blank: tuple[Part | None, ...] = (None,) * len(draft.sentences)
    match = rules.match
    if match is None or match.unit != "sentence" or draft.free or rules.is_free(draft.attempt + 1):
        return replace(draft, parts=blank)
    fits = [
        part is not None and match.fits(rejoin("", "", part.head, part.completion), sentence.text)
        for sentence, part in zip(draft.sentences, draft.parts, strict=True)
    ]
    if too_similar and all(fits):  # what stayed as it was is what makes the answers alike
        fits = [
            part is not None and rejoin("", "", part.head, part.completion).strip() != sentence.text
            for sentence, part in zip(draft.sentences, draft.parts, strict=True)
        ]
    if all(fits):
        return replace(draft, parts=blank)
    return replace(draft, parts=tuple(p if ok else None for p, ok in zip(draft.parts, fits, strict=True)))


def meta_of(draft: Draft, rules: Rules) -> Mapping[str, object]:
    """Provenance of an accepted answer, JSON-able."""
    return {
        "tries": draft.attempt,
        "free": draft.free,
        "similarity": None if draft.similarity is None else round(draft.similarity, 6),
        "rho_th": rules.veil.share,
        "noise_steps": rules.noise_steps,
        "n_tokens": draft.n_tokens,
        "unfinished": draft.unfinished,
    }
