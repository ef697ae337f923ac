"""Log-odds of yes against no, from the logits of an answer's first token.

Where the vocabulary has the words whole this costs nothing and is what scoring them would give (`answer_logprobs`); where
it spells them in several tokens they have to be scored.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from harness.core.errors import ModelError
from harness.models._checkpoint.prompt_builder import PromptBuilder, Row

YES, NO = ("Yes", "yes"), ("No", "no")


class YesNoLogOdds:
    """Reads logits of first tokens with the tokenizer's tokens of yes and no behind each prompt."""

    def __init__(self, prompts: PromptBuilder) -> None:
        self._prompts = prompts
        self._words: dict[tuple[int, ...], tuple[int, ...] | None] = {}  # by the last tokens of the prompt

    def yes_nats(self, rows: Sequence[Row], logits: Tensor) -> list[float | None]:
        """log p(Yes or yes) - log p(No or no) of each row's first token, in nats; None where it takes more tokens.

        logits: (R, V), behind the prompts.
        """
        words = [None if row.request.prefix else self._of(row) for row in rows]
        found: list[float | None] = [None] * len(rows)
        for ids in dict.fromkeys(filter(None, words)):
            places = [r for r, own in enumerate(words) if own == ids]
            asked = logits[places].float()
            yes, no = list(ids[: len(YES)]), list(ids[len(YES) :])
            nats = asked[:, yes].logsumexp(-1) - asked[:, no].logsumexp(-1)
            for place, value in zip(places, nats.tolist(), strict=True):
                found[place] = value
        return found

    def _of(self, row: Row) -> tuple[int, ...] | None:
        """Tokens of the words in the order YES, NO; None where they are not one token each, or not known."""
        near = tuple(row.context)
        if near not in self._words:
            try:
                ids = self._prompts.answer_ids(row.request, [*YES, *NO])
            except ModelError:  # the template does not define how answers follow its prompts
                ids = []
            self._words[near] = tuple(own[0] for own in ids) if ids and all(len(own) == 1 for own in ids) else None
        return self._words[near]
