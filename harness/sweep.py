"""One checkpoint through a list of benchmarks: load -> generate -> score -> store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.config import BenchmarkConfig
from harness.contract import Answer, Benchmark, Checkpoint, Data, Item, Model, Progress, ProtocolRecord, Request
from harness.digests import value_digest
from harness.errors import DataError
from harness.generate import RememberingModel
from harness.score import build, score_all
from harness.store import Store, StoredResult


def requests_of(name: str, benchmark: Benchmark, items: Sequence[Item], data: Data) -> list[Request]:
    """What a benchmark asks, in the order of its items. Raises DataError naming the first picture that is missing."""
    lost = [item for item in items if item.image and not data.has(item.image)]
    if lost:
        raise DataError(
            f"{name}: {len(lost)} of {len(items)} items ask about a picture that is not in the data folder {data.folder}; "
            f"the first is {lost[0].image} (item {lost[0].id}). `python -m harness fetch {name}` tells where they come from."
        )
    decoding = benchmark.decoding()
    return [Request(data.path(i.image) if i.image else None, benchmark.prompt(i), decoding) for i in items]


def protocol_of(benchmark: Benchmark, spec: BenchmarkConfig, items: Sequence[Item], model: Model) -> ProtocolRecord:
    """Everything that can move a score besides the weights, as text facts."""
    decoding = benchmark.decoding()
    facts = {
        "benchmark": spec.name,
        "benchmark version": str(benchmark.version),
        "items": str(len(items)),
        "item digest": value_digest([[i.id, i.image, i.question, dict(i.truth)] for i in items])[:16],
        "prompt (first item)": benchmark.prompt(items[0]),
        "decoding": "greedy" if decoding.temperature == 0 else f"temperature {decoding.temperature}, top-p {decoding.top_p}",
        "token limit": str(decoding.max_new_tokens),
        **benchmark.facts(),
        **model.facts(),
    }
    return ProtocolRecord(facts)


def sweep(
    label: str,
    model: Model,
    specs: Mapping[int, BenchmarkConfig],
    data: Data,
    store: Store,
    run: str,
    progress: Progress,
) -> None:
    """Evaluate one checkpoint on every benchmark and keep each result as soon as it is there.

    Args:
        label: the checkpoint's name in the report.
        specs: place of the result in the run -> benchmark. All are loaded before the first question is asked, so that
            a missing file is known at once.
    """
    loaded = []
    for place, spec in specs.items():
        benchmark = build(spec, store, data)
        items = _items(spec, benchmark, data)
        loaded.append((place, spec, benchmark, items, requests_of(spec.name, benchmark, items, data)))
    for place, spec, benchmark, items, requests in loaded:
        asking = RememberingModel(model, store, progress, f"{label}: {spec.title}")
        answers: dict[str, Answer] = {}
        for batch in asking.generate(requests):
            answers.update({items[i].id: replace(answer, item_id=items[i].id) for i, answer in batch})
        result = StoredResult(
            label=label,
            benchmark=spec.title,
            checkpoint=_nameless(model.checkpoint),
            options=spec.model_dump(exclude_none=True),
            protocol=protocol_of(benchmark, spec, items, model),
            items=items,
            answer_keys=tuple(asking.key(r) if i.id in answers else None for r, i in zip(requests, items, strict=True)),
            scores=score_all(benchmark, items, answers),
        )
        store.add_result(run, place, result)


def _items(spec: BenchmarkConfig, benchmark: Benchmark, data: Data) -> tuple[Item, ...]:
    items = tuple(benchmark.load(data))
    if not items:
        raise DataError(f"{spec.name} found no items in {data.folder}; check its options and files.")
    repeated = len(items) - len({i.id for i in items})
    if repeated:
        raise DataError(f"{spec.name}: {repeated} items share an id with another one.")
    return items


def _nameless(checkpoint: Checkpoint) -> Checkpoint:
    """Without its path, so that reports of one study are the same bytes wherever it ran."""
    return replace(checkpoint, folder="")
