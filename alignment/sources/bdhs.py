"""BDHS: the model's own answers with the image mostly hidden, as rejected ones.

"Bias-driven hallucination sampling", arXiv:2407.02477, section 3.4 and Algorithm 1. Each sentence of the chosen
answer is cut at a random place and finished by the model, which sees about 1 % of the image tokens and the clean
chosen sentences before it; an answer that is too similar to the chosen one is drawn again with another mask and other
cuts; the last try is free and taken as it comes.

Departures: an opening yes or no is turned round only where it is a whole word; the printed expression has no word boundary
and also makes "Yest" of "Not" and "Yesw" of "Now" (`yes_no_rule: printed`). Pairs whose sides are identical are dropped;
without a free last try, pairs still too similar after the last try are dropped, not kept. `matched` (off by default) is ours,
see alignment/data/length_matching.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alignment.data.bdhs_drafts import Draft, Rules, meta_of, new_draft, reopened, requests_of, taken
from alignment.data.invalid_pairs import IDENTICAL_ANSWERS, STILL_REASONING, Dropped
from alignment.data.length_matching import Match, check_match
from alignment.data.noun_counts import Vocabulary
from alignment.data.prompts import PROMPTS, Prompt, ReadsPrompts, unreadable
from alignment.data.sentences import CUT_UNITS, SPLITTERS, YES_NO_RULES
from alignment.data.similarity import make_embedder
from alignment.data.source_files import PROMPT_FILES
from alignment.data.yield_report import yield_report
from alignment.unused_options import refuse_unused
from harness.core import registry
from harness.core.errors import ConfigError, ImageError
from harness.core.evaluation import Decoding, HiddenImage, Request
from harness.core.plugins import Data, Model, in_order
from harness.core.preference import PreferencePair, paths_of

_CHOICES = {
    "cut_unit": CUT_UNITS,
    "yes_no_rule": tuple(YES_NO_RULES),
    "splitter": SPLITTERS,
    "hidden_positions": ("kept", "closed"),
    "newline_tokens": ("counted", "shown"),
}
TOO_SIMILAR = "too similar"
UNMATCHED = "unmatched"
EMPTY = "empty rejected answer"


@registry.source
class Bdhs(ReadsPrompts):
    """Preference pairs by hiding the image; see the module for the algorithm."""

    files = PROMPT_FILES

    def __init__(
        self,
        prompts: str = PROMPTS,  # LLaVA-Instruct's format, in the data folder
        image_folder: str = "",  # folder of the file's images, in the data folder
        from_: Mapping[str, Any]
        | None = None,  # another source, whose prompts and chosen answers are taken: {name: vlfeedback}
        limit: int | None = None,  # use that many prompts, a uniform subsample by seed
        rho_th: float = 0.99,  # share of image tokens hidden; 0 hides nothing, 1 everything
        noise_steps: int = 0,  # diffusion steps of noise on the image: the study's BDHS_noise is 500 with rho_th 0
        n_tries: int = 5,  # draws of an answer, the last one free and taken as it comes (see `free_last_try`)
        epsilon_s: float = 0.97,  # accepted if less similar than this, above 0 and at most 1
        embedder: str = "bag_of_words",  # or a sentence-transformers name; the study's 0.97 is of all-mpnet-base-v2
        cut_unit: str = "word",  # where a sentence is cut: word or character
        guided: bool = True,  # False: free generation under the mask, without the chosen answer's halves
        free_last_try: bool = True,  # the last of several tries generates freely; the last is taken as it comes
        hidden_positions: str = "kept",  # of tokens behind a hidden one; closed: counted as if it were not there
        newline_tokens: str = "counted",  # LLaVA-1.6's may be hidden like the others; shown: never hidden, and not counted
        yes_no_rule: str = "word",  # "printed" also swaps in "Not", "Now", "Nobody", as the paper's expression does
        temperature: float = 1.0,  # of the sampled completions
        top_p: float = 1.0,  # nucleus of the sampled completions
        max_new_tokens: int = 256,  # of a sentence's rest, and of a free answer
        splitter: str = "stop_and_space",  # how an answer is cut into sentences; punkt (NLTK's) knows "Mr." and "e.g."
        n_rejected: int = 1,  # rejected answers a prompt
        vocabulary: str = "nouns.txt",  # nouns that the yield report counts, if the data folder has it
        matched: Mapping[str, Any] | None = None,  # {"mentions": 0, "length": 0.1, "unit": "answer", "vocabulary": ..}
        keep_unmatched: bool = False,  # with `matched`: keep what never fitted instead of dropping it
    ) -> None:
        self.take(locals())
        self._check()
        self._matched = None if matched is None else check_match(matched)
        self._vocabulary_name = str((matched or {}).get("vocabulary", vocabulary))
        self.embedder, self._epsilon_s, self._n_rejected = make_embedder(embedder), epsilon_s, n_rejected
        self.rejected_each = 1 if n_rejected == 1 else None  # of several, some may not be found
        self._keep_unmatched = keep_unmatched
        decoding = Decoding(max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p)
        veil = HiddenImage(rho_th, 0, hidden_positions, newline_tokens)
        self._rules = Rules(veil, noise_steps, n_tries, guided, free_last_try, cut_unit, yes_no_rule, splitter, decoding)
        self._report: dict[str, Any] = {}

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs in the order of the prompts, after all tries; call `report` afterwards."""
        vocabulary = self._vocabulary(data)
        rules = replace(self._rules, match=self._match(vocabulary))
        prompts, dropped = self.prompts(data, model, seed)
        drafts, unfit = self.draw(prompts, model, seed, rules)
        pairs, merged = _pairs(prompts, drafts, rules)
        missing = [d for d in unfit if d.id not in {p.id for p in pairs}]
        asked = len(prompts) + len(dropped)
        lost = [*dropped, *_first(missing), *merged]
        self._report = yield_report(self.options, asked, pairs, drafts, lost, vocabulary) | self.origin_report()
        if rules.guided and rules.has_free_last_try:  # without a guide all tries are free
            self._report["free_last_tries"] = sum(d.free for d in drafts)
        yield from pairs

    def report(self) -> dict[str, Any]:
        return self._report

    def draw(
        self, prompts: Sequence[Prompt], model: Model, seed: int, rules: Rules | None = None
    ) -> tuple[list[Draft], list[Dropped]]:
        """Rejected answers for prompts: the accepted drafts, and the ids of those that never fitted with a reason."""
        rules = rules or self._rules
        open_drafts = [new_draft(p, number, rules) for p in prompts for number in range(self._n_rejected)]
        accepted, dropped = list[Draft](), list[Dropped]()
        while open_drafts:
            try:
                tried = self._try(open_drafts, model, seed, rules)
            except ImageError as error:
                dropped += unreadable([d.prompt for d in open_drafts], error)
                open_drafts = [d for d in open_drafts if error.path not in paths_of(d.prompt.path)]
                continue
            open_drafts = []
            for draft in tried:
                fault = self._fault(draft, rules)
                if not fault:
                    accepted.append(draft)
                elif draft.attempt < rules.n_tries:
                    open_drafts.append(reopened(draft, rules, too_similar=fault == TOO_SIMILAR))
                else:
                    dropped.append(Dropped(draft.prompt.id, fault))
        order = {p.id: i for i, p in enumerate(prompts)}
        accepted.sort(key=lambda d: (order[d.prompt.id], d.number))
        return accepted, dropped

    def _try(self, drafts: Sequence[Draft], model: Model, seed: int, rules: Rules) -> list[Draft]:
        """One try of all drafts: all their sentences in one call, then their similarities."""
        asked = [requests_of(draft, rules, seed) for draft in drafts]
        requests: list[Request] = [r for own in asked for r in own]
        answers = in_order((pair for batch in model.generate(requests) for pair in batch), len(requests))
        tried, start = list[Draft](), 0
        for draft, own in zip(drafts, asked, strict=True):
            tried.append(taken(draft, answers[start : start + len(own)], rules, seed))
            start += len(own)
        similar = self.embedder.similarities([(d.text, d.prompt.chosen) for d in tried])
        return [replace(d, similarity=s) for d, s in zip(tried, similar, strict=True)]

    def _fault(self, draft: Draft, rules: Rules) -> str:
        """Why a tried draft cannot be taken, or ""."""
        last = draft.attempt >= rules.n_tries
        if not draft.text:
            return STILL_REASONING if draft.reasons else EMPTY
        if draft.text == draft.prompt.chosen.strip():
            return TOO_SIMILAR if not last else IDENTICAL_ANSWERS
        taken = last and rules.free_last_try  # as it comes, of one try too: Algorithm 1 ends with what it has
        if not taken and (draft.similarity or 0.0) >= self._epsilon_s:
            return TOO_SIMILAR
        if rules.match is not None and not rules.match.fits(draft.text, draft.prompt.chosen):
            return "" if last and self._keep_unmatched else UNMATCHED
        return ""

    def _vocabulary(self, data: Data) -> Vocabulary | None:
        if self._matched is None and not data.has(self._vocabulary_name):
            return None  # the report then has no mention counts
        return Vocabulary.parse(data.read_text(self._vocabulary_name), self._vocabulary_name)

    def _match(self, vocabulary: Vocabulary | None) -> Match | None:
        if self._matched is None or vocabulary is None:
            return None
        tolerances = {k: v for k, v in self._matched.items() if k != "vocabulary"}
        return Match(vocabulary, **tolerances)

    def _check(self) -> None:
        o = self.options
        for key, known in _CHOICES.items():
            if o[key] not in known:
                raise ConfigError(f"bdhs.{key} is {o[key]!r}; choose one of {', '.join(known)}.")
        if not 0 <= o["rho_th"] <= 1:
            raise ConfigError(f"bdhs.rho_th is {o['rho_th']}; it is a share of image tokens, 0 to 1 (0.99 is the study's).")
        if not 0 < o["epsilon_s"] <= 1:
            raise ConfigError(f"bdhs.epsilon_s is {o['epsilon_s']}; it is a similarity, above 0 and at most 1 (0.97).")
        if not 0 <= o["noise_steps"] <= 1000:
            raise ConfigError(f"bdhs.noise_steps is {o['noise_steps']}; give 0 (none) to 1000 (the study's default is 500).")
        if o["n_tries"] < 1 or o["n_rejected"] < 1:
            raise ConfigError("bdhs.n_tries and n_rejected must be at least 1.")
        matched = o["matched"] or {}
        refuse_unused(
            "source",
            "bdhs",
            o,
            (not matched, "without `matched`", ("keep_unmatched",)),
            ("vocabulary" in matched, "with `matched.vocabulary`", ("vocabulary",)),
            (o["rho_th"] == 0, "with rho_th 0, which hides nothing", ("hidden_positions", "newline_tokens")),
            (not o["guided"], "with `guided: false`, which cuts no sentences", ("cut_unit", "splitter", "yes_no_rule")),
        )


def _pairs(prompts: Sequence[Prompt], drafts: Sequence[Draft], rules: Rules) -> tuple[list[PreferencePair], list[Dropped]]:
    """One pair a prompt with its distinct rejected answers; the report's count of what was merged away."""
    by_id: dict[str, list[Draft]] = {}
    merged = list[Dropped]()
    for draft in drafts:
        own = by_id.setdefault(draft.prompt.id, [])
        if any(draft.text == other.text for other in own):
            merged.append(Dropped(draft.prompt.id, "repeated rejected answer"))
        else:
            own.append(draft)
    pairs = []
    for p in prompts:
        if own := by_id.get(p.id, []):
            meta = meta_of(own[0], rules) if len(own) == 1 else {"drafts": [dict(meta_of(d, rules)) for d in own]}
            texts = tuple(d.text for d in own)
            pairs.append(PreferencePair(p.id, p.image, p.image_digest, p.text, p.chosen, texts, "bdhs", meta))
    return pairs, merged


def _first(dropped: Sequence[Dropped]) -> list[Dropped]:
    """One reason a prompt, though several of its drafts may have failed."""
    return list({d.id: d for d in reversed(dropped)}.values())
