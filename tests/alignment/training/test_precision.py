"""One precision for policy, reference and values; what trains is float32 whatever the model was loaded in."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alignment.aligners.dpo import Dpo
from alignment.aligners.ppo import Ppo
from alignment.aligners.rloo import Rloo
from harness.core.errors import ConfigError
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from tests.alignment.talker import Likes, Talker
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST

LORA = {"r": 4, "alpha": 8}
REWARDS = ("loss", "rewards/chosen", "rewards/rejected")
ONE = {"batch_size": 4, "micro_batch": 2, "max_steps": 1, "save_every": 1}


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize(("loaded", "dtype"), [(torch.float32, "bfloat16"), (torch.bfloat16, "as_loaded")])
def test_before_the_first_step_every_pair_costs_log_two(llava_next, images, pairs, tmp_path, lora, loaded, dtype):
    policy = TinyPolicy(llava_next, dtype=loaded)
    log = (
        Dpo(training={"dtype": dtype, "lora": lora, "projector_learning_rate": 1e-4, **ONE})
        .align(policy, pairs, images, tmp_path)
        .log
    )
    assert log[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert log[0]["rewards/margins"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("order", [(None, LORA), (LORA, None)], ids=["full first", "lora first"])
def test_lora_and_full_weights_of_a_bfloat16_model_share_no_reference_values(llava_next, images, pairs, tmp_path, order):
    """Full weights are widened before the reference's pass, those below an adapter are not: other sums, other roundings."""
    for lora in order:
        policies = [TinyPolicy(llava_next, dtype=torch.bfloat16) for _ in "ab"]
        made = Dpo(training={"lora": lora, **ONE})
        alone = made.align(policies[0], pairs, images, tmp_path / f"alone {lora}").log[0]
        shared = made.align(policies[1], pairs, images, tmp_path / f"shared {lora}", cache=tmp_path / "cache").log[0]
        assert [shared[name] for name in REWARDS] == [alone[name] for name in REWARDS]
    assert len(list((tmp_path / "cache" / "reference").iterdir())) == 2


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize(("loaded", "dtype"), [(torch.float32, "bfloat16"), (torch.bfloat16, "as_loaded")])
def test_another_checkpoint_as_reference_is_in_the_precision_of_the_training(
    llava_next, images, pairs, tmp_path, lora, loaded, dtype
):
    """The same weights in its place give the numbers of a training without one."""
    training = {"dtype": dtype, "lora": lora, **ONE}
    policy, other = Talker(llava_next, dtype=loaded), TinyPolicy(llava_next, dtype=loaded)
    log = Dpo(training=training).align(policy, pairs, images, tmp_path / "dpo", reference=other).log
    assert [log[0][name] for name in REWARDS] == [pytest.approx(math.log(2), abs=1e-6), 0, 0]
    policy, other = Talker(llava_next, dtype=loaded), TinyPolicy(llava_next, dtype=loaded)
    log = Rloo(Likes(), training=training).align(policy, pairs, images, tmp_path / "rloo", reference=other).log
    assert log[0]["objective/kl"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize(("loaded", "dtype"), [(torch.float32, "bfloat16"), (torch.bfloat16, "as_loaded")])
def test_before_the_first_step_nothing_has_diverged(llava_next, images, pairs, tmp_path, lora, loaded, dtype):
    training = {"dtype": dtype, "lora": lora, **ONE}
    policy = Talker(llava_next, dtype=loaded)
    log = Rloo(Likes(), training=training).align(policy, pairs, images, tmp_path / "rloo").log
    assert log[0]["objective/kl"] == pytest.approx(0, abs=1e-3)
    policy = Talker(llava_next, dtype=loaded)
    log = Ppo(Likes(), training=training).align(policy, pairs, images, tmp_path / "ppo").log
    assert log[0]["objective/kl"] == pytest.approx(0, abs=1e-3)
    assert log[0]["policy/approxkl"] == pytest.approx(0, abs=1e-3)


def changes(folder: Path, base: TinyPolicy, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    after = TinyPolicy(folder).module.state_dict()
    return torch.cat([(after[n].float() - base.module.state_dict()[n].float()).flatten() for n in wanted])


def test_small_steps_from_bfloat16_weights_are_those_of_float32(llava_next, images, pairs, tmp_path):
    """Rounded to bfloat16 after each step, a step of 1e-6 would be lost in nearly every weight: cosine 0.05."""
    TinyPolicy(llava_next, dtype=torch.bfloat16).module.save_pretrained(tmp_path / "base")
    for path in llava_next.glob("*"):
        if "processor" in path.name or "token" in path.name or path.suffix == ".jinja":
            (tmp_path / "base" / path.name).write_bytes(path.read_bytes())
    options = {**FAST, "learning_rate": 1e-6, "micro_batch": 4, "epochs": 3}
    moved = []
    for dtype in (torch.float32, torch.bfloat16):
        policy = TinyPolicy(tmp_path / "base", dtype=dtype)
        done = Dpo(training=options).align(policy, pairs, images, tmp_path / str(dtype))
        base = TinyPolicy(tmp_path / "base")
        language = {n: p for n, p in base.module.named_parameters() if "vision_tower" not in n}
        moved.append(changes(done.folder, base, language))
    assert torch.nn.functional.cosine_similarity(moved[0], moved[1], dim=0) > 0.95
    assert (moved[1] != 0).float().mean() > 0.5


def test_the_precision_of_the_stored_weights_is_reported(llava_next, images, pairs, tmp_path):
    done = Dpo(training=ONE).align(TinyPolicy(llava_next, dtype=torch.bfloat16), pairs, images, tmp_path)
    stored = {t.dtype for t in load_file(done.folder / "model.safetensors").values()}
    assert stored == {torch.float32}
    said = "Trained weights were held in float32 and are stored so; passes were made in bfloat16"
    assert any(note.startswith(said) for note in done.notes)
    assert json.loads((done.folder / "alignment.json").read_text())["precision"].startswith(said)


def test_float16_is_refused(llava_next, images, pairs, tmp_path):
    with pytest.raises(ConfigError, match=r"model\.dtype to bfloat16 or float32"):
        Dpo(training=ONE).align(TinyPolicy(llava_next, dtype=torch.float16), pairs, images, tmp_path)


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_model_from_bfloat16_answers_while_it_trains(llava_next_folder, images, tmp_path, lora):
    """The real engine between the steps: full weights in float32, or adapters and projector rounded to their base's format."""
    policy = TransformersModel(str(llava_next_folder), device="cpu", dtype="bfloat16")
    pairs = [PreferencePair("a", "wide.png", "", "Describe it.", "a cat", ("a dog",), "t")]
    training = {"lora": lora, "projector_learning_rate": 1e-3, **ONE, "max_steps": 2}
    made = Rloo(Likes("e"), k=2, sampling={"max_new_tokens": 6}, training=training, collapse={"steps": 9})
    log = made.align(policy, pairs, images, tmp_path).log
    assert log[0]["objective/kl"] == pytest.approx(0, abs=1e-3)
    assert {p.dtype for p in policy.module.parameters() if p.requires_grad} == {torch.float32}
    assert not torch.is_autocast_enabled("cpu")
