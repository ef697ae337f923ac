"""A model that remembers: looked up before asked, stored as the batches come.

Benchmarks, sources and aligners all ask through this door, so a killed run generates at most its last batch again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from math import isfinite
from pathlib import Path

from harness.core.capabilities import Cost, GuessesTokens, ScoresAnswers, TellsLogOdds
from harness.core.digests import digest_if_readable, value_digest
from harness.core.edge.plugin_modules import as_facts, own_facts
from harness.core.errors import ImageError, ModelError, TooLong, Unanswered
from harness.core.evaluation import Answer, Decoding, HiddenImage, NoisyImage, Request
from harness.core.plugin_forms.answers import answers_in_form
from harness.core.plugins import Model, Progress, no_progress
from harness.core.preference import Images, noise_rule_of, one_or_all, paths_of
from harness.core.run_record import Checkpoint
from harness.evaluation.server_cost import cost_of_all
from harness.storage.run_store import Store


@dataclass(slots=True)
class Tally:
    """How far a list of requests is: distinct ones, images among them, tokens generated since `started`."""

    requests: int = 0
    images: int = 0
    from_store: int = 0
    answered: int = 0
    tokens: int = 0
    seen: set[Path] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)

    def add(self, requests: Sequence[Request], answers: Iterable[Answer]) -> None:
        self.answered += len(requests)
        self.seen |= _images(requests)
        self.tokens += sum(max(answer.n_tokens, 0) for answer in answers)

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / max(time.monotonic() - self.started, 1e-9)

    def __str__(self) -> str:
        stored = f", {self.from_store:,} from the store" if self.from_store else ""
        return f"{len(self.seen):,}/{self.images:,} images, {self.tokens_per_s:,.0f} tokens/s{stored}"


class CachedModel:
    """The contract's `Model` around another one, with a store underneath. `tally` says how far it is, `what` with what."""

    def __init__(
        self, model: Model, store: Store, progress: Progress = no_progress, what: str = "answers", log_odds: bool = False
    ) -> None:
        """`log_odds`: keep the log-odds of yes that the model tells with an answer; `yes_no_log_odds` asks for the others."""
        self._model, self._store, self._log_odds = model, store, log_odds
        self.progress, self.what, self.tally = progress, what, Tally()
        self._others: list[CachedModel] = []
        self._facts, self._noise_rule = own_facts(model), noise_rule_of(model)
        self._image_digests: dict[Path, str] = {}
        self._keys: dict[tuple[str, Request], str] = {}  # of the list that was asked about last

    @property
    def checkpoint(self) -> Checkpoint:
        return self._model.checkpoint

    def facts(self) -> dict[str, str]:
        return as_facts(self._facts)

    def remembering(self, other: Model, what: str) -> CachedModel:
        """Another model with the same store underneath."""
        self._others.append(CachedModel(other, self._store, self.progress, what))
        return self._others[-1]

    def spent(self) -> Cost | None:
        """What the servers were asked and charged, of this model and of those that it remembers for."""
        return cost_of_all([self._model, *self._others])

    def key(self, request: Request) -> str:
        """Answer key: weights, image, prompt, decoding, hidden tokens, noise, and the facts that can move an answer.

        Images count by content and in their order, the weights by content; their paths count not at all.
        """
        image = one_or_all(map(self.image_digest, paths_of(request.image)))
        veils = [_asked(request.hidden_image), _asked(request.noise, self._noise_rule)]
        asked = [image, request.text, request.prefix, _decoded(request.decoding), *veils]
        return value_digest([self.checkpoint.digest, self._facts, asked])

    def keys(self, requests: Sequence[Request]) -> list[str]:
        """The key of each; once made they stay until another list is asked about: answers, log-odds and results need them."""
        weights, known = self.checkpoint.digest, self._keys
        made = {(weights, r): known.get((weights, r)) or self.key(r) for r in dict.fromkeys(requests)}
        self._keys = made
        return [made[weights, r] for r in requests]

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """All answers but those of `done`: first those the store has, then the others as they are finished."""
        keys = self.keys(requests)
        places: dict[str, list[int]] = {}
        for i, key in enumerate(keys):
            if i not in done:
                places.setdefault(key, []).append(i)
        order = list(places)
        known = self._store.answers(order)
        distinct = [requests[places[key][0]] for key in order]
        finished = {n: known[key] for n, key in enumerate(order) if key in known}
        self.tally = Tally(len(order), len(_images(distinct)), len(known))
        self._count([distinct[n] for n in finished], ())
        if known:
            yield [(i, answer) for key, answer in known.items() for i in places[key]]
        if len(finished) < len(order):
            yield from self._ask(order, distinct, finished, places)

    def _ask(
        self, order: list[str], distinct: list[Request], finished: Mapping[int, Answer], places: dict[str, list[int]]
    ) -> Iterator[list[tuple[int, Answer]]]:
        try:
            for batch in answers_in_form(self._model, distinct, finished):
                fresh = {n: self._kept(answer) for n, answer in batch if n not in finished}  # a stored one is never replaced
                if fresh:
                    self._store.add_answers(self.checkpoint.digest, {order[n]: answer for n, answer in fresh.items()})
                self._count([distinct[n] for n in fresh], fresh.values())
                yield [(i, answer) for n, answer in fresh.items() for i in places[order[n]]]
        except Unanswered as error:
            raise Unanswered({i: why for n, why in error.reasons.items() for i in places[order[n]]}) from error

    def _kept(self, answer: Answer) -> Answer:
        told = answer.yes_nats is not None and isfinite(answer.yes_nats)
        return replace(answer, yes_nats=answer.yes_nats if self._log_odds and told else None, token_ids=None, token_logps=None)

    def _count(self, requests: Sequence[Request], answers: Iterable[Answer]) -> None:
        self.tally.add(requests, answers)
        self.progress(f"{self.what}\t{self.tally}", self.tally.answered, self.tally.requests)

    def yes_no_log_odds(self, requests: Sequence[Request]) -> dict[int, float]:
        """Log-odds of yes in nats by the place of the request, kept beside the answers and asked for once.

        Images are asked about whole, so that what is computed together is the same after a restart. Requests whose
        log-odds are not finite are left out. Raises ModelError where the model cannot give them.
        """
        model = self._model
        if not isinstance(model, TellsLogOdds):
            raise ModelError("its backend does not score given answers")
        keys = self.keys(requests)
        known = self._store.log_odds(keys)

        def ask(places: Sequence[int]) -> None:
            nats = model.yes_no_log_odds([requests[i] for i in places])
            fresh = {keys[i]: n for i, n in zip(places, nats, strict=True) if isfinite(n) and keys[i] not in known}
            self._store.add_log_odds(fresh)
            known.update(fresh)

        self._image_by_image(requests, keys, lambda i: keys[i] in known, ask, "log-odds of yes")
        return {i: known[key] for i, key in enumerate(keys) if key in known}

    def option_log_probs(self, requests: Sequence[Request], offered: Sequence[Sequence[str]]) -> dict[int, dict[str, float]]:
        """Log-probability in nats of each answer that is offered behind a request, by the place of the request.

        Kept beside the answers and asked for once, images whole, as `yes_no_log_odds`. Requests with a value that is not
        finite are left out. Raises ModelError where the model cannot score given answers.
        """
        model = self._model
        if not isinstance(model, ScoresAnswers):
            raise ModelError("its backend does not score given answers")
        keys = self.keys(requests)
        known = self._store.option_log_probs(keys)

        def is_known(i: int) -> bool:
            return set(offered[i]) <= known.get(keys[i], {}).keys()

        def ask(places: Sequence[int]) -> None:
            pairs = [(i, text) for i in places for text in offered[i]]
            nats = model.log_probs([requests[i] for i, _ in pairs], [text for _, text in pairs])
            fresh: dict[str, dict[str, float]] = {}
            for (i, text), value in zip(pairs, nats, strict=True):
                if isfinite(value) and text not in known.get(keys[i], {}):
                    fresh.setdefault(keys[i], {})[text] = value
            self._store.add_option_log_probs(fresh)
            known.update({key: {**known.get(key, {}), **values} for key, values in fresh.items()})

        wanted = [(key, tuple(texts)) for key, texts in zip(keys, offered, strict=True)]
        self._image_by_image(requests, wanted, is_known, ask, "likelihoods of the options")
        return {i: {text: known[keys[i]][text] for text in offered[i]} for i in range(len(keys)) if is_known(i) and offered[i]}

    def _image_by_image(
        self,
        requests: Sequence[Request],
        keys: Sequence[Hashable],
        is_known: Callable[[int], bool],
        ask: Callable[[Sequence[int]], None],
        what: str,
    ) -> None:
        """`ask` for the distinct requests of every image of which one is not known."""
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        images: dict[Images, list[int]] = {}
        for i in sorted(first.values()):
            images.setdefault(requests[i].image, []).append(i)
        done = 0
        for places in images.values():
            if not all(is_known(i) for i in places):
                ask(places)
            done += len(places)
            self.progress(f"{self.what}\t{what}", done, len(first))

    def guesses(self, requests: Sequence[Request], answers: Sequence[str]) -> list[str]:
        """Likeliest tokens along given answers, asked anew each time, since a source keeps its pairs itself. Raises ModelError
        where the model itself cannot score given answers."""
        if not isinstance(self._model, GuessesTokens):
            raise ModelError(f"{self.checkpoint.id}: its backend does not score given answers. Give a checkpoint in a folder.")
        return self._model.guesses(requests, answers)

    def image_digest(self, path: Path) -> str:
        """sha256 of an image, read once; "" where it cannot be read."""
        if path not in self._image_digests:
            self._image_digests[path] = digest_if_readable(path)  # the model explains what is wrong
        return self._image_digests[path]


def _images(requests: Iterable[Request]) -> set[Path]:
    return {path for request in requests for path in paths_of(request.image)}


@lru_cache
def _decoded(decoding: Decoding) -> dict[str, object]:
    """As values; the same for all requests of a benchmark."""
    return asdict(decoding)


def _asked(veil: HiddenImage | NoisyImage | None, rule: str = "") -> dict[str, object] | None:
    """What of a veil stands in an answer's key: of options that came later, those that are set. `rule`: see `DrawsNoise`."""
    later = {"positions": "kept", "newlines": "counted", "rule": ""}
    own = asdict(veil) | {"rule": rule} if veil else {}
    return {name: value for name, value in own.items() if later.get(name) != value} if veil else None


def answered(model: CachedModel, requests: Sequence[Request]) -> tuple[dict[int, Answer], dict[int, str]]:
    """All answers that can be had, and why each other one is missing, both by the place of the request.

    An image that cannot be read costs its own requests, a prompt beyond the model's context or a server that gives up that one.
    """
    answers, missing = dict[int, Answer](), dict[int, str]()
    while True:
        try:
            for batch in model.generate(requests, done=missing):
                answers.update(batch)
            return answers, missing
        except Unanswered as error:
            return answers, missing | error.reasons
        except (ImageError, TooLong) as error:
            about = [i for i, request in enumerate(requests) if error.is_about(request.image, request.text)]
            lost = {i: str(error) for i in about if i not in answers}
            if not lost:
                raise
            missing |= lost
