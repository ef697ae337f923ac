"""Requests and replies in the format of a chat-completions server."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from harness.core.edge.images import open_image, shows_as_stored
from harness.core.edge.text import printable, without_surrogates
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.preference import message_parts, texts_around
from harness.models._server.refusals import Again, Unanswerable
from harness.models._server.special_marks import SpecialMarks
from harness.models._server.thinking import marked, reasoning_of
from harness.models._server.usage import TokenCounts, model_named, token_counts

# How servers name the end of an answer, its limit, and one that is withheld (OpenAI, TGI, Mistral, Gemini, Anthropic).
_ENDS = ("stop", "eos", "eos_token", "end", "end_turn", "stop_sequence")
_LIMITS = ("length", "max_tokens", "model_length", "max_length")
_WITHHELD = ("content_filter", "safety", "recitation", "refusal", "blocklist", "prohibited_content", "spii")
_CALLS = ("tool_calls", "function_call")  # of a tool; text beside one that ends as any other is an answer
_NO_MARKS = SpecialMarks()
_PLAIN = {"JPEG": "image/jpeg", "PNG": "image/png"}  # every server reads these; anything else is sent as PNG


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and what it used."""

    answer: Answer
    used: TokenCounts


def data_url(path: Path) -> str:
    """An image as a server takes it: the file's own bytes where any server reads them right, else a PNG of what we read.

    Raises ImageError.
    """
    read = open_image(path)
    if (format := shows_as_stored(path)) in _PLAIN:
        return f"data:{_PLAIN[format]};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return _png_url(read)


def drawn_url() -> str:
    """A small plain image, to ask a word about."""
    return _png_url(Image.new("RGB", (224, 224), (128, 128, 128)))


def _png_url(image: Image.Image) -> str:
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return f"data:image/png;base64,{base64.b64encode(packed.getvalue()).decode()}"


def content_of(text: str, urls: Sequence[str]) -> list[dict[str, Any]]:
    """A question's parts. Images come first, so that questions about them share a prefix; several stand at the marks of the
    text, where it has some. Raises ModelError where marks and images are not as many."""
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return message_parts(texts_around(text, len(urls)), images)


def chat_body(request: Request, urls: Sequence[str], model: str, limit: str, tempered: bool = True) -> dict[str, Any]:
    """Arguments of a chat completion about the images at `urls`.

    `tempered` is False for a server that refuses a temperature and then draws as it likes.

    Stop strings are not sent: servers leave them out of the answer and do not report which one it was. Nor is a top_p of 1,
    their default: some models take no top_p beside a temperature.
    """
    decoding = request.decoding
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": content_of(request.text, urls)}],
        limit: decoding.max_new_tokens,
    }
    if tempered:
        body["temperature"] = decoding.temperature
    if decoding.temperature > 0:
        body |= {"top_p": decoding.top_p} if tempered and decoding.top_p != 1.0 else {}
        body["seed"] = decoding.seed
    return body


def read_reply(data: Any, decoding: Decoding, latency_s: float, thinking: int = 0, marks: SpecialMarks = _NO_MARKS) -> Reply:
    """Raises Again where the reply holds no answer, Unanswerable where the server withheld it.

    `thinking`: tokens of reasoning at most, besides those of `decoding`; see `thinking.py`. `marks`: see `special_marks.py`.
    """
    try:
        choice = min(data["choices"], key=_place)
        reason, message = choice.get("finish_reason"), choice["message"]
        text = _text(message.get("content")) or message.get("refusal") or ""
        thought = without_surrogates(reasoning_of(message))
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Again("the reply holds no answer") from None
    used = token_counts(data)
    tokens_out, thoughts = used.reply, used.reasoning
    at_limit = tokens_out is not None and tokens_out >= decoding.max_new_tokens + thinking
    why = reason.lower() if isinstance(reason, str) else ("length" if at_limit else "stop") if reason is None and text else ""
    if why in _WITHHELD:
        raise Unanswerable(f"the server's content filter withheld the answer ({why})", withheld=True)
    if why in _CALLS or (not text and any(message.get(name) for name in _CALLS)):
        raise Again("the reply calls a tool and holds no answer")
    if not isinstance(text, str):
        raise Again(f"the content of the reply is no text ({printable(str(text)[:40])})")
    if why not in (*_ENDS, *_LIMITS):
        raise Again(f"the reply stopped for an unknown reason ({printable(str(reason)[:40])})")
    if not text and (lost := _lost_text(message, thought, used, why in _ENDS)):
        raise Again(lost)
    text = without_surrogates(text)  # a token that is half a character, which UTF-8 (a file, the store) cannot hold
    text = marks.answer(text)
    cut = _cut(text, decoding.stop)
    stopped = "stop" if cut is not None else "end" if why in _ENDS else "length"
    text = text if cut is None else cut
    if thought or thoughts:
        text, stopped = _thought_through(text, stopped, thought, (thoughts, tokens_out), (thinking, decoding.max_new_tokens))
    answer = Answer("", text, -1 if tokens_out is None else tokens_out, stopped, latency_s, model=model_named(data))
    return Reply(answer, used)


def _lost_text(message: Mapping[str, Any], thought: str, used: TokenCounts, ended: bool) -> str:
    """Why a message without text is no answer, where that shows; "" for the answer of a model that wrote nothing.

    An empty text is an answer. So is no text at all (null, no part), unless the answer `ended` and more tokens are counted than
    the one that ends it: then the server did not hand over what they say.
    """
    written = (used.reply or 0) - (used.reasoning or 0)
    if ended and message.get("content") in (None, []) and not thought and written > 1:
        return f"the reply holds no text, though {written} tokens of it are counted"
    return ""


def _thought_through(
    text: str, stopped: str, thought: str, counted: tuple[int | None, int | None], limits: tuple[int, int]
) -> tuple[str, str]:
    """Text and end of an answer behind a reasoning that was handed over apart, or only counted.

    counted: tokens of reasoning and of all, as the server counts them; limits: those of reasoning (0: none) and answer.
    """
    of_thought, of_all = counted
    over = bool(limits[0]) and of_thought is not None and of_thought > limits[0]
    ended = not over and bool(text.strip() or stopped != "length")
    if limits[0] and ended and of_thought is not None and of_all is not None and of_all - of_thought > limits[1]:
        stopped = "length"
    return (marked(thought, text, ended) if thought or not ended else text), stopped if ended else "length"


def _text(content: Any) -> Any:  # Any: what a server sent
    """A content that is a list of parts as one text, a refusal too; parts of another type (thinking, images) are not in it."""
    if not isinstance(content, list):
        return content
    texts = [part if isinstance(part, str) else part[_text_key(part)] for part in content if _is_text(part)]
    if content and not texts and not all(isinstance(part, dict) and part.get("type") == "thinking" for part in content):
        raise TypeError("no part is text")
    return "".join(texts)


def _is_text(part: Any) -> bool:  # Any: what a server sent
    return isinstance(part, str) or part.get("type", "text") in ("text", "output_text", "refusal")


def _text_key(part: Mapping[str, Any]) -> str:
    return "refusal" if part.get("type") == "refusal" else "text"


def _place(choice: Any) -> int:  # Any: what a server sent
    """Of a choice among several; one that names none keeps its place, for `min` takes the first of equal ones."""
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _cut(text: str, stop: tuple[str, ...]) -> str | None:
    """The text up to and with the first stop string, None where there is none."""
    ends = [text.index(s) + len(s) for s in stop if s in text]
    return text[: min(ends)] if ends else None


def continued(body: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """With a given prefix of the answer and a minimum length, as vLLM and SGLang take them."""
    extra: dict[str, Any] = {}
    messages = list(body["messages"])
    if request.prefix:
        messages.append({"role": "assistant", "content": request.prefix})
        extra |= {"continue_final_message": True, "add_generation_prompt": False}
    if request.decoding.min_new_tokens:
        extra["min_tokens"] = request.decoding.min_new_tokens
    return {**body, "messages": messages, "extra_body": extra}
