"""The scheduler: what shares a batch, when rows join, and what happens when memory runs out, move costs and never answers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import far_apart

from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Decoding, HiddenImage, Request
from harness.core.plugins import in_order
from harness.models._checkpoint.image_features import FeatureCache, ImageView
from harness.models._engine.grouping import Budget, group, waves
from harness.models._engine.plain_kv_cache import PlainKVCache
from harness.models._engine.scheduler import ImageFirstEngine
from harness.models._engine.shared_kv_cache import SharedPrefixKVCache
from harness.models._engine.shared_prefix import SharedPrefixes
from harness.models.transformers import TransformersModel

QUESTIONS = ("Is there a car in the image?", "Is there a dog?", "Please describe this image in detail.", "Why?")
WORDS = "Is there a car in the image"


@pytest.fixture(scope="module")
def model(llava_folder: Path) -> TransformersModel:
    """A model whose logits are far apart."""
    made = TransformersModel(str(llava_folder), device="cpu")
    far_apart(made.module)
    return made


def engine(model: TransformersModel, tokens: int = 32_768, rows: int = 256) -> ImageFirstEngine:
    return ImageFirstEngine(model._language(), model.prompts, model.end_ids(), Budget(tokens, rows))


def answers(scheduler: ImageFirstEngine, requests: list[Request], **known: Any) -> list[Answer]:
    found = in_order((pair for part in scheduler.generate(requests, **known) for pair in part), len(requests))
    return [replace(answer, latency_s=0.0, yes_nats=None, token_logps=None) for answer in found]


def mixed(images: list[Path]) -> list[Request]:
    """Short and long, greedy and sampled, hidden and whole, with stop strings; every image asked often."""
    decodings = (
        Decoding(2),
        Decoding(12),
        Decoding(12, stop=("e", "a")),
        Decoding(9, temperature=1.0, top_p=0.9, seed=4),
        Decoding(7, temperature=0.7, seed=5, stop=("t",)),
        Decoding(5, min_new_tokens=5),
    )
    whole = [Request(p, q, decodings[(i + 2 * j) % 6]) for i, p in enumerate(images) for j, q in enumerate(QUESTIONS)]
    hidden = [Request(p, QUESTIONS[1], Decoding(8), hidden_image=HiddenImage(0.7, 1), prefix="A") for p in images]
    return [*whole, *hidden, Request(None, "Hello?", Decoding(6))]


class Counted(SharedPrefixKVCache):
    """Remembers how many rows were in work at once, and of what every pass was made."""

    passes: list[tuple[str, int]]
    most_slots: int

    def join(self, groups: Any, known: bool = False) -> Any:
        logits = super().join(groups, known)
        self.passes.append(("known" if known else "join", sum(len(g.rows) for g in groups)))
        return logits

    def step(self, tokens: Any, known: bool = False) -> Any:
        self.passes.append(("known" if known else "step", len(tokens)))
        logits = super().step(tokens, known)
        shelves = [*self._shelves, *(shelf for b in self._prefixes for shelf in b.shelves)]
        held = [k.shape[0] * k.shape[2] for shelf in shelves for k, _ in list(shelf.layers.values())[:1]]
        Counted.most_slots = max(Counted.most_slots, sum(held))
        return logits


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Counted]]:
    Counted.passes, Counted.most_slots = [], 0
    monkeypatch.setattr("harness.models._engine.running_batch.SharedPrefixKVCache", Counted)
    yield Counted


def test_answers_do_not_depend_on_batch_size_batch_mates_or_order(model: TransformersModel, images: list[Path]) -> None:
    requests = mixed(images)
    together = answers(engine(model), requests)
    assert len({a.text for a in together}) > len(requests) // 2 and {a.stopped for a in together} >= {"stop", "length"}
    assert together == [answers(engine(model), [r])[0] for r in requests]
    assert together == answers(engine(model, 600, 5), requests)
    assert together[::-1] == answers(engine(model, 600), requests[::-1])


def test_models_with_attention_of_their_own_answer_the_same(
    model: TransformersModel, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = mixed(images)
    together = answers(engine(model, 600, 7), requests)
    monkeypatch.setattr("harness.models._engine.running_batch.SharedPrefixKVCache", PlainKVCache)
    assert together == answers(engine(model, 600, 7), requests)


def test_waiting_rows_take_the_place_of_finished_ones(
    model: TransformersModel, images: list[Path], counted: type[Counted]
) -> None:
    requests = [Request(p, f"{q} {n}", Decoding(2 + 5 * n)) for p in images for q in QUESTIONS[:2] for n in range(3)]
    answers(engine(model, rows=10), requests)
    rows = [n for _, n in counted.passes]
    joins = [k for k, (kind, _) in enumerate(counted.passes) if kind == "join"]
    assert len(joins) == 4 and max(rows) <= 10
    # rows that joined earlier are still at work when others join
    assert all(counted.passes[k + 1][1] > counted.passes[k][1] for k in joins[1:])
    assert len(counted.passes) < 4 * 12


def test_shared_packed_and_hidden_logits_are_those_of_one_row_alone(model: TransformersModel, images: list[Path]) -> None:
    requests = mixed(images)
    rows = [model.prompts.row(i, r) for i, r in enumerate(requests)]
    by_image: dict[Any, list[Any]] = {}
    for row in rows:
        by_image.setdefault((row.request.image, row.request.hidden_image), []).append(row)
    image = model.prompts.image_token_id
    groups = [g for members in by_image.values() for g in group(members, image)]
    order = [row.index for g in groups for row in g.rows]
    with torch.inference_mode():
        packed = SharedPrefixKVCache(model._language()).join(groups)
        for logits, index in zip(packed, order, strict=True):
            (alone,) = PlainKVCache(model._language()).join(group([rows[index]], image))
            torch.testing.assert_close(logits, alone, atol=1e-4, rtol=0)


def test_prompts_of_any_length_are_read_token_by_token_once_and_no_padding_with_them(
    model: TransformersModel, images: list[Path]
) -> None:
    texts = ("Why?", f"{WORDS}?", f"{WORDS}, and {WORDS}, and {WORDS}?")
    requests = [Request(p, text, Decoding(1)) for p in images[:2] for text in texts]
    read: list[int] = []
    hook = model.module.get_decoder().register_forward_pre_hook(
        lambda module, args, options: read.append(options["inputs_embeds"].shape[:2].numel()), with_kwargs=True
    )
    answers(engine(model), requests)
    hook.remove()
    groups = [g for p in range(2) for g in group([model.prompts.row(i, requests[3 * p + i]) for i in range(3)], 0)]
    own = [len(row.ids) - g.shared for g in groups for row in g.rows]
    assert len(set(own)) == 3 and sum(read) == sum(own) + sum(g.shared for g in groups)


# ------------------------------------------------------------ stopped and started again


@pytest.mark.parametrize("budget", [(32_768, 256), (400, 9)])
def test_started_again_anywhere_it_ends_in_the_same_bits_and_asks_nothing_twice(
    model: TransformersModel, images: list[Path], budget: tuple[int, int]
) -> None:
    requests = mixed(images)
    parts = list(engine(model, *budget).generate(requests))
    logits = whole_run_logits(model, requests, budget, {})
    for cut in {1, len(parts) // 3, 2 * len(parts) // 3, len(parts) - 1}:
        done = dict(pair for part in parts[:cut] for pair in part)
        again = whole_run_logits(model, requests, budget, done)
        assert sorted([*done, *{i for i, _ in again}]) == list(range(len(requests)))
        assert all(torch.equal(logits[key], again[key]) for key in again)


def whole_run_logits(
    model: TransformersModel, requests: list[Request], budget: tuple[int, int], done: dict[int, Answer]
) -> dict[tuple[int, int], torch.Tensor]:
    """(request, tokens so far) -> logits that its next token was chosen from, of the requests that are asked."""
    import harness.models._engine.running_batch as module

    seen: dict[tuple[int, int], torch.Tensor] = {}
    choose = module.next_tokens

    def note(logits: torch.Tensor, states: Any, end_ids: Any) -> list[int]:
        for row, state in zip(logits, states, strict=True):
            if state in owners:
                seen[owners[state], len(state.ids)] = row.clone()
        return choose(logits, states, end_ids)

    owners: dict[Any, int] = {}
    scheduler = engine(model, *budget)
    make = scheduler._live

    def live(row: Any, *rest: Any) -> Any:
        entry = make(row, *rest)
        if row.index not in done:
            owners[entry.state] = row.index
        return entry

    scheduler._live = live  # type: ignore[method-assign]
    module.next_tokens = note
    try:
        list(scheduler.generate(requests, done))
    finally:
        module.next_tokens = choose
    return seen


def test_shared_beginnings_of_known_rows_take_the_slots_that_they_took_when_they_were_read() -> None:
    """Else other rows would join after a restart. Lengths of one capacity (64, then 80) are padded to the longest of it."""
    owner = [0, 0, 1, 2, 3]
    held = SharedPrefixes([60, 0, 63, 70], owner)
    assert held.slots == 63 + 63 + 70
    held.keep([0, 2, 3, 4])  # the group without a beginning leaves; two thirds stay, so nothing is freed
    assert held.slots == 63 + 63 + 70


def test_rows_whose_answers_are_known_cost_no_pass_of_their_own(
    model: TransformersModel, images: list[Path], counted: type[Counted]
) -> None:
    requests = mixed(images)
    parts = list(engine(model, 260, 6).generate(requests))
    done = dict(pair for part in parts[: len(parts) // 2] for pair in part)
    whole = sum(n for kind, n in counted.passes)
    counted.passes.clear()
    list(engine(model, 260, 6).generate(requests, done))
    computed = sum(n for kind, n in counted.passes if kind != "known")
    assert 0 < computed < 0.8 * whole
    counted.passes.clear()
    assert list(engine(model, 260, 6).generate(requests, {i: a for part in parts for i, a in part})) == []
    assert counted.passes == []


def test_waves_are_a_function_of_the_requests_and_hold_each_once(images: list[Path]) -> None:
    requests = [Request(Path(f"{n % 300}.png"), f"{n}", Decoding(2 + n % 7)) for n in range(2000)]
    found = waves(requests)
    assert found == waves(list(requests)) and len(found) >= 4
    assert sorted(i for wave in found for part in wave for i in part) == list(range(2000))
    assert all(sum(map(len, wave)) <= 512 and len(wave) <= 128 for wave in found)
    for wave in found:
        longest = [max(requests[i].decoding.max_new_tokens for i in part) for part in wave]
        assert longest == sorted(longest, reverse=True)
        assert all(len({requests[i].image for i in part}) == 1 for part in wave)


# ------------------------------------------------------------ memory


class Narrow(SharedPrefixKVCache):
    """A machine whose memory holds so many rows and no more."""

    room = 4
    error: BaseException = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def join(self, groups: Any, known: bool = False) -> Any:
        if len(self._lengths) + sum(len(g.rows) for g in groups) > self.room:
            raise self.error
        return super().join(groups, known)

    def step(self, tokens: Any, known: bool = False) -> Any:
        if len(tokens) > 2 and max(self._lengths) > 12:
            raise self.error
        return super().step(tokens, known)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
        ),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_halves_the_budget_and_loses_nothing(
    model: TransformersModel,
    images: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
) -> None:
    requests = mixed(images)[::3]  # few of each image, so that rows of several images go back together
    expected = answers(engine(model), requests)
    monkeypatch.setattr(Narrow, "error", error)
    monkeypatch.setattr("harness.models._engine.running_batch.SharedPrefixKVCache", Narrow)
    scheduler = engine(model)
    with caplog.at_level(logging.WARNING, "harness"):
        parts = list(scheduler.generate(requests))
    given = [i for part in parts for i, _ in part]
    assert sorted(given) == list(range(len(requests)))
    got = in_order((p for part in parts for p in part), len(requests))
    assert [replace(a, latency_s=0.0, token_logps=None) for a in got] == expected
    assert scheduler.budget.rows <= 4
    assert len(caplog.records) == 1 and "Memory ran out. The batches are halved" in caplog.text


def test_memory_too_small_for_one_question_is_one_clear_message(
    model: TransformersModel, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Narrow, "room", 0)
    monkeypatch.setattr("harness.models._engine.running_batch.SharedPrefixKVCache", Narrow)
    with pytest.raises(ModelError, match=r"does not suffice for a single question .*smaller dtype or another device"):
        answers(engine(model), mixed(images)[:3])


def test_other_errors_are_not_taken_for_memory(
    model: TransformersModel, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Narrow, "error", RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    monkeypatch.setattr("harness.models._engine.running_batch.SharedPrefixKVCache", Narrow)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        answers(engine(model), mixed(images))


def test_what_is_held_grows_with_the_budget_and_not_with_the_number_of_questions(
    model: TransformersModel, images: list[Path], counted: type[Counted]
) -> None:
    def most(questions: int, budget: int) -> int:
        counted.most_slots = 0
        requests = [Request(p, f"{WORDS} {n}?", Decoding(6)) for n in range(questions) for p in images]
        answers(engine(model, budget), requests)
        return counted.most_slots

    few, many, wide = most(8, 400), most(20, 400), most(20, 1600)
    assert many <= 1.2 * few and many <= 400 and wide > 2 * many


def test_kept_features_have_a_bound_and_the_oldest_go(model: TransformersModel, images: list[Path]) -> None:
    seen = [ImageView(p) for p in images]
    one = FeatureCache(model.module, model.prompts).of(seen[:1])[seen[0]].size
    cache = FeatureCache(model.module, model.prompts, room=2 * one)
    for view in seen:
        assert torch.isfinite(cache.of([view])[view].embeds).all()
    assert list(cache._kept) == seen[-2:] and cache._size == 2 * one
    assert set(cache.of(seen)) == set(seen), "what is asked for at once is given, however much it is"


def test_each_image_is_encoded_once_in_a_whole_sweep(
    llava_next_folder: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TransformersModel(str(llava_next_folder), device="cpu", rows=3)
    encoded: list[int] = []
    tower = model.module.model.get_image_features

    def count(*args: Any, **options: Any) -> Any:
        encoded.append(len(options["pixel_values"]))
        return tower(*args, **options)

    monkeypatch.setattr(model.module.model, "get_image_features", count)
    for limit in (2, 3, 5):  # three benchmarks over the same images
        requests = [Request(p, f"{limit} {q}", Decoding(limit)) for p in images for q in QUESTIONS]
        list(model.generate(requests))
    assert sum(encoded) == len(images)
