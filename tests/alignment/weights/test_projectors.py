"""Which weights are the projector, in every family that is trained: by default LoRA leaves them alone, and
`projector_learning_rate` is theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_families
import torch
import transformers as t
from torch import nn

from alignment.aligners.dpo import Dpo
from alignment.training.loop import Loop
from alignment.weights.trainable import is_projector, is_tower, lora_layers, prepare
from harness.core.errors import ConfigError
from harness.core.preference import PreferencePair
from harness.models._checkpoint.families import FAMILIES
from harness.models.transformers import TransformersModel
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, make_pairs

VISUAL = {"model.visual.merger"}
DEEPSTACK = VISUAL | {"model.visual.deepstack_merger_list"}  # into the first layers of the language model
LLAVA = {"model.multi_modal_projector"}
PROJECTORS = {
    "llava": LLAVA,
    "llava_next, Mistral": LLAVA | {"model.image_newline"},
    "llava_onevision": LLAVA | {"model.image_newline"},
    "internvl": LLAVA,
    "idefics3": {"model.connector"},
    "smolvlm": {"model.connector"},
    "qwen2_vl": VISUAL,
    "qwen2_5_vl": VISUAL,
    "qwen3_vl": DEEPSTACK,
    "qwen3_vl_moe": DEEPSTACK,
    "qwen3_5": VISUAL,
    "qwen3_5_moe": VISUAL,
    "minicpmv4_6": {"model.merger"},  # `vit_merger` stands between layers of the tower
    "glm4v": VISUAL,
    "glm4v_moe": VISUAL,
    "glm46v": VISUAL,
    "mistral3": LLAVA,
    "gemma3": LLAVA,
    "gemma4": {"model.embed_vision"},
    "gemma4, images both ways": {"model.embed_vision"},
    "paligemma": LLAVA,
}
LORA = {"r": 2, "alpha": 4}


def outline(name: str) -> nn.Module:
    """The module of a family's checkpoint, without its weights."""
    config = (tiny_families._llava if name == "llava" else tiny_families.CHECKPOINTS[name])()[0]
    with torch.device("meta"):
        module: nn.Module = t.AutoModelForImageTextToText.from_config(config)
    return module


def trained(module: nn.Module, **training: Any) -> set[str]:
    """Names of the weights that train, without what peft puts into them."""
    names = prepare(module, Dpo(training=training).settings).weights
    return {name.replace("modules_to_save.default.", "") for name in names}


def within(name: str, parts: set[str]) -> bool:
    return any(name == part or name.startswith(part + ".") for part in parts)


def test_every_family_that_is_trained_is_here() -> None:
    assert {name.split(",")[0] for name in PROJECTORS} == set(FAMILIES)


@pytest.mark.parametrize("name", PROJECTORS)
def test_the_projector_is_named_in_every_family(name: str) -> None:
    module = outline(name)
    found = {n for n, _ in module.named_parameters() if is_projector(n)}
    assert found == {n for n, _ in module.named_parameters() if within(n, PROJECTORS[name])}
    rest = {n for n, _ in module.named_parameters() if not is_projector(n) and not is_tower(n)}
    assert all(within(n, {"model.language_model", "model.text_model", "lm_head"}) for n in rest)


@pytest.mark.parametrize("name", PROJECTORS)
def test_lora_adapts_layers_of_the_language_model_alone(name: str) -> None:
    assert all(within(n, {"model.language_model", "model.text_model"}) for n in lora_layers(outline(name), None))


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21 under transformers 5
@pytest.mark.parametrize("name", ["llava_next, Mistral", "qwen2_5_vl", "qwen3_vl", "minicpmv4_6", "gemma4"])
def test_under_lora_the_projector_and_nothing_else_is_trained_whole(name: str, tmp_path: Path) -> None:
    module = TransformersModel(str(tiny_families.save(name, tmp_path)), device="cpu").module
    projector = {n for n, _ in module.named_parameters() if is_projector(n)}
    whole = {n for n in trained(module, lora=LORA, projector_learning_rate=1e-3) if ".lora_" not in n}
    assert projector and whole == projector


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # as above
@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("name", ["qwen3_vl", "gemma4"])
def test_a_trained_projector_is_the_one_that_is_loaded_again(
    name: str, lora: dict[str, int] | None, tmp_path: Path, images: Path, pairs: list[PreferencePair]
) -> None:
    policy = TransformersModel(str(tiny_families.save(name, tmp_path / "base")), device="cpu")
    before = {n: p.detach().clone() for n, p in policy.module.named_parameters() if is_projector(n)}
    training = {**FAST, "max_steps": 2, "lora": lora, "projector_learning_rate": 1e-2}
    done = Dpo(training=training).align(policy, pairs, images, tmp_path / "trained")
    after = dict(TransformersModel(str(done.folder), device="cpu").module.named_parameters())
    assert not [n for n, value in before.items() if n.endswith("weight") and torch.equal(after[n], value)]
    now = {n.replace("modules_to_save.default.", ""): p for n, p in policy.module.named_parameters()}
    for n in before:
        torch.testing.assert_close(after[n], now[n], atol=1e-6, rtol=0)


def test_a_rate_for_a_projector_that_is_not_known_is_refused() -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match=r"projector_learning_rate is 0.001, and no part of this Sequential is known"):
        trained(module, projector_learning_rate=0.001)


@pytest.mark.parametrize("lora", [None, {"r": 2, "alpha": 4}], ids=["full", "lora"])
def test_the_projector_has_its_own_learning_rate_under_the_schedule(
    llava_next: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: dict[str, int] | None
) -> None:
    rates = {"learning_rate": 1e-4, "projector_learning_rate": 1e-2}
    policy, steps, update = TinyPolicy(llava_next), list[dict[bool, set[float]]](), Loop._update

    def watched(self: Loop, *given: Any) -> Any:  # Any: as the method that it stands for
        names = {id(weight): name for name, weight in policy.module.named_parameters()}
        found: dict[bool, set[float]] = {True: set(), False: set()}
        for group in self.optimizer.param_groups:
            for weight in group["params"]:
                found["projector" in names[id(weight)] or "image_newline" in names[id(weight)]].add(group["lr"])
        steps.append(found)
        return update(self, *given)

    monkeypatch.setattr(Loop, "_update", watched)
    training = {**FAST, **rates, "lora": lora, "max_steps": 2, "warmup_ratio": 0.5, "schedule": "constant"}
    log = Dpo(training=training).align(policy, make_pairs(), images, tmp_path).log
    assert steps == [{True: {0.5e-2}, False: {0.5e-4}}, {True: {1e-2}, False: {1e-4}}]  # half of it in the one step of warm-up
    assert [row["learning_rate"] for row in log] == [0.5e-4, 1e-4]
