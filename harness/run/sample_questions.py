"""The first few questions of every benchmark of a study, and how long a model takes for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from harness.config.schema import BenchmarkConfig, RunConfig
from harness.core.capabilities import ScoresAnswers, TellsLogOdds, WantsLikelihoods, WantsLogOdds
from harness.core.errors import HarnessError, ModelError, UnknownItems
from harness.core.evaluation import Item, Request
from harness.core.plugins import Benchmark, Data, Model
from harness.evaluation.asked_items import decoding_of, items_of, requests_of
from harness.evaluation.scoring import unjudged
from harness.evaluation.sweep import named

QUESTIONS = 8  # of a benchmark that is measured alone
LONG_TOKENS, TOGETHER = 64, 16  # benchmarks that allow longer answers are measured together, on about so many questions in all


@dataclass(frozen=True, slots=True)
class Asked:
    """A benchmark: the number of its questions, the first few of them, whether it asks for log-odds of yes, the answers whose
    likelihood it asks for, whether its own answers may be long, and the images of all its questions."""

    spec: BenchmarkConfig
    number: int
    sample: Sequence[Request]
    log_odds: bool
    offered: Sequence[Sequence[str]]
    is_long: bool
    images: frozenset[str] = frozenset()  # names in the data folder


def asked_of(config: RunConfig, data: Data, missing: list[str]) -> list[Asked]:
    """What every benchmark asks; what cannot be read is added to `missing`."""
    read, unknown = [], dict[str, UnknownItems]()
    for spec in config.sweep:
        try:
            benchmark = unjudged(spec)
            read.append((spec, benchmark, items_of(spec, benchmark, data)))
        except UnknownItems as error:
            unknown[spec.title] = error
        except HarnessError as error:
            missing.append(named(spec.title, error))
    there = {spec.title for spec, _, _ in read} | unknown.keys()
    missing += _unknown_items(unknown, {spec.title: spec.items or () for spec in config.sweep if spec.title in there})
    long = sum(_is_long(benchmark) for _, benchmark, _ in read)
    of_each = max(3, min(QUESTIONS, -(-TOGETHER // max(1, long))))
    found = []
    for spec, benchmark, items in read:
        is_long = _is_long(benchmark)
        few = of_each if is_long else QUESTIONS
        try:
            sample, offered = requests_of(spec.name, benchmark, items, data, few), _offered(benchmark, items[:few])
        except HarnessError as error:
            missing.append(named(spec.title, error))
            continue
        found.append(Asked(spec, len(items), sample, _wants_log_odds(benchmark), offered, is_long, _images(items)))
    return found


def _images(items: Sequence[Item]) -> frozenset[str]:
    return frozenset(item.image for item in items if item.image)


def _unknown_items(unknown: Mapping[str, UnknownItems], wanted_of: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Items that benchmarks lack, by title; of one that another benchmark has of which it is wanted, which that is."""
    elsewhere = set[str]()
    for wanted in dict.fromkeys(one for error in unknown.values() for one in error.ids):
        lacking = [title for title, error in unknown.items() if wanted in error.ids]
        having = [title for title, ids in wanted_of.items() if wanted in ids and title not in lacking]
        if having:
            elsewhere.add(wanted)
            yield (
                f"The item {wanted!r} is in {', '.join(having)}, and not in {', '.join(lacking)}. Sweep the benchmarks that "
                f"have it (--benchmarks {','.join(having)}), or choose items for each: "
                f'"sweep.{having[0]}.items=[{wanted!r}]".'
            )
    for error in unknown.values():
        if not elsewhere.issuperset(error.ids):
            yield str(error)


def question_seconds(model: Model, asked: Sequence[Asked]) -> Iterator[float]:
    """Seconds that one question of each benchmark takes, in their order.

    Long answers of all benchmarks are asked for at once and share the time evenly. A batch takes as long as its longest answer:
    eight captions alone took 54 to 79 ms each, twenty answers of five benchmarks 33 ms, forty-eight captions 35 to 40 ms.
    """
    together = [request for one in asked if one.is_long for request in one.sample]
    if asked:
        _ask(model, asked[0].sample[:1])  # the first question of a process takes several times as long
    shared: float | None = None
    for one in asked:
        if not one.is_long:
            yield timed(partial(_ask, model, one.sample, one.log_odds, one.offered)) / len(one.sample)
            continue
        if shared is None:
            shared = timed(partial(_ask, model, together)) / len(together)
        yield shared


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _wants_log_odds(benchmark: Benchmark) -> bool:
    return isinstance(benchmark, WantsLogOdds) and benchmark.log_odds


def _offered(benchmark: Benchmark, items: Sequence[Item]) -> list[Sequence[str]]:
    """The answers whose likelihoods are asked for; [] where none are."""
    if not isinstance(benchmark, WantsLikelihoods) or not benchmark.likelihoods:
        return []
    return [benchmark.offered(item) for item in items]


def _is_long(benchmark: Benchmark) -> bool:
    alone = _wants_log_odds(benchmark) or (isinstance(benchmark, WantsLikelihoods) and benchmark.likelihoods)
    return not alone and decoding_of(type(benchmark).__name__, benchmark).max_new_tokens > LONG_TOKENS


def _ask(model: Model, requests: Sequence[Request], log_odds: bool = False, offered: Sequence[Sequence[str]] = ()) -> None:
    answers = [answer for batch in model.generate(requests) for _, answer in batch]
    if log_odds and isinstance(model, TellsLogOdds) and any(answer.yes_nats is None for answer in answers):
        with suppress(ModelError):  # a model that cannot tell costs nothing more
            model.yes_no_log_odds(requests)
    if offered and isinstance(model, ScoresAnswers):
        pairs = [(request, text) for request, texts in zip(requests, offered, strict=True) for text in texts]
        with suppress(ModelError):
            model.log_probs([request for request, _ in pairs], [text for _, text in pairs])
