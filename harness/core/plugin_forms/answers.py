"""Do the answers of a model of another distribution have the form that the store relies on? Asked of each before it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import index
from reprlib import repr as short
from typing import Any, SupportsIndex

from harness.core.edge.plugin_modules import files_of
from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Request
from harness.core.plugin_forms.contract import others_errors
from harness.core.plugins import Model

_TYPES = [str, int, str]  # of text, n_tokens and stopped
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
        if batch is _END:
            return
        yield _in_form(who, batch, len(requests))


def _in_form(who: str, batch: object, number: int) -> list[tuple[int, Answer]]:
    wanted = f"The model {who} must yield lists of (place among the requests, Answer)"
    if not isinstance(batch, Sequence):
        raise ModelError(f"{wanted}, and yields {short(batch)}.")
    found = list[tuple[int, Answer]]()
    for one in batch:
        place, answer = one if isinstance(one, tuple) and len(one) == 2 else (None, None)
        place = index(place) if isinstance(place, SupportsIndex) else -1  # of numpy too
        if not 0 <= place < number:
            raise ModelError(f"{wanted}, and yields {short(one)} for {number:,} requests.")
        if not isinstance(answer, Answer) or [type(v) for v in (answer.text, answer.n_tokens, answer.stopped)] != [
            str,
            int,
            str,
        ]:
            raise ModelError(f"{wanted} with text, n_tokens (-1: unknown) and stopped, and yields {short(answer)}.")
        found.append((place, answer))
    return found
