"""Reasoning of served models: the limit for it, and its place in the stored answer.

A server takes one limit for all that a model writes, so it is sent the sum of both. Where it counts the tokens of reasoning
apart (`completion_tokens_details.reasoning_tokens`), a reasoning beyond its own limit counts as one that never ended, and an
answer beyond its own as cut off. Reasoning that a server hands over apart from the content (`reasoning_content` of vLLM,
SGLang and DeepSeek, `reasoning`, parts of type `thinking`) is stored in front of the answer between marks, as where a model
writes them itself; one that never ended has no closing mark, so that it is flagged and never taken for an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Request
from harness.core.final_answer import reasoning_marks, without_marks
from harness.core.options.secrets import ADVICE, secret_in

_FIELDS = ("reasoning_content", "reasoning")


@dataclass(frozen=True, slots=True)
class Thinking:
    """`enable` is given to the server's chat template (None: its own default); `tokens` of reasoning at most, 0: one limit."""

    enable: bool | None = None
    tokens: int = 0

    def __post_init__(self) -> None:
        if self.tokens < 0:
            raise ConfigError(f"model.thinking_tokens is {self.tokens}; give a number of tokens, or 0 for one limit over both.")

    def asked(self, request: Request) -> Request:
        """The request with room for its reasoning."""
        limit = request.decoding.max_new_tokens + self.tokens
        return replace(request, decoding=replace(request.decoding, max_new_tokens=limit)) if self.tokens else request

    def extra(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Further keys of a request, with the switch of the chat template among them.

        Raises ConfigError where `extra` has a switch of its own that says otherwise, or holds a secret.
        """
        if place := secret_in(given):
            raise ConfigError(f"`extra.{place}` {ADVICE}.")
        if self.enable is None:
            return dict(given)
        own = given.get("chat_template_kwargs", {})
        if not isinstance(own, Mapping) or own.get("enable_thinking", self.enable) is not self.enable:
            raise ConfigError(
                f"model.enable_thinking is {str(self.enable).lower()} but model.extra has chat_template_kwargs {own!r}. "
                "Remove one of them."
            )
        return {**given, "chat_template_kwargs": {**own, "enable_thinking": self.enable}}

    @property
    def asked_for(self) -> bool:
        """Whether the model is to reason before it answers, as far as the options say."""
        return self.enable is True or self.tokens > 0

    def facts(self) -> dict[str, str]:
        said = f"{self.tokens:,} at most where the server counts them apart, else with the answer's as one limit"
        return {"thinking tokens": said} if self.tokens else {}


def reasoning_of(message: Mapping[str, Any]) -> str:
    """The reasoning that a message holds apart from its content, "" where it holds none."""
    found = [message[name] for name in _FIELDS if isinstance(message.get(name), str)]
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    for part in parts:
        thought = part.get("thinking") if isinstance(part, dict) and part.get("type") == "thinking" else None
        texts = thought if isinstance(thought, list) else [thought]
        found += [str(t.get("text") or "") if isinstance(t, dict) else t for t in texts if isinstance(t, (str, dict))]
    return next((text for text in found if text.strip()), "") if not parts else "".join(found)


def begun(answer: Answer, opened: str) -> Answer:
    """An answer behind a prompt that ends in the mark `opened`: cut off by the token limit and without any mark, all of it is
    reasoning, as where the model wrote the mark itself."""
    if not opened or answer.stopped != "length" or reasoning_marks(answer.text):
        return answer
    return replace(answer, text=opened + answer.text)


def marked(reasoning: str, answer: str, ended: bool) -> str:
    """Reasoning between marks in front of an answer; without the closing mark and the answer where it never ended."""
    return f"<think>{without_marks(reasoning)}" + (f"</think>\n\n{answer}" if ended else "")
