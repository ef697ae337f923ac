"""The policy is one function while it trains: no drawn experts, no jitter, no dropout but that of an adapter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import torch
from PIL import Image
from torch import Tensor

from alignment.aligners.dpo import Dpo
from alignment.settings import Lora, Settings
from alignment.weights.trainable import evaluating, prepare
from harness.core.errors import TrainingError
from harness.core.evaluation import Request
from harness.core.preference import PreferencePair
from harness.models._engine.checkpoint_checks import as_trained
from harness.models.transformers import TransformersModel
from tests.alignment.tiny import TinyPolicy, make_tiny_llava_next

JITTER = {"router_jitter_noise": 0.3, "input_jitter_noise": 0.3}
DENSE = ("gemma2", "diffllama", "gpt2", "falcon")
EXPERTS = [name for name, text in tiny_families.CHECKPOINT_OF_TEXT.items() if text not in DENSE]
EXPERTS += [name for name in tiny_families.CHECKPOINTS if "moe" in name]


def pairs(folder: Path) -> list[PreferencePair]:
    Image.linear_gradient("L").convert("RGB").resize((40, 30)).save(folder / "a.png")
    return [
        PreferencePair(str(i), "a.png", "", "Describe the image.", f"There are {i} dogs.", ("A cat.",), "test")
        for i in range(4)
    ]


@pytest.mark.parametrize("family", EXPERTS)
@pytest.mark.parametrize("again", [False, True], ids=["kept", "computed again"])
def test_a_mixture_of_experts_computes_the_same_while_it_trains(family: str, again: bool, tmp_path: Path) -> None:
    model = TransformersModel(str(tiny_families.save(family, tmp_path / "model", **JITTER)), dtype="float32", device="cpu")
    pairs(tmp_path)
    request, answer = Request(tmp_path / "a.png", "Is there a cat?"), "There is a red cat near the tree. " * 4
    before = as_trained(model, request, answer)
    prepare(model.module, Settings(gradient_checkpointing=again))
    assert [as_trained(model, request, answer) for _ in range(3)] == [before] * 3


@pytest.mark.parametrize("size", [1, 4])
def test_the_first_loss_of_phimoe_is_log_2_whatever_the_micro_batch(size: int, tmp_path: Path) -> None:
    model = TransformersModel(str(tiny_families.save("llava_next, phimoe", tmp_path / "model")), dtype="float32", device="cpu")
    training = {"learning_rate": 1e-9, "batch_size": 4, "micro_batch": size}
    done = Dpo(training=training).align(model, pairs(tmp_path), tmp_path, tmp_path / "out")
    assert done.log[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)


def test_the_dropout_of_an_adapter_stays_and_comes_back_behind_an_evaluation(tmp_path: Path) -> None:
    module = TinyPolicy(make_tiny_llava_next(tmp_path)).module
    prepare(module, Settings(lora=Lora(r=2, dropout=0.5), gradient_checkpointing=True))
    trains = {name for name, part in module.named_modules() if part.training}
    assert any("lora_dropout" in name for name in trains) and not any("lora_A" in name for name in trains)
    with evaluating(module):
        assert not any(part.training for part in module.modules())
    assert {name for name, part in module.named_modules() if part.training} == trains


class Noisy(TinyPolicy):
    """A model that draws whatever mode it is in."""

    def hidden_states(self, *given: Tensor | Mapping[str, Tensor]) -> Tensor:
        states: Any = super().hidden_states(*given)  # type: ignore[arg-type]
        return states + 0.01 * torch.randn_like(states)


def test_a_model_that_draws_while_it_trains_is_refused_by_name(tmp_path: Path) -> None:
    policy = Noisy(make_tiny_llava_next(tmp_path / "model"))
    with pytest.raises(TrainingError, match=r"LlavaNextForConditionalGeneration draws random numbers .* pair '"):
        Dpo(training={"batch_size": 4}).align(policy, pairs(tmp_path), tmp_path, tmp_path / "out")
