"""What a decode step costs on a device, and how much of that its arithmetic."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

Figures = dict[str, Any]


def loaded(folder: Path, device: str) -> Any:
    """A model; what took most time goes to stderr."""
    from common import profiled

    from harness.models.transformers import TransformersModel

    with profiled():
        return TransformersModel(str(folder), device=device, threads=1)


def steps(model: Any, images: list[Path], many: int) -> Figures:
    """Milliseconds a step of the engine, recorded and not, of its kernels, and of the language model alone."""
    from common import profiled

    from harness.models._device import cuda_graphs

    asked = requests(images, many)
    with patch.object(cuda_graphs, "DEVICES", ()), timed_steps(model) as plain:
        answer(model, asked)
    answer(model, asked)  # they are recorded
    with timed_steps(model) as spent:
        answer(model, asked)
    found: Figures = {"ms a step of the engine": _ms(spent), "ms a step, not recorded": _ms(plain)}
    if model.device.type == "cuda":
        with profiled():
            answer(model, asked)
        found["kernels, ms a step"] = kernels(lambda: answer(model, asked))
    return found | alone(model, len(images), many)


def _ms(seconds: list[float]) -> float:
    return round(1000 * median(seconds), 2)


@contextmanager
def timed_steps(model: Any) -> Iterator[list[float]]:
    """Wall seconds of each decode step, from the last choice of tokens to the next logits."""
    from harness.models._engine.shared_kv_cache import SharedPrefixKVCache

    real, found = SharedPrefixKVCache.step, list[float]()

    def step(self: Any, *given: Any) -> Any:
        wait(model.device)
        began = time.perf_counter()
        logits = real(self, *given)
        wait(model.device)
        found.append(time.perf_counter() - began)
        return logits

    with patch.object(SharedPrefixKVCache, "step", step):
        yield found


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
    """Milliseconds that the GPU computes in a decode step; what takes most of all goes to stderr."""
    from torch.profiler import ProfilerActivity, profile

    from harness.models._engine.shared_kv_cache import SharedPrefixKVCache

    real, spent, steps, seen = SharedPrefixKVCache.step, 0.0, 0, 0
    with profile(activities=[ProfilerActivity.CUDA]) as whole:
        work()
        torch.cuda.synchronize()
    print(whole.key_averages().table(sort_by="self_device_time_total", row_limit=25), file=sys.stderr)

    def step(self: Any, *given: Any) -> Any:
        nonlocal spent, steps, seen
        seen += 1
        if seen % 8:
            return real(self, *given)
        with profile(activities=[ProfilerActivity.CUDA]) as found:
            logits = real(self, *given)
            torch.cuda.synchronize()
        spent, steps = spent + sum(float(event.self_device_time_total) for event in found.key_averages()), steps + 1
        return logits

    with patch.object(SharedPrefixKVCache, "step", step):
        work()
    return round(spent / 1000 / steps, 2)


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
