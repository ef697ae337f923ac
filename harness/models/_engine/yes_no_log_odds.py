"""Which way a model leans before its first word: the log-odds of yes, read off what chose an answer's first token.

Where the vocabulary has the words whole this costs nothing and is what scoring them would give (`_scoring.py`); where it
spells them in several tokens they have to be scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from harness.models._checkpoint.chat_template import token_ids
from harness.models._checkpoint.prompt_builder import Row

YES, NO = ("Yes", "yes"), ("No", "no")


class _Words(NamedTuple):
    yes: list[int]
    no: list[int]


class Leaning:
    """Reads logits of first tokens with a tokenizer's own words for yes and no."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._words: dict[str, _Words | None] = {}

    def yes_nats(self, rows: Sequence[Row], logits: Tensor) -> list[float | None]:
        """log p(Yes or yes) - log p(No or no) of each row's first token, in nats; None where it takes more tokens.

        logits: (R, V), behind the prompts.
        """
        heads = ["" if row.request.prefix else row.head for row in rows]
        found: list[float | None] = [None] * len(rows)
        for head in dict.fromkeys(heads):
            words = self._of(head)
            if words is None:
                continue
            places = [r for r, own in enumerate(heads) if own == head]
            asked = logits[places].float()
            nats = asked[:, words.yes].logsumexp(-1) - asked[:, words.no].logsumexp(-1)
            for place, value in zip(places, nats.tolist(), strict=True):
                found[place] = value
        return found

    def _of(self, head: str) -> _Words | None:
        if head not in self._words:
            yes, no = ([token_ids(self._tokenizer, head + word) for word in words] for words in (YES, NO))
            whole = all(len(ids) == 1 for ids in (*yes, *no))
            self._words[head] = _Words([ids[0] for ids in yes], [ids[0] for ids in no]) if whole else None
        return self._words[head]
