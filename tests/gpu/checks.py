"""What has to be right on a device: each function returns figures, raises AssertionError, or `Skipped` with its reason."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "speed")]

MANY = {"cuda": 24, "cpu": 8}  # questions to the engine
LOSS_ABS = 2e-4  # float32 losses of a few steps on another device, TF32 off
Figures = dict[str, Any]


class Skipped(Exception):
    """The section cannot run here; its words say why."""


def engine(device: str) -> Figures:
    """The image-first engine gives the answers of the model's own `generate`, one by one."""
    from harness.models._device import fused_attention

    found: Figures = {}
    with tiny_model() as (folder, images):
        for dtype in ("float32", "bfloat16"):
            model = loaded(folder, device, dtype)
            requests = asked(images, MANY[device])
            ours = {i: a.text for batch in model.generate(requests) for i, a in batch}
            plain = {i: a.text for batch in model.one_by_one().generate(requests, {}) for i, a in batch}
            same = sum(ours[i] == plain[i] for i in plain)
            found[f"same answers in {dtype}"] = f"{same} of {len(requests)}"
            assert dtype != "float32" or same == len(requests), f"{same} of {len(requests)} answers are those of `generate`"
    for (_, kind, size, _), used in fused_attention._proven.items():
        found[f"fused attention, heads of {size} in {kind}"] = "used" if used else "not used, other numbers"
    return found


def precision(device: str) -> Figures:
    """In bfloat16 the engine's logits are as near to those in float32 as transformers' own."""
    from precision import errors

    with tiny_model() as (folder, images):
        return errors(folder, sorted(images.glob("*.png"))[:4], device, 32)


def budget(device: str) -> Figures:
    """The slots follow the free memory; a small budget, and memory that runs out, change no answer."""
    with tiny_model() as (folder, images):
        model = loaded(folder, device, "float32")
        found: Figures = {"slots": model.slots, "bytes a slot": model.slot_bytes}
        requests = asked(images, MANY[device])
        expected = answers(model, requests)
        assert answers(loaded(folder, device, "float32", tokens=300, rows=5), requests) == expected, (
            "a small budget answers otherwise"
        )
        if device == "cuda":
            found["memory ran out with MiB to spare"] = starved(model, requests, expected)
    return found


def starved(model: Any, requests: list[Any], expected: list[str]) -> str:
    """Less and less memory, until batches are halved; the answers stay."""
    from harness.core.errors import ModelError

    total, halved = torch.cuda.get_device_properties(0).total_memory, []
    for spare in (64, 32, 16, 8, 4):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min((torch.cuda.memory_reserved() + (spare << 20)) / total, 1.0))
        try:
            assert answers(model, requests) == expected, f"with {spare} MiB to spare the answers are others"
        except ModelError:  # not even one question fits
            break
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        halved += [str(spare)] if model.budget.halved else []
    return ", ".join(halved) or "never"


def workers(device: str) -> Figures:
    """Images that two workers process ahead are the bytes, and give the answers, of one process."""
    with tiny_model() as (folder, images):
        alone, helped = (loaded(folder, device, "float32", image_workers=n) for n in (0, 2))
        requests = asked(images, MANY[device])
        assert answers(alone, requests) == answers(helped, requests), "the answers are others"
        paths = sorted(images.glob("*.png"))
        helped.expect_images(paths)
        for path in paths:
            one, other = (model.prompts.image_inputs(path).tensors for model in (alone, helped))
            assert all(torch.equal(one[name], other[name]) for name in one), f"{path.name} has other pixels"
    return {"same answers": len(requests), "same images": len(paths)}


def training(device: str) -> Figures:
    """Losses of DPO steps on this device are those of a CPU, in float32."""
    with tiny_model() as (folder, images):
        here = losses(loaded(folder, device, "float32"), images)
        there = losses(loaded(folder, "cpu", "float32"), images)
    apart = max(abs(a - b) for a, b in zip(here, there, strict=True))
    assert apart < LOSS_ABS, f"losses {here}, on a CPU {there}"
    return {"steps": len(here), "losses apart by at most": apart, "first loss": here[0]}


def masters(device: str) -> Figures:
    """A model loaded in bfloat16 trains float32 weights: a step of 1e-6 is not rounded away."""
    with tiny_model() as (folder, images):
        policy = loaded(folder, device, "bfloat16")
        before = {name: p.detach().float().clone() for name, p in policy.module.get_decoder().named_parameters()}
        losses(policy, images, learning_rate=1e-6, max_steps=1)
        after = dict(policy.module.get_decoder().named_parameters())
    assert all(p.dtype == torch.float32 for p in after.values()), "trained weights are not float32"
    moved = sum(int((after[name] != value).sum()) for name, value in before.items()) / sum(v.numel() for v in before.values())
    assert moved > 0.5, f"only {moved:.0%} of the weights moved by a step of 1e-6"
    return {"weights that a step of 1e-6 moved": round(moved, 4)}


def sharded(device: str) -> Figures:
    """FSDP2 on one rank gives the losses of whole weights."""
    from torch import distributed

    from alignment.weights.fsdp import Sharded
    from alignment.weights.replicated import Replicated

    if not distributed.is_available():
        raise Skipped("this torch has no torch.distributed")
    with tiny_model() as (folder, images):
        whole = stepped(loaded(folder, device, "float32"), images, Replicated)
        store = distributed.FileStore(str(images / "store"), 1)
        distributed.init_process_group("nccl" if device == "cuda" else "gloo", store=store, rank=0, world_size=1)
        try:
            parts = stepped(loaded(folder, device, "float32"), images, Sharded)
        finally:
            distributed.destroy_process_group()
    apart = max(abs(a - b) for a, b in zip(whole, parts, strict=True))
    assert apart < LOSS_ABS, f"whole {whole}, FSDP2 {parts}"
    return {"steps": len(whole), "losses apart by at most": apart}


def graphs(device: str) -> Figures:
    """Decode steps that are recorded as CUDA graphs give the logits of steps that are not."""
    if device != "cuda":
        raise Skipped("CUDA graphs need a GPU")
    from harness.core.evaluation import Decoding

    found: Figures = {}
    with tiny_model() as (folder, images):
        for dtype in ("float32", "bfloat16"):
            model = loaded(folder, device, dtype)
            requests = [
                replace(r, decoding=Decoding(max_new_tokens=48, min_new_tokens=16)) for r in asked(images, MANY[device])
            ]
            plain, recorded = (logits_of(model, requests, after) for after in (1 << 30, 3))
            assert model._steps.sizes, "nothing was recorded"
            assert len(plain) == len(recorded), "the answers have other lengths"
            apart = max(float((a - b).abs().max()) for a, b in zip(plain, recorded, strict=True))
            found[f"logits of {len(plain)} steps apart by at most, {dtype}"] = apart
            assert dtype != "float32" or apart < 1e-4, f"logits are apart by {apart}"
    return found


def logits_of(model: Any, requests: list[Any], after: int) -> list[torch.Tensor]:
    """Of every decode step, where a size is recorded after so many steps."""
    from harness.models._device import cuda_graphs

    real, kept = cuda_graphs.CudaGraphSteps.step, list[torch.Tensor]()

    def step(self: Any, *given: Any) -> torch.Tensor:
        logits = real(self, *given)
        kept.append(logits.clone())  # the caller writes into its own
        return logits

    with patch.object(cuda_graphs, "_AFTER", after), patch.object(cuda_graphs.CudaGraphSteps, "step", step):
        answers(model, requests)
    return kept


# ------------------------------------------------------------ what they share


@contextmanager
def tiny_model() -> Iterator[tuple[Path, Path]]:
    """(folder of a LLaVA of random weights, folder of images)."""
    from common import save_images, save_model

    with tempfile.TemporaryDirectory() as place:
        save_images(Path(place) / "images", 8)
        yield save_model(Path(place) / "model", "tiny"), Path(place) / "images"


def loaded(folder: Path, device: str, dtype: str, **options: Any) -> Any:
    from harness.models.transformers import TransformersModel

    return TransformersModel(str(folder), device=device, dtype=dtype, threads=1, **options)


def asked(images: Path, n: int) -> list[Any]:
    """Questions of different lengths about four images."""
    from harness.core.evaluation import Decoding, Request

    texts = (f"{'word ' * (k % 5)}Is there a dog?" for k in range(n))
    return [Request(images / f"{k % 4}.png", text, Decoding(max_new_tokens=4 + 8 * (k % 3))) for k, text in enumerate(texts)]


def answers(model: Any, requests: list[Any]) -> list[str]:
    found = {i: a.text for batch in model.generate(requests) for i, a in batch}
    return [found[i] for i in range(len(requests))]


def pairs() -> list[Any]:
    from dpo_step import make_pairs

    from harness.core.preference import PreferencePair

    made = make_pairs([f"{n}.png" for n in range(8)], 1)
    return [PreferencePair(str(i), image, "", text, chosen, tuple(rejected), "gpu")
            for i, (image, text, chosen, rejected) in enumerate(made)]  # fmt: skip


def aligner(**training: Any) -> Any:
    from alignment.aligners.dpo import Dpo

    settings = {"batch_size": 4, "micro_batch": 4, "epochs": 2, "learning_rate": 1e-4, "max_steps": 3}
    return Dpo(training={**settings, **training})


def losses(policy: Any, images: Path, **training: Any) -> list[float]:
    """Of the steps of a short DPO."""
    with tempfile.TemporaryDirectory() as folder:
        done = aligner(**training).align(policy, pairs(), images, Path(folder))
    return [float(row["loss"]) for row in done.log]


def stepped(policy: Any, images: Path, strategy: Any) -> list[float]:
    """The same with weights held by a strategy of one's choice."""
    from alignment.batching.rows import make_rows
    from alignment.training.loop import Loop
    from alignment.training.reference_logps import compute
    from alignment.training.sample_supply import Stored
    from alignment.weights.trainable import prepare
    from alignment.weights.workers import workers

    dpo = aligner()
    rows, _ = make_rows(policy, pairs(), images)
    known = compute(policy, rows)
    shards = strategy(prepare(policy.module, dpo.settings), workers())
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(policy, Stored(rows, known), dpo.objective, dpo.settings, shards, Path(folder), "", ())
        return [float(loop._step(n, {})["loss"]) for n in range(3)]
