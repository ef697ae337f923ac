"""A control: rejected answers made without any model, by swapping nouns of the chosen answer at random.

What a method gains over this, it gains from hallucinations that the model itself would make. An answer that opens
with yes or no has that word turned round instead, as BDHS does. Same prompts and same options as `bdhs`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from alignment.data.invalid_pairs import Dropped
from alignment.data.noun_counts import Vocabulary, with_kind
from alignment.data.prompts import PROMPTS, Prompt, ReadsPrompts
from alignment.data.sentences import swap_opening
from alignment.data.source_files import PROMPT_FILES
from alignment.data.stored_pairs import nouns
from alignment.data.yield_report import yield_report
from harness.core import registry
from harness.core.digests import seed_of
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data, Model
from harness.core.preference import PreferencePair

NO_NOUN = "no noun to swap"


@registry.source
class RandomEdit(ReadsPrompts):
    """Swaps a share of the mentioned things for others, drawn uniformly from the vocabulary."""

    files = PROMPT_FILES

    def __init__(
        self,
        prompts: str = PROMPTS,  # LLaVA-Instruct's format, in the data folder
        image_folder: str = "",  # folder of the file's images, in the data folder
        from_: Mapping[str, Any]
        | None = None,  # another source, whose prompts and chosen answers are taken: {name: vlfeedback}
        limit: int | None = None,  # use that many prompts, a uniform subsample by seed
        vocabulary: str = "nouns.txt",  # nouns that are swapped, one kind a line, in the data folder
        share: float = 0.5,  # of an answer's mentions that are swapped, rounded up
    ) -> None:
        if not 0 < share <= 1:
            raise ConfigError(f"random_edit.share is {share}; it must be above 0 and at most 1.")
        self.take(locals())
        self._report: dict[str, Any] = {}

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs in the order of the prompts; the model is not asked."""
        o = self.options
        vocabulary = nouns(data, o["vocabulary"])
        if vocabulary is None:
            raise DataError(f"random_edit needs {o['vocabulary']} in the data folder: one kind a line, synonyms by commas.")
        prompts, dropped = self.prompts(data, model, seed)
        asked, pairs = len(prompts) + len(dropped), list[PreferencePair]()
        for p in prompts:
            text = edited(p, vocabulary, o["share"], random.Random(seed_of(seed, p.id, "random edit")))
            if text == p.chosen:
                dropped.append(Dropped(p.id, NO_NOUN))
            else:
                pairs.append(PreferencePair(p.id, p.image, p.image_digest, p.text, p.chosen, (text,), "random_edit"))
        self._report = yield_report(o, asked, pairs, [], dropped, vocabulary) | self.origin_report()
        yield from pairs

    def report(self) -> dict[str, Any]:
        return self._report


def edited(prompt: Prompt, vocabulary: Vocabulary, share: float, draw: random.Random) -> str:
    """The chosen answer with a share of its mentions swapped for kinds it does not mention."""
    swapped = swap_opening(prompt.chosen)
    if swapped != prompt.chosen:
        return swapped
    mentions = vocabulary.mentions(prompt.chosen)
    others = [kind for kind in vocabulary.kinds if kind not in {m.kind for m in mentions}]
    n = min(-int(-share * len(mentions) // 1), len(others))
    text = prompt.chosen
    new = draw.sample(others, n)
    for mention in sorted(draw.sample(mentions, n), key=lambda m: -m.start):  # from the end, so offsets stay true
        text = with_kind(text, mention, new.pop(), vocabulary)
    return text
