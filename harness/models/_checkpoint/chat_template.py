"""Chat template -> the exact text around an answer, and tokens of prompts and answers.

The template is asked three times: for the prompt alone, and for the prompt with a marker as the answer. What stands
between prompt and marker is the answer's head (often one space), what follows the marker is its tail (the end token).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.core.errors import ModelError

_MARKER = "§§ANSWER§§"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as text, and what the template puts before and after the answer."""

    prompt: str
    head: str
    tail: str


def render(processor: Any, question: str, with_image: bool, plain: tuple[str, str] | None = None) -> Rendered:
    """Apply the chat template of a processor to one question.

    plain: what a family that has no chat templates writes before and behind a question.
    Raises ModelError when there is no template, or when it rewrites the prompt once an answer follows.
    """
    if plain is not None and not getattr(processor, "chat_template", None):
        before, behind = (
            text.format(image=processor.image_token if with_image else "", bos=processor.tokenizer.bos_token) for text in plain
        )
        return Rendered(before + question + behind, "", processor.tokenizer.eos_token or "")
    content: list[dict[str, str]] = [{"type": "image"}] if with_image else []
    user = {"role": "user", "content": [*content, {"type": "text", "text": question}]}
    answer = {"role": "assistant", "content": [{"type": "text", "text": _MARKER}]}
    try:
        prompt = processor.apply_chat_template([user], add_generation_prompt=True)
        whole = processor.apply_chat_template([user, answer])
    except ValueError as error:
        raise ModelError(
            f"This checkpoint has no usable chat template ({error}). Put a chat_template.jinja into its folder."
        ) from error
    before, marker, tail = whole.partition(_MARKER)
    if not marker or not before.startswith(prompt):
        raise ModelError("The chat template changes the prompt once an answer follows it; prefixes cannot be kept.")
    return Rendered(prompt, before[len(prompt) :], tail)


def answer_text(rendered: Rendered, answer: str) -> str:
    """What the template would write for this answer, end token included."""
    return rendered.head + answer + rendered.tail


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids without special tokens of the tokenizer's own."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def decode_after(tokenizer: Any, before: list[int], ids: list[int], head: str) -> str:
    """Text of `ids` as they continue `before`: sentencepiece drops a leading space when decoding alone."""
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    if not before:
        text: str = tokenizer.decode(ids, **options)
        return text.removeprefix(head) if head else text
    start: str = tokenizer.decode(before, **options)
    whole: str = tokenizer.decode(before + ids, **options)
    return whole[len(start) :]
