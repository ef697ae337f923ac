"""Corruption: a text model, which does not see the image, puts realistic hallucinations into the chosen answers.

arXiv:2407.02477, section 5.3 and appendix C.1: the "corrupting strategy" on VLFeedback's chosen answers, there with GPT-4. Any
model of `python -m harness list models` can do it, a checkpoint in a folder or a server; its replies are remembered, so that a
run that goes on asks for the missing ones only. Without `model` a rule does it, which needs the nouns of the data folder.

    pairs: {name: corruption, from: {name: vlfeedback, chosen_by: GPT-4V}, limit: 5000, model: {name: openai, model: gpt-4}}

Replies that are empty, refused, cut off by the token limit or equal to the chosen answer are dropped and counted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignment.data.corruption.prompt import digest, filled, read_template
from alignment.data.corruption.replies import NO_REPLY, rejected_of
from alignment.data.corruption.rule import Rule
from alignment.data.invalid_pairs import IDENTICAL_ANSWERS, Dropped
from alignment.data.prompts import PROMPTS, Prompt, ReadsPrompts
from alignment.data.source_files import PROMPT_FILES
from alignment.data.stored_pairs import nouns
from alignment.data.yield_report import yield_report
from alignment.unused_options import refuse_unused
from harness.core import registry
from harness.core.digests import seed_of
from harness.core.errors import ConfigError, DataError, Unanswered
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.plugins import Data, Model, RemembersFor
from harness.core.preference import PreferencePair


@registry.source
class Corruption(ReadsPrompts):
    """Rejected answers are the chosen ones, corrupted."""

    files = PROMPT_FILES

    def __init__(
        self,
        prompts: str = PROMPTS,  # LLaVA-Instruct's format, in the data folder
        image_folder: str = "",  # folder of the file's images, in the data folder
        from_: Mapping[str, Any]
        | None = None,  # another source, whose prompts and chosen answers are taken: {name: vlfeedback}
        limit: int | None = None,  # use that many prompts, a uniform subsample by seed
        model: Mapping[str, Any] | None = None,  # text model that corrupts, a mapping as `model:` of the study; none: the rule
        template: str = "",  # file with the text to ask with ({question}, {answer}); "" is ours, after the paper's table 13
        temperature: float = 0.0,  # of the text model; the paper does not say
        max_new_tokens: int = 1024,  # longest reply, in tokens; a longer one is dropped
        skip_unanswered: bool = False,  # count prompts that a server gives no reply to, instead of stopping
        vocabulary: str = "nouns.txt",  # of the rule: nouns that are exchanged, one kind a line, in the data folder
        share: float = 0.25,  # of the rule: objects, numbers and positions of an answer that are exchanged, rounded up
    ) -> None:
        self.take(locals())
        if not 0 < share <= 1:
            raise ConfigError(f"corruption.share is {share}; it must be above 0 and at most 1.")
        by_model, by_rule = ("template", "temperature", "max_new_tokens", "skip_unanswered"), ("vocabulary", "share")
        ruled = (model is None, "without `model`", by_model)
        refuse_unused("source", "corruption", self.options, ruled, (model is not None, "with `model`", by_rule))
        self._decoding = Decoding(max_new_tokens=max_new_tokens, temperature=temperature)
        self._report: dict[str, Any] = {}

    def check(self, data: Data, seed: int) -> int:
        """How many prompts there are. Raises ConfigError for a template that cannot be used, DataError as `pairs` would."""
        read_template(self.options["template"])
        return super().check(data, seed)

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs in the order of the prompts. `model` is not asked; it remembers for the text model where it can."""
        prompts, dropped = self.prompts(data, model, seed)
        asked, made = len(prompts) + len(dropped), list[PreferencePair]()
        work = self._by_rule if self.options["model"] is None else self._by_model
        found, by = work(prompts, data, model, seed)
        for p, (text, why) in zip(prompts, found, strict=True):
            if why:
                dropped.append(Dropped(p.id, why))
            else:
                made.append(PreferencePair(p.id, p.image, p.image_digest, p.text, p.chosen, (text,), "corruption", by))
        report = yield_report(self.options, asked, made, [], dropped, nouns(data))
        self._report = report | dict(by) | self.origin_report()
        yield from made

    def report(self) -> dict[str, Any]:
        return self._report

    def _by_rule(
        self, prompts: Sequence[Prompt], data: Data, model: Model, seed: int
    ) -> tuple[list[tuple[str, str]], Mapping[str, Any]]:
        vocabulary = nouns(data, self.options["vocabulary"])
        if vocabulary is None:
            raise DataError(
                f"corruption has no `model` and no {self.options['vocabulary']} in the data folder. Name a text model "
                "(model: {name: openai, ...}), or put the nouns there: one kind a line, synonyms by commas."
            )
        rule = Rule(vocabulary, [p.chosen for p in prompts], self.options["share"])
        texts = [rule.corrupted(p.chosen, random.Random(seed_of(seed, p.id, "corruption"))) for p in prompts]
        found = [("", IDENTICAL_ANSWERS) if text == p.chosen else (text, "") for text, p in zip(texts, prompts, strict=True)]
        return found, {"corrupted_by": "rule"}

    def _by_model(
        self, prompts: Sequence[Prompt], data: Data, model: Model, seed: int
    ) -> tuple[list[tuple[str, str]], Mapping[str, Any]]:
        template = read_template(self.options["template"])
        chosen = {"name": "transformers", **self.options["model"]}
        asked: Model = registry.make("model", chosen.pop("name"), chosen)
        talking = model.remembering(asked, "corruption") if isinstance(model, RemembersFor) else asked
        requests = [Request(None, filled(template, p.text, p.chosen), self._decoding) for p in prompts]
        replies = dict[int, Answer]()
        try:
            for batch in talking.generate(requests):
                replies.update(batch)
        except Unanswered:
            if not self.options["skip_unanswered"] or not replies:
                raise
        found = [rejected_of(replies[n], p.chosen) if n in replies else ("", NO_REPLY) for n, p in enumerate(prompts)]
        return found, {"corrupted_by": asked.checkpoint.base, "prompt_digest": digest(template)}
