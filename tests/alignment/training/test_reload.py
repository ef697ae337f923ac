"""What is swept is what was trained, however the base came: plain, sharded, tied, an adapter, an adapter on an adapter."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

from alignment.aligners.dpo import Dpo
from alignment.weights.trainable import prepare
from harness.core.plugins import Progress, no_progress
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from tests.alignment.training.test_train import FAST

IDS = torch.tensor([[1, 5, 9, 40, 77, 12]])
LORA = {"r": 4, "alpha": 8}
EVERYWHERE = {**LORA, "targets": r".*(q_proj|down_proj|lm_head)"}
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning", "ignore:.*tie_word_embeddings")


PAIRS = [PreferencePair(str(i), "wide.png", "", "Describe it.", f"There is {i} cat.", ("a lamp",), "t") for i in range(4)]


def train(
    base: Path,
    folder: Path,
    pairs: list[PreferencePair],
    images: Path,
    progress: Progress = no_progress,
    **options: object,
) -> tuple[Path, torch.Tensor]:
    """A short training with large steps; returns the checkpoint and the logits of the module that was trained."""
    policy = TransformersModel(str(base), device="cpu")
    before = logits(policy)
    settings = {**FAST, "learning_rate": 1e-2, "max_steps": 2, **options}
    done = Dpo(training=settings).align(policy, pairs, images, folder, progress=progress)
    trained = logits(policy)
    assert (trained - before).abs().max() > 1e-3
    return done.folder, trained


def logits(policy: TransformersModel) -> torch.Tensor:
    policy.module.eval()
    with torch.no_grad():
        found: torch.Tensor = policy.module(input_ids=IDS).logits
    return found


def reloaded(folder: Path) -> torch.Tensor:
    return logits(TransformersModel(str(folder), device="cpu"))


@pytest.fixture(scope="module")
def adapter(llava_folder: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(llava_folder, tmp_path_factory.mktemp("first"), PAIRS, images, lora=LORA)[0]


@pytest.fixture
def base(request: pytest.FixtureRequest, llava_folder: Path, adapter: Path, images: Path, tmp_path: Path) -> Path:
    if request.param == "adapter":
        return adapter
    if request.param == "adapter on an adapter":
        return train(adapter, tmp_path / "second", PAIRS, images, lora=LORA)[0]
    module = AutoModelForImageTextToText.from_pretrained(llava_folder)
    if request.param == "tied":
        for config in (module.config, module.config.text_config):
            config.tie_word_embeddings = True
        module.lm_head.weight = module.get_input_embeddings().weight
    module.save_pretrained(tmp_path / "model", max_shard_size="60KB" if request.param == "sharded" else "5GB")
    for pattern in ("*processor*", "tokenizer*", "*.jinja"):
        for path in llava_folder.glob(pattern):
            (tmp_path / "model" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("base", "lora"),
    [
        pytest.param("adapter", None, id="full weights on an adapter"),
        pytest.param("adapter", LORA, id="lora on an adapter"),
        pytest.param("adapter on an adapter", LORA, id="lora on two adapters"),
        pytest.param("sharded", LORA, id="lora on shards"),
        pytest.param("tied", None, id="full weights, tied"),
        pytest.param("tied", EVERYWHERE, id="lora on a tied head"),
    ],
    indirect=["base"],
)
def test_the_checkpoint_is_the_trained_model(base: Path, lora: dict[str, object] | None, tmp_path: Path, images: Path) -> None:
    folder, trained = train(base, tmp_path / "trained", PAIRS, images, lora=lora)
    torch.testing.assert_close(reloaded(folder), trained, atol=1e-5, rtol=0)


@pytest.mark.parametrize("base", ["adapter"], indirect=True)
def test_an_adapter_on_an_adapter_loads_with_peft_alone(base: Path, tmp_path: Path, images: Path) -> None:
    from peft import PeftConfig, PeftModel

    folder, trained = train(base, tmp_path / "trained", PAIRS, images, lora=LORA)
    named = PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
    loaded = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(named), str(folder)).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=IDS).logits, trained, atol=1e-5, rtol=0)


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_the_newline_of_llava_1_6_trains_with_the_projector(
    llava_next_folder: Path, images: Path, tmp_path: Path, lora: dict[str, object] | None
) -> None:
    policy = TransformersModel(str(llava_next_folder), device="cpu")
    before = policy.module.model.image_newline.detach().clone()
    options = {**FAST, "max_steps": 2, "lora": lora, "projector_learning_rate": 1e-2}
    done = Dpo(training=options).align(policy, PAIRS, images, tmp_path)
    trained = policy.module.model.image_newline.detach()
    assert (trained - before).abs().mean() > 1e-3
    again = TransformersModel(str(done.folder), device="cpu")
    torch.testing.assert_close(again.module.model.image_newline.detach(), trained, atol=1e-6, rtol=0)


def test_the_reference_under_lora_has_the_newline_as_loaded(llava_next_folder: Path) -> None:
    module = TransformersModel(str(llava_next_folder), device="cpu").module
    before = module.model.image_newline.detach().clone()
    trained = prepare(module, Dpo(training={"lora": LORA, "projector_learning_rate": 1e-2}).settings)
    with torch.no_grad():
        trained.weights["model.image_newline"].add_(1.0)
    with trained.as_loaded():
        assert torch.equal(module.model.image_newline, before)
    assert torch.equal(module.model.image_newline, before + 1)
