"""One checkpoint through a list of benchmarks: load -> generate -> score -> store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from harness.config.schema import BenchmarkConfig
from harness.core.capabilities import SharesPrefixes, WantsLikelihoods, WantsLogOdds
from harness.core.errors import DataError, HarnessError
from harness.core.evaluation import Item, Request
from harness.core.plugins import AnswersConcurrently, Benchmark, Data, Judge, Model, Progress, no_progress
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.evaluation.answer_likelihoods import with_log_odds, with_option_nats
from harness.evaluation.asked_items import items_of, requests_of
from harness.evaluation.cached_model import CachedModel, answered
from harness.evaluation.checkpoint_checks import require_sound
from harness.evaluation.facts_changed import begun_again
from harness.evaluation.judging_ahead import Judging
from harness.evaluation.protocol import image_digest, protocol_of
from harness.evaluation.scoring import build, judge_of
from harness.evaluation.server_cost import GrowingCost
from harness.evaluation.side_by_side import side_by_side
from harness.storage.artifacts import JudgeRepeats, MissingItems
from harness.storage.run_store import Store, StoredResult

Say = Callable[[str], None]


def sweep(
    label: str,
    model: Model,
    specs: Mapping[int, BenchmarkConfig],
    data: Data,
    store: Store,
    run: str,
    progress: Progress = no_progress,
    say: Say = lambda text: None,
) -> None:
    """Evaluate one checkpoint on every benchmark and keep each result as soon as it is there.

    Args:
        label: the checkpoint's name in the report.
        specs: place of the result in the run -> benchmark. All are loaded before the first question is asked, so that
            a missing file is known at once.
    An item whose answer cannot be had (an image that turns out broken, a request that a server gave up) is left out,
    kept with its reason, and asked again by the next run.
    """
    loaded, faults = [], dict[str, HarnessError]()
    for place, spec in specs.items():
        try:
            judge = judge_of(spec, store, data)
            benchmark = build(spec, judge)
            items = items_of(spec, benchmark, data)
            loaded.append((place, spec, judge, benchmark, items, requests_of(spec.name, benchmark, items, data)))
        except HarnessError as error:
            faults[spec.title] = error
    if len(faults) == 1:
        raise faults.popitem()[1]
    refuse([named(title, error) for title, error in faults.items()])
    check_before_asking(label, model, say)
    at_work = _Sweep(label, model, data, store, run, progress, say)
    try:
        at_work.ask_all([partial(begun_again, partial(at_work.ask, *one), say) for one in loaded])
    finally:
        at_work.keep_judged()
    at_work.keep_judged(wait=True)


def named(title: str, error: HarnessError) -> str:
    """What is wrong with a benchmark, with its name in front where the words do not begin with it."""
    words = str(error)
    return words if words.startswith((f"{title}: ", f"{title} ")) else f"{title}: {words}"


def refuse(faults: Sequence[str]) -> None:
    """Raises one DataError with all faults of files; nothing without any."""
    if faults:
        several = f"{len(faults)} faults in the files of this study:\n  " if len(faults) > 1 else ""
        raise DataError(several + "\n  ".join(fault.replace("\n", "\n  ") for fault in faults))


def check_before_asking(label: str, model: Model, say: Say, training: bool = False) -> None:
    """Raises ModelError where the checkpoint fails a check (`require_sound`); says where questions share nothing."""
    require_sound(label, model, say, training)
    if isinstance(model, SharesPrefixes) and model.unshared:
        say(f"{label}: nothing is shared between the questions about an image: {model.unshared}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A benchmark whose answers are there and whose scores may still wait for a judge."""

    place: int
    spec: BenchmarkConfig
    items: tuple[Item, ...]
    keys: tuple[str | None, ...]
    missing: MissingItems
    protocol: ProtocolRecord
    judging: Judging
    judge_cost: GrowingCost


class _Sweep:
    """One checkpoint: asks benchmark after benchmark, and keeps each result as soon as it is judged."""

    def __init__(self, label: str, model: Model, data: Data, store: Store, run: str, progress: Progress, say: Say) -> None:
        self._label, self._model, self._data, self._store, self._run = label, model, data, store, run
        self._progress, self._say = progress, say
        self._waiting: list[_Asked] = []
        self._keeping = threading.Lock()

    def ask_all(self, tasks: Sequence[Callable[[], None]]) -> None:
        """One benchmark after the other, or beside each other where the model answers on several processes.

        Then all are asked before the first error is raised, in the order of the benchmarks.
        """
        model = self._model
        if not isinstance(model, AnswersConcurrently):
            for task in tasks:
                task()
                self.keep_judged()
            return

        def asked(task: Callable[[], None]) -> None:
            try:
                task()
                self.keep_judged()
            finally:
                model.release()

        _, errors = side_by_side([partial(asked, task) for task in tasks], model.max_threads)
        for error in errors:
            if error is not None:
                raise error

    def ask(
        self,
        place: int,
        spec: BenchmarkConfig,
        judge: Judge | None,
        benchmark: Benchmark,
        items: tuple[Item, ...],
        requests: Sequence[Request],
    ) -> None:
        """All answers of a benchmark, and the beginning of their judging."""
        what = f"{self._label}: {spec.title}"
        with self._cost(spec, "answers", self._model) as cost:
            sure = isinstance(benchmark, WantsLogOdds) and benchmark.log_odds
            asking = CachedModel(self._model, self._store, cost.growing(self._progress), what, sure)
            if isinstance(self._model, AnswersConcurrently):
                self._model.label(spec.title)
            found, lost = answered(asking, requests)
            if sure:
                found = with_log_odds(asking, requests, found, self._say)
            if isinstance(benchmark, WantsLikelihoods) and benchmark.likelihoods:
                offered = [benchmark.offered(item) for item in items]
                found = with_option_nats(asking, requests, offered, found, self._say)
            answers = {items[i].id: replace(answer, item_id=items[i].id) for i, answer in found.items()}
            self._say(f"{what}: {len(answers):,} of {len(items):,} items answered; {asking.tally}")
        keys = tuple(key if i.id in answers else None for key, i in zip(asking.keys(requests), items, strict=True))
        missing = MissingItems({items[i].id: _anywhere(why, self._data) for i, why in lost.items()})
        protocol = protocol_of(benchmark, spec, items, asking, image_digest(requests, asking.image_digest))
        cost = self._cost(spec, "judge", judge)
        judging = Judging(benchmark, items, answers, judge, self._progress, what, cost.grow)
        with self._keeping:
            self._waiting.append(_Asked(place, spec, items, keys, missing, protocol, judging, cost))

    def keep_judged(self, wait: bool = False) -> None:
        """Store the results that need not wait for a judge, or wait for all."""
        with self._keeping:
            waiting, self._waiting = self._waiting, []
            for asked in waiting:
                if wait or asked.judging.ready:
                    self._keep(asked)
                else:
                    self._waiting.append(asked)

    def _keep(self, asked: _Asked) -> None:
        with asked.judge_cost:
            self._keep_judged(asked)

    def _keep_judged(self, asked: _Asked) -> None:
        title, scores = asked.spec.title, asked.judging.scores()
        if asked.spec.judge_repeats:
            again = asked.judging.again(scores, asked.spec.judge_repeats)
            self._store.put(self._run, JudgeRepeats(again), self._label, title)
        result = StoredResult(
            label=self._label,
            benchmark=title,
            checkpoint=_nameless(self._model.checkpoint),
            options=asked.spec.model_dump(exclude_none=True),
            protocol=asked.protocol,
            items=asked.items,
            answer_keys=asked.keys,
            scores=scores,
        )
        self._store.put(self._run, asked.missing, self._label, title)
        self._store.add_result(self._run, asked.place, result)

    def _cost(self, spec: BenchmarkConfig, role: str, asked: Model | Judge | None) -> GrowingCost:
        return GrowingCost(self._store, (self._run, self._label, spec.title), role, asked, self._say)


def _anywhere(why: str, data: Data) -> str:
    """Without the place of the data folder: reports of one study are the same bytes wherever it ran."""
    return why.replace(f"{data.folder}/", "")


def _nameless(checkpoint: Checkpoint) -> Checkpoint:
    """Without its path, for the same reason."""
    return replace(checkpoint, folder="")
