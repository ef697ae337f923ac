"""The engine's budget follows the free memory of a GPU; a CPU keeps its fixed number."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_families
import torch

from harness.core.errors import ConfigError
from harness.core.evaluation import Decoding, Request
from harness.models._device.token_budget import cache_slots, reserve, slot_bytes
from harness.models._engine.grouping import group
from harness.models._engine.running_batch import kv_cache_for
from harness.models._engine.scheduler import is_out_of_memory
from harness.models.transformers import TransformersModel

SEVEN_B = SimpleNamespace(
    num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, hidden_size=4096, intermediate_size=11008
)


def module(device: str, text: Any = SEVEN_B, dtype: torch.dtype = torch.bfloat16) -> Any:
    """A module with weights on a device that this machine need not have."""
    weight = SimpleNamespace(device=torch.device(device), element_size=lambda: torch.empty(0, dtype=dtype).element_size())
    return SimpleNamespace(
        config=SimpleNamespace(get_text_config=lambda: text), get_input_embeddings=lambda: SimpleNamespace(weight=weight)
    )


def gpu(monkeypatch: pytest.MonkeyPatch, free: int, reserved: int = 0, allocated: int = 0) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 << 30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: reserved)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: allocated)


def test_a_slot_of_llava_7b_is_half_a_mebibyte() -> None:
    assert slot_bytes(module("cuda")) == 2 * 32 * 32 * 128 * 2 == 512 << 10


def test_grouped_heads_and_latent_attention_count_as_they_are_kept() -> None:
    grouped = SimpleNamespace(**{**vars(SEVEN_B), "num_key_value_heads": 8, "head_dim": 128})
    latent = SimpleNamespace(**vars(SEVEN_B), kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128)
    assert slot_bytes(module("cuda", grouped)) == (512 << 10) // 4
    assert slot_bytes(module("cuda", latent)) == 32 * 32 * (192 + 128) * 2


def test_a_gpu_s_budget_is_half_of_what_is_free_behind_the_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = reserve(module("cuda"))
    assert kept == 32_768 * (6 * 4096 + 3 * 11008) * 2 + (4 << 30)
    gpu(monkeypatch, free=kept + 2 * 65_536 * (512 << 10))
    assert cache_slots(None, module("cuda")) == 65_536
    gpu(monkeypatch, free=kept + 2 * 65_536 * (512 << 10) - 1)
    assert cache_slots(None, module("cuda")) == 57_344  # 7 x 8,192: four steps a doubling
    gpu(monkeypatch, free=kept + 2 * 58_000 * (512 << 10))
    assert cache_slots(None, module("cuda")) == 57_344  # a little more memory moves no batch
    gpu(monkeypatch, free=kept, reserved=66 << 30, allocated=2 << 30)  # what torch holds and does not use is free
    assert cache_slots(None, module("cuda")) == 65_536
    gpu(monkeypatch, free=1 << 30)
    assert cache_slots(None, module("cuda")) == 2048


def test_a_cpu_and_a_given_number_ask_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: pytest.fail("asked a GPU"))
    assert cache_slots(None, module("cpu")) == 32_768
    assert cache_slots(500, module("cuda")) == 500
    with pytest.raises(ConfigError, match=r"model\.tokens is 0"):
        cache_slots(0, module("cuda"))


NAMES = ("llava", "llava_next, Mistral with a window", "llava_next, deepseek_v3", "gemma3", "gemma4", "qwen3_5", "qwen2_5_vl")


@pytest.mark.parametrize("name", NAMES)
def test_no_family_keeps_more_than_its_slots_are_taken_for(name: str, tmp_path: Path, images: list[Path]) -> None:
    model = TransformersModel(str(tiny_families.save(name, tmp_path)), device="cpu")
    row = model.prompts.row(0, Request(images[0], "Is there a dog?", Decoding(4)))
    memory = kv_cache_for(model._language())
    with torch.inference_mode():
        memory.join(group([row], model.prompts.image_token_id))
        memory.step([5])
    held, slots = kept_by(memory)
    most = model.slot_bytes * slots
    assert 0 < held <= most
    if name in ("llava", "qwen2_5_vl", "llava_next, deepseek_v3"):
        assert held == most


def kept_by(memory: Any) -> tuple[int, int]:
    """(bytes of keys and values, slots)"""
    if hasattr(memory, "_shelves"):
        shelves = [*memory._shelves, *(shelf for prefixes in memory._prefixes for shelf in prefixes.shelves)]
        return sum(t.nbytes for s in shelves for pair in s.layers.values() for t in pair), sum(s.slots for s in shelves)
    (side,) = memory._sides
    layers = [layer for layer in side.cache.layers if getattr(layer, "keys", None) is not None]
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in layers), side.mask.shape[1]


def test_a_math_library_without_memory_counts_as_memory_that_ran_out() -> None:
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
