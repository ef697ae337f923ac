"""What a decode step costs on a device, and how much of that its arithmetic."""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Figures = dict[str, Any]


def loaded(folder: Path, device: str) -> Any:
    """A model; what took most time goes to stderr."""
    from harness.models.transformers import TransformersModel

    with profiled():
        return TransformersModel(str(folder), device=device, threads=1)


@contextmanager
def profiled() -> Iterator[None]:
    """What this process's main thread does goes to stderr."""
    found = cProfile.Profile()
    with found:
        yield
    pstats.Stats(found, stream=sys.stderr).sort_stats("cumulative").print_stats(25)


def steps(model: Any, images: list[Path], many: int) -> Figures:
    """Milliseconds a step of the engine, of its kernels, and of the language model alone, with and without a graph."""
    asked = {n: requests(images, n) for n in (2, 2 + many)}
    spent = {}
    for n, own in asked.items():
        answer(model, own)  # kernels are loaded, images encoded
        spent[n] = min(timed(model.device, lambda own=own: answer(model, own)) for _ in range(2))
    found: Figures = {"ms a step of the engine": _ms(spent, many)}
    found["ms, not recorded"] = not_recorded(model, asked, many)
    if model.device.type == "cuda":
        with profiled():
            answer(model, asked[2 + many])
        busy = {n: kernels(lambda own=own: answer(model, own)) for n, own in asked.items()}
        found["ms of it on the GPU"] = _ms(busy, many)
    return found | alone(model, len(images), many)


def not_recorded(model: Any, asked: dict[int, list[Any]], many: int) -> float:
    from harness.models._device import recorded_step

    before, recorded_step.DEVICES = recorded_step.DEVICES, ()
    try:
        return _ms(
            {n: min(timed(model.device, lambda own=own: answer(model, own)) for _ in range(2)) for n, own in asked.items()},
            many,
        )
    finally:
        recorded_step.DEVICES = before


def _ms(seconds: dict[int, float], many: int) -> float:
    short, long = (seconds[n] for n in sorted(seconds))
    return round(1000 * (long - short) / many, 2)


def requests(images: list[Path], tokens: int) -> list[Any]:
    from harness.core.evaluation import Decoding, Request

    limit = Decoding(max_new_tokens=tokens, min_new_tokens=tokens)
    return [Request(path, "Please describe this image in detail.", limit) for path in images]


def answer(model: Any, asked: list[Any]) -> None:
    for _ in model.generate(asked):
        pass


def timed(device: torch.device, work: Callable[[], object], times: int = 1) -> float:
    """Wall seconds a time."""
    wait(device)
    began = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return (time.perf_counter() - began) / times


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def kernels(work: Callable[[], object]) -> float:
    """Seconds that the GPU computes; what takes most goes to stderr."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as found:
        work()
        torch.cuda.synchronize()
    events = found.key_averages()
    print(events.table(sort_by="self_device_time_total", row_limit=25, max_name_column_width=80), file=sys.stderr)
    return sum(float(event.self_device_time_total) for event in events) / 1e6


@torch.inference_mode()
def alone(model: Any, rows: int, many: int) -> Figures:
    """The language model over keys and values that stay where they are: as many slots as the engine's rows end with."""
    from harness.models._engine.language_model import Tokens, carrier

    language = model._language()
    config, device, slots = language.config, model.device, 640
    shape = (rows, config.num_key_value_heads, slots, config.hidden_size // config.num_attention_heads)
    held = [
        [torch.randn(shape, device=device, dtype=model.module.dtype) for _ in range(2)] for _ in range(config.num_hidden_layers)
    ]
    ids = torch.full((rows, 1), 5, device=device)
    positions = torch.full((rows, 1), slots, device=device)

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        keys, values = held[module.layer_idx]
        keys[:, :, -1:], values[:, :, -1:] = key, value
        return torch.nn.functional.scaled_dot_product_attention(query, keys, values, scale=scaling).transpose(1, 2)

    class Kept:
        """What transformers sees of a cache."""

        def update(self, keys: Tensor, values: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
            return keys, values

        def get_seq_length(self, layer_idx: int = 0) -> int:
            return slots

    mask = carrier(attend)

    def step() -> Tensor:
        return language.logits(language.states(Tokens(ids, positions, ids), mask, Kept())[:, -1]).argmax(-1)

    step()
    found: Figures = {"ms a step of the language model alone": round(1000 * timed(device, step, many), 2)}
    if device.type == "cuda":
        found["ms of that as a CUDA graph"] = round(1000 * timed(device, recorded(step).replay, many), 2)
    return found


def recorded(step: Callable[[], Tensor]) -> Any:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    graph.replay()
    return graph
