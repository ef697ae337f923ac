"""Marks of a reasoning that are special tokens (Mistral's [THINK], Gemma 4's `<|channel>`): vLLM and SGLang leave special
tokens out of an answer unless a request says otherwise, and the reasoning would then be a part of it.

Of a checkpoint whose server is started here the tokenizer's files say whether it has such marks. Of a server that runs already
nobody knows it; it is asked for special tokens where the model is to think. Not tried with a real server: both should
take the token that ended an answer out of it themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.core.errors import ConfigError
from harness.core.final_answer import MARKS_KEPT, marks_among

_SWITCH = "skip_special_tokens"


@dataclass(frozen=True)
class SpecialMarks:
    """`kept`: special tokens are asked for with each request. `hidden`: those that are then taken out here."""

    kept: bool = False
    hidden: tuple[str, ...] = ()

    def beside(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Further keys of a request. Raises ConfigError where the user's own leave special tokens out."""
        if not self.kept:
            return dict(extra)
        if extra.get(_SWITCH, False) is not False:
            raise ConfigError(
                f"model.extra has {_SWITCH}={extra[_SWITCH]!r}, which leaves the marks of a reasoning out of answers, so that "
                "it would be scored with them. Remove it."
            )
        return {**extra, _SWITCH: False}

    def facts(self) -> dict[str, str]:
        return dict(MARKS_KEPT) if self.kept else {}

    def answer(self, text: str) -> str:
        """A reply's text as the transformers backend stores it: without special tokens that are no marks."""
        for token in self.hidden:
            text = text.replace(token, "")
        return text


def of_tokens(special: Iterable[str]) -> SpecialMarks:
    """Of all special tokens of a checkpoint."""
    tokens = frozenset(special)
    marks = marks_among(tokens)
    return SpecialMarks(bool(marks), tuple(sorted(tokens - marks, key=lambda token: (-len(token), token))) if marks else ())


def of_running(thinks: bool, extra: Mapping[str, Any]) -> SpecialMarks:
    """Of a vLLM or SGLang server that runs already; nothing is added where the user's own keys keep special tokens."""
    return SpecialMarks(thinks and extra.get(_SWITCH) is not False)
