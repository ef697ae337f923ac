"""Tokens of answers as they stand in the whole conversation.

An answer that is tokenised alone can get tokens that the conversation does not have: Llama-style tokenizers write a "▁" in
front of every text, Metaspace in front of the first. So the text `prompt + answer` is tokenised as one, and the answer's
tokens are what follows the prompt's (as TRL does it):

    prompt         USER: Is it a cat? ASSISTANT:          -> [.., ▁A, SS, IST, ANT, :]
    conversation   USER: Is it a cat? ASSISTANT: Yes</s>  -> [.., ▁A, SS, IST, ANT, :, ▁Yes, </s>]

Where the border is inside a token of the conversation (a prompt that ends in a space: "▁" and "▁Yes"; an answer that
begins with a newline behind one), no such tokens exist. A model generates from the prompt's tokens, so these stay, and the
answer gets the tokens of its text behind a border that nothing merges over ("Yes"): what the model has to emit to generate it.
Such answers are counted (`merged`) and reported; where no tokens give the text back exactly, ModelError is raised.

Special tokens are no part of an answer's text, but for marks of reasoning (Mistral's [THINK], Gemma 4's `<|channel>`), which
tell it from the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from harness.core.errors import ModelError
from harness.core.final_answer import marks_among

TOKENISATION = 2  # raise it whenever the tokens of a prompt or an answer change; part of every key of answers and log-probs
_BORDERS = ("a", ":", "1", ".", "\n", ">", "é")
_log = logging.getLogger("harness")


class AnswerTokens:
    """A tokenizer as conversations use it: leading special tokens once, answers in their place."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._bos = tokenizer.bos_token
        self.merged = 0  # answers whose border to the prompt is inside a token

    @cached_property
    def leading(self) -> list[int]:
        """What the tokenizer puts in front of every text: usually its BOS. What it may put behind one is left out."""
        plain, whole = self._tokenizer("a", add_special_tokens=False)["input_ids"], self._tokenizer("a")["input_ids"]
        starts = [n for n in range(len(whole)) if whole[n : n + len(plain)] == plain]
        return list(whole[: starts[0]]) if starts else []

    def text(self, ids: list[int], special: bool = False) -> str:
        """The text of tokens that a model wrote; `special`: with all special tokens in it."""
        if not special and self.special_marks and any(i in self.special_marks for i in ids):
            hidden = {i for i, token in self._added.items() if token.special} - self.special_marks.keys()
            ids, special = [i for i in ids if i not in hidden], True
        decode = self._tokenizer.decode
        return str(decode(ids, skip_special_tokens=not special, clean_up_tokenization_spaces=False))

    @cached_property
    def special_marks(self) -> dict[int, str]:
        """Special tokens that are marks of reasoning: they stay in the text, as those that are plain tokens do."""
        special = {i: token.content for i, token in self._added.items() if token.special}
        marks = marks_among(special.values())
        return {i: token for i, token in special.items() if token in marks}

    @cached_property
    def _added(self) -> dict[int, Any]:
        return dict(getattr(self._tokenizer, "added_tokens_decoder", {}))

    def special(self, text: str) -> bool:
        """Whether the leading tokens have to be added: templates often write the BOS themselves."""
        return not (bool(self._bos) and text.startswith(self._bos))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of whole conversations or their first parts."""
        ids = self._ids(texts)
        return [[*(self.leading if self.special(text) else []), *own] for text, own in zip(texts, ids, strict=True)]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids alone; a fast tokenizer's core makes them in half the time of transformers' call around it."""
        core = self._core
        if core is not None and core.truncation is None and core.padding is None:
            return [core.encode(text, add_special_tokens=False).ids for text in texts]
        return [list(ids) for ids in self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    @cached_property
    def _core(self) -> Any:  # Any: a class of tokenizers, or None
        """The fast tokenizer's core where it alone gives the ids of the whole call."""
        core = getattr(self._tokenizer, "backend_tokenizer", None)
        probe = f" A caf\u00e9  {self._tokenizer.eos_token}\n x."
        wanted = list(self._tokenizer(probe, add_special_tokens=False)["input_ids"])
        return core if core is not None and core.encode(probe, add_special_tokens=False).ids == wanted else None

    def in_place(self, before: str, before_ids: list[int], text: str) -> bool:
        """Whether the tokens of `before` and of `text` behind it are those of both as one text."""
        return self.encode([before + text])[0][: len(before_ids)] == before_ids

    def behind(self, before: str, before_ids: list[int], more: Sequence[str], warn: bool = True) -> list[list[int]]:
        """Tokens of each text of `more` behind the text `before`, whose tokens are `before_ids`."""
        found = []
        for text, whole in zip(more, self.encode([before + text for text in more]), strict=True):
            if whole[: len(before_ids)] == before_ids:
                found.append(whole[len(before_ids) :])
                continue
            found.append(self._over_border(text, before_ids, whole))
            if warn:
                self._count(text)
        return found

    def _over_border(self, text: str, before_ids: list[int], whole: list[int]) -> list[int]:
        """Tokens of a text that merges with what stands before it, see the module."""
        wanted = self._tokenizer.decode(whole, clean_up_tokenization_spaces=False)
        for border in _BORDERS:
            start, both = self._tokenizer([border, border + text], add_special_tokens=False)["input_ids"]
            ids = both[len(start) :]
            same = self._tokenizer.decode(before_ids + ids, clean_up_tokenization_spaces=False) == wanted
            if both[: len(start)] == start and same:
                return list(ids)
        raise ModelError(
            f"The tokenizer merges the end of a prompt with the beginning of the answer {text[:40]!r}, and no tokens of the "
            "answer alone give its text: its probability is unknown. Change the chat template so that a prompt does not end "
            "in the middle of a token (usually: no white space at its end)."
        )

    def _count(self, text: str) -> None:
        self.merged += 1
        if self.merged == 1:
            _log.warning(
                "The tokenizer merges the end of the prompt with the beginning of the answer %r. The prompt's tokens are kept, "
                "as the model generates from them; the answer's tokens are not those of the whole conversation. "
                "`python -m harness doctor` reports how often.",
                text[:40],
            )
