"""Do the answers of a model of another distribution have the form that the store relies on? Asked of each before it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import index
from reprlib import repr as short
from typing import Any, SupportsIndex

from harness.core.edge.plugin_modules import files_of
from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Request
from harness.core.plugin_forms.contract import others_errors
from harness.core.plugin_forms.values import plain_text
from harness.core.plugins import Model

_END: Any = object()  # a model may yield None
_KEPT = "All answers before are stored."


def answers_in_form(
    model: Model, requests: Sequence[Request], done: Mapping[int, Answer]
) -> Iterator[list[tuple[int, Answer]]]:
    """What `generate` yields. Raises ModelError for what is not a list of (place, Answer), and for whatever else a plug-in of
    another distribution raises; what was yielded before counts."""
    if not files_of(model):  # one of ours
        yield from model.generate(requests, done=done)
        return
    who = type(model).__name__
    with others_errors(model, ModelError, f"The model {who} fails while it answers", _KEPT):
        batches = iter(model.generate(requests, done=done))
    while True:
        with others_errors(model, ModelError, f"The model {who} fails while it answers", _KEPT):
            batch = next(batches, _END)
            found = _in_form(who, batch, len(requests)) if batch is not _END else None  # here: a batch may be a generator
        if found is None:
            return
        yield found


def _in_form(who: str, batch: object, number: int) -> list[tuple[int, Answer]]:
    wanted = f"The model {who} must yield lists of (place among the requests, Answer)"
    if not isinstance(batch, Iterable) or isinstance(batch, str | Mapping):
        raise ModelError(f"{wanted}, and yields {short(batch)}.")
    found = list[tuple[int, Answer]]()
    for one in batch:
        place, answer = one if isinstance(one, tuple | list) and len(one) == 2 else (None, None)
        place = index(place) if isinstance(place, SupportsIndex) else -1  # of numpy too
        if not 0 <= place < number:
            raise ModelError(f"{wanted}, and yields {short(one)} for {number:,} requests.")
        if not isinstance(answer, Answer) or not _is_complete(answer):
            raise ModelError(f"{wanted} with text, n_tokens (-1: unknown) and stopped, and yields {short(answer)}.")
        found.append((place, _plain(answer)))
    return found


def _is_complete(answer: Answer) -> bool:
    texts = isinstance(answer.text, str) and isinstance(answer.stopped, str)
    return texts and isinstance(answer.n_tokens, SupportsIndex)


def _plain(answer: Answer) -> Answer:
    """The answer with Python's own types: numpy's integers would be stored as bytes."""
    if [type(value) for value in (answer.text, answer.n_tokens, answer.stopped)] == [str, int, str]:
        return answer
    text, stopped = plain_text(answer.text), plain_text(answer.stopped)
    return replace(answer, text=text, n_tokens=index(answer.n_tokens), stopped=stopped)
