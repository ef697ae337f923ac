"""A `Model` whose checkpoint is on the workers of a pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from harness.core import registry
from harness.core.capabilities import Finding
from harness.core.digests import file_digest
from harness.core.errors import Unanswered
from harness.core.evaluation import Answer, Request
from harness.core.outlines import OutlinesCheckpoints
from harness.core.preference import Images, paths_of
from harness.core.run_record import Checkpoint
from harness.fleet.messages import CheckpointSpec, WaveUnit
from harness.fleet.worker_pool import WorkerPool

_IMAGES_PER_UNIT = 8  # whose given answers are scored by one call


class FleetModel:
    """Answers, log-probabilities and checks from workers, with the bytes of one process.

    `generate` distributes waves over the workers and yields their answers in the order of the waves: an image that cannot be
    read, which ends it, then leaves the same answers behind as in one process. Scoring is distributed by images, which are
    read one by one.
    """

    def __init__(self, pool: WorkerPool, spec: CheckpointSpec) -> None:
        """Raises HarnessError where the checkpoint cannot be loaded on a host, or hosts differ."""
        self._pool, self._spec = pool, spec
        loaded = pool.load(spec)
        self.checkpoint: Checkpoint = loaded.checkpoint
        self.unshared, self.one_image, self.despite = loaded.unshared, loaded.one_image, loaded.despite
        self.several_images_note, self.noise_rule = loaded.several_images_note, loaded.noise_rule
        self._facts = dict(loaded.facts)
        self.max_threads, self.label, self.release = pool.size + 1, pool.label, pool.release
        self._images: dict[Path, str] = {}

    def facts(self) -> dict[str, str]:
        return dict(self._facts)

    @cached_property
    def outline(self) -> Any:  # Any: a torch module without weights
        """See `HasOutline`."""
        plugin = registry.get("model", self._spec.plugin)
        return plugin.outline_of(self._spec.options) if isinstance(plugin, OutlinesCheckpoints) else None

    def generate(
        self, requests: Sequence[Request], done: Mapping[int, Answer] | None = None
    ) -> Iterator[list[tuple[int, Answer]]]:
        """(index, answer), a wave at a time. Raises Unanswered at its end for waves that lost one worker after the other."""
        done, set_aside = done or {}, dict[int, str]()
        if all(i in done for i in range(len(requests))):
            return
        waves = [
            wave for wave in self._pool.call(self._spec, "plan", requests) if any(i not in done for part in wave for i in part)
        ]
        places = [sorted(i for part in wave for i in part) for wave in waves]
        units = [self._unit(requests, wave, own, done) for wave, own in zip(waves, places, strict=True)]
        for own, reply in zip(places, self._pool.map(self._spec, [("answer", unit) for unit in units]), strict=True):
            if reply.answers:
                yield [(own[n], replace(answer, host=reply.host or None)) for n, answer in reply.answers]
            if reply.error is not None:
                raise reply.error.to_exception()
            set_aside |= {i: reply.set_aside for i in own if reply.set_aside and i not in done}
        if set_aside:
            raise Unanswered(set_aside)

    def _unit(
        self, requests: Sequence[Request], wave: Sequence[list[int]], own: Sequence[int], done: Mapping[int, Answer]
    ) -> WaveUnit:
        """A wave's own requests, in their order: it is sent without the rest of the list."""
        place = {i: n for n, i in enumerate(own)}
        asked = [requests[i] for i in own]
        known = {place[i]: done[i] for i in own if i in done}
        return WaveUnit(asked, [[place[i] for i in part] for part in wave], known, self._digests(asked))

    def yes_no_log_odds(self, requests: Sequence[Request]) -> list[float]:
        """See `TellsLogOdds`; raises ModelError where the backend cannot tell them."""
        return self._by_image("log_odds", requests)

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]:
        """See `ScoresAnswers`."""
        return self._by_image("log_probs", requests, answers)

    def guesses(self, requests: Sequence[Request], answers: Sequence[str]) -> list[str]:
        """See `GuessesTokens`."""
        return self._by_image("guesses", requests, answers)

    def checks(self, images: Sequence[Path], training: bool) -> Iterator[Finding]:
        """The checkpoint's self-checks, on one worker."""
        sent = [(path.name, path.read_bytes()) for path in images]
        yield from self._pool.call(self._spec, "checks", sent, training)

    def _by_image(self, method: str, requests: Sequence[Request], *texts: Sequence[str]) -> list[Any]:
        """One value for each request; requests about one image stay in one unit, since they are computed together."""
        images: dict[Images, list[int]] = {}
        for i, request in enumerate(requests):
            images.setdefault(request.image, []).append(i)
        groups = list(images.values())
        units = [list(chain(*groups[s : s + _IMAGES_PER_UNIT])) for s in range(0, len(groups), _IMAGES_PER_UNIT)]
        found: dict[int, Any] = {}
        calls = []
        for own in units:
            asked = [requests[i] for i in own]
            calls.append((method, asked, *([words[i] for i in own] for words in texts), self._digests(asked)))
        for own, reply in zip(units, self._pool.map(self._spec, calls), strict=True):
            found |= dict(zip(own, reply.unwrap(), strict=True))
        return [found[i] for i in range(len(requests))]

    def _digests(self, requests: Sequence[Request]) -> dict[Path, str]:
        """sha256 of the images that this host can read, by path.

        Benchmarks that are swept at once call this in threads of their own. What is kept is read and written one path at
        a time: a walk over the dictionary would end where another thread adds to it.
        """
        found = {}
        for path in {path for request in requests for path in paths_of(request.image)}:
            try:
                if (digest := self._images.get(path)) is None:
                    digest = self._images[path] = file_digest(path)
            except OSError:
                continue  # the worker's own words say what is wrong
            found[path] = digest
        return found
