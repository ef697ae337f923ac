"""A model that remembers: looked up before asked, stored as the batches come.

Benchmarks, sources and aligners all ask through this door, so a killed run generates at most its last batch again.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.contract import Answer, Checkpoint, Model, Progress, Request, no_progress
from harness.digests import file_digest, value_digest
from harness.store import Store


class RememberingModel:
    """The contract's `Model` around another one, with a store underneath."""

    def __init__(self, model: Model, store: Store, progress: Progress = no_progress, what: str = "answers") -> None:
        self._model, self._store = model, store
        self._progress, self._what = progress, what
        self._facts = model.facts()
        self._image_digests: dict[Path, str] = {}

    @property
    def checkpoint(self) -> Checkpoint:
        return self._model.checkpoint

    def facts(self) -> dict[str, str]:
        return dict(self._facts)

    def key(self, request: Request) -> str:
        """Answer key: weights, picture, prompt, decoding, hidden tokens, noise, and the facts that can move an answer.

        The picture counts by content and its path not at all; the weights count by content and their path not at all.
        """
        image = self._image_digest(request.image) if request.image is not None else None
        veils = [asdict(veil) if veil is not None else None for veil in (request.hidden_image, request.noise)]
        asked = [image, request.text, request.prefix, asdict(request.decoding), *veils]
        return value_digest([self.checkpoint.digest, self._facts, asked])

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """All answers: first those the store has, then the others as their batches finish."""
        keys = [self.key(r) for r in requests]
        places: dict[str, list[int]] = {}
        for i, key in enumerate(keys):
            if i not in done:
                places.setdefault(key, []).append(i)
        order = list(places)
        known = self._store.answers(order)
        distinct = [requests[places[key][0]] for key in order]
        finished = {n for n, key in enumerate(order) if key in known}
        self._progress(self._what, len(finished), len(order))
        if known:
            yield [(i, answer) for key, answer in known.items() for i in places[key]]
        if len(finished) < len(order):
            yield from self._ask(order, distinct, finished, places)

    def _ask(
        self, order: list[str], distinct: list[Request], finished: set[int], places: dict[str, list[int]]
    ) -> Iterator[list[tuple[int, Answer]]]:
        count = len(finished)
        for batch in self._model.generate(distinct, done=finished):
            # A batch that was partly stored keeps the stored answers: what was said once is never said otherwise.
            fresh = {order[n]: answer for n, answer in batch if n not in finished}
            self._store.add_answers(self.checkpoint.digest, fresh)
            count += len(fresh)
            self._progress(self._what, count, len(order))
            yield [(i, answer) for key, answer in fresh.items() for i in places[key]]

    @property
    def guesses(self) -> Any:
        """Likeliest tokens along given answers, asked anew each time, since a source keeps its pairs itself.

        AttributeError where the model itself cannot score given answers, as with the model alone.
        """
        return self._model.guesses  # type: ignore[attr-defined]

    def _image_digest(self, path: Path) -> str:
        if path not in self._image_digests:
            self._image_digests[path] = file_digest(path) if path.is_file() else ""  # the model explains what is wrong
        return self._image_digests[path]
