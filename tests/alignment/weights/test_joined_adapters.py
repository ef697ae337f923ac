"""LoRA on a LoRA in half precision: one adapter of both, on the base of the first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from alignment.aligners.dpo import Dpo
from alignment.weights.joined_adapters import adapted_layers, join, require_joinable
from alignment.weights.precision import _narrowed
from harness.core.errors import ConfigError, TrainingError
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from harness.run.checks.adapters import check_layers
from tests.alignment.training.test_reload import IDS, LORA, PAIRS
from tests.alignment.training.test_train import FAST
from tests.alignment.training.test_workers import trained_together
from tests.run.test_trained_ahead import with_aligns

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
Q, QV, LANGUAGE = (rf".*language_model.*({names})" for names in ("q_proj", "q_proj|v_proj", "q_proj|v_proj|down_proj"))


def written(base: Path, folder: Path, seed: int, **options: object) -> Path:
    made = get_peft_model(AutoModelForImageTextToText.from_pretrained(base), LoraConfig(**options))  # type: ignore[arg-type]
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in (w for name, w in made.named_parameters() if "default" in name.split(".")):
            weight.add_(torch.randn_like(weight) * 0.05)
    made.peft_config["default"].base_model_name_or_path = str(base)
    made.save_pretrained(str(folder))
    return folder


def merged(base: Path, *adapters: Path) -> torch.Tensor:
    """Logits of the base with adapters merged in float32, one after the other."""
    module = AutoModelForImageTextToText.from_pretrained(base)
    for adapter in adapters:
        module = PeftModel.from_pretrained(module, str(adapter)).merge_and_unload()
    with torch.no_grad():
        found: torch.Tensor = module.eval()(input_ids=IDS).logits
    return found


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"r": 3, "lora_alpha": 7, "target_modules": QV}, {"r": 5, "lora_alpha": 10, "target_modules": QV}),
        ({"r": 3, "target_modules": Q, "use_rslora": True}, {"r": 2, "target_modules": LANGUAGE}),
        ({"r": 3, "target_modules": LANGUAGE}, {"r": 2, "target_modules": ["v_proj"]}),
    ],
    ids=["other ranks and scalings", "more layers", "fewer layers"],
)
def test_the_joined_adapter_is_the_sum(
    one: dict[str, object], two: dict[str, object], llava_folder: Path, tmp_path: Path
) -> None:
    first, second = written(llava_folder, tmp_path / "1", 1, **one), written(llava_folder, tmp_path / "2", 2, **two)
    wanted = merged(llava_folder, first, second)
    join(first, second)
    torch.testing.assert_close(merged(llava_folder, second), wanted, atol=1e-5, rtol=0)
    settings = json.loads((second / "adapter_config.json").read_text())
    assert settings["r"] == settings["lora_alpha"] == one["r"] + two["r"]  # type: ignore[operator]
    module = TransformersModel(str(second), device="cpu").module  # every tensor has its place, and none is missing
    with torch.no_grad():
        torch.testing.assert_close(module(input_ids=IDS).logits, wanted, atol=1e-5, rtol=0)


def test_whole_modules_are_the_second_ones_where_it_has_them(llava_folder: Path, tmp_path: Path) -> None:
    options = {"r": 2, "target_modules": Q}
    first = written(llava_folder, tmp_path / "1", 1, **options, modules_to_save=["multi_modal_projector"])
    kept = {n: t for n, t in load_file(first / "adapter_model.safetensors").items() if "projector" in n}
    plain = written(llava_folder, tmp_path / "2", 2, **options)
    other = written(llava_folder, tmp_path / "3", 3, **options, modules_to_save=["multi_modal_projector"])
    own = {n: t for n, t in load_file(other / "adapter_model.safetensors").items() if "projector" in n}
    for folder, wanted in ((plain, kept), (other, own)):
        join(first, folder)
        found = load_file(folder / "adapter_model.safetensors")
        assert wanted and all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
        assert json.loads((folder / "adapter_config.json").read_text())["modules_to_save"] == ["multi_modal_projector"]
        TransformersModel(str(folder), device="cpu")


@pytest.mark.parametrize("options", [{"bias": "all"}, {"rank_pattern": {"q_proj": 2}}, {"init_lora_weights": "pissa"}])
def test_what_cannot_be_joined_is_refused(options: dict[str, object], llava_folder: Path, tmp_path: Path) -> None:
    folder = written(llava_folder, tmp_path / "1", 1, r=3, target_modules=Q, **options)
    with pytest.raises(TrainingError, match=rf"half precision: it has {next(iter(options))}.*model\.dtype=float32"):
        require_joinable(folder)


@pytest.mark.parametrize(("options", "why"), [
    ({"rank_pattern": {"q_proj": 2}, "target_modules": Q}, "it has rank_pattern"),
    ({"target_modules": ["q_proj", "embed_tokens"]}, "an adapter that is not plain LoRA"),
])  # fmt: skip
def test_so_is_an_arm_on_it_before_anything_is_swept(
    options: dict[str, object], why: str, llava_folder: Path, tmp_path: Path
) -> None:
    folder = written(llava_folder, tmp_path / "1", 1, r=3, **options)
    aligns = {"lora": {"name": "dpo", "training": {"lora": {"r": 2}}}, "whole": {"name": "dpo"}}
    lora, whole = with_aligns(tmp_path, str(folder), 1, aligns).arms
    half = TransformersModel(str(folder), device="cpu", dtype="bfloat16")
    with pytest.raises(ConfigError, match=f"arm lora: .*{why}.*Set model.dtype=float32"):
        check_layers(lora, half)
    if "rank_pattern" in options:
        check_layers(whole, half)  # full weights take it in
    check_layers(lora, TransformersModel(str(folder), device="cpu", dtype="float32"))


# ------------------------------------------------------------ in a training


def train(base: Path, folder: Path, images: Path, **options: object) -> tuple[Path, torch.Tensor, TransformersModel]:
    """A short training in bfloat16: the checkpoint, the logits of what was trained, and its model."""
    policy = TransformersModel(str(base), device="cpu", dtype="bfloat16")
    done = Dpo(training={**FAST, "learning_rate": 1e-2, "max_steps": 2, **options}).align(policy, PAIRS, images, folder)
    with _narrowed(policy.module):
        return done.folder, logits(policy), policy


def logits(model: TransformersModel) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.module.eval()(input_ids=IDS).logits.float()
    return found


def near(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=float(wanted.std()) / 20, rtol=0)


@pytest.fixture(scope="module")
def adapter(llava_folder: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(llava_folder, tmp_path_factory.mktemp("first"), images, lora=LORA)[0]


@pytest.mark.parametrize(
    "options",
    [
        {"lora": LORA},
        {"lora": {"r": 2, "alpha": 8, "targets": ["v_proj"]}, "learning_rate": 0.1},
        {"lora": LORA, "projector_learning_rate": 1e-2},
    ],
    ids=["same layers", "other layers", "projector"],
)
def test_lora_on_lora_is_written_whole_and_loads_with_peft_alone(
    options: dict[str, object], adapter: Path, llava_folder: Path, images: Path, tmp_path: Path
) -> None:
    folder, trained, policy = train(adapter, tmp_path / "second", images, **options)
    first = TransformersModel(str(adapter), device="cpu", dtype="bfloat16")
    assert (trained - logits(first)).abs().max() > trained.std() / 10  # it learned
    near(logits(TransformersModel(str(folder), device="cpu", dtype="bfloat16")), trained)
    named = PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
    alone = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(named, dtype=torch.bfloat16), str(folder))
    with torch.no_grad():
        near(alone.eval()(input_ids=IDS).logits.float(), trained)
    assert Path(named).resolve() == llava_folder.resolve() and not (tmp_path / "second" / "base").exists()
    rewards = [row["rewards/margins"] for row in read_log(tmp_path / "second")]
    assert rewards[0] == 0, "the reference is the first adapter's checkpoint, which the policy begins as"
    assert adapted_layers(policy.module)


def read_log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_third_round_is_written_whole_too(adapter: Path, images: Path, tmp_path: Path) -> None:
    second, *_ = train(adapter, tmp_path / "second", images, lora=LORA)
    third, trained, _ = train(second, tmp_path / "third", images, lora=LORA)
    model = TransformersModel(str(third), device="cpu", dtype="bfloat16")
    near(logits(model), trained)
    assert PeftConfig.from_pretrained(str(third)).r == 3 * int(LORA["r"])  # type: ignore[call-overload]


def test_full_weights_on_an_adapter_take_it_in_exactly(adapter: Path, images: Path, tmp_path: Path) -> None:
    folder, _, policy = train(adapter, tmp_path / "full", images, learning_rate=1e-12)
    assert not adapted_layers(policy.module)
    exact = TransformersModel(str(adapter), device="cpu", dtype="float32").module.state_dict()
    found = TransformersModel(str(folder), device="cpu", dtype="float32").module.state_dict()
    base = TransformersModel(json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"], device="cpu")
    for name, before in base.module.state_dict().items():
        change = exact[name] - before
        kept = found[name] - before.bfloat16().float()
        assert (kept - change).abs().max() <= max(0.02 * float(change.abs().max()), 1e-6), name


def test_a_projector_with_an_adapter_of_its_own_is_not_trained_whole(llava_folder: Path, images: Path, tmp_path: Path) -> None:
    first = written(llava_folder, tmp_path / "first", 1, r=2, target_modules=r".*(multi_modal_projector.linear_1|q_proj)")
    with pytest.raises(ConfigError, match="projector_learning_rate: the checkpoint has an adapter on its projector"):
        train(first, tmp_path / "second", images, lora=LORA, projector_learning_rate=1e-2)


def test_what_cannot_be_joined_is_refused_before_it_is_trained(llava_folder: Path, images: Path, tmp_path: Path) -> None:
    pair = [PreferencePair("1", "wide.png", "", "Describe it.", "a cat", ("a lamp",), "t")]
    first = written(llava_folder, tmp_path / "first", 1, r=3, target_modules=Q, bias="all")
    policy = TransformersModel(str(first), device="cpu", dtype="bfloat16")
    with pytest.raises(TrainingError, match="cannot be trained on the adapter"):
        Dpo(training={**FAST, "lora": LORA}).align(policy, pair, images, tmp_path / "second")


SCRIPT = """
import json, sys
from pathlib import Path
from alignment.aligners.dpo import Dpo
from harness.models.transformers import TransformersModel
from tests.alignment.training.test_reload import PAIRS
model, images, folder, options = sys.argv[1:]
policy = TransformersModel(model, device="cpu", dtype="bfloat16")
Dpo(**json.loads(options)).align(policy, PAIRS, Path(images), Path(folder))
"""


@pytest.mark.slow
def test_divided_weights_are_written_with_the_adapter_below_them(adapter: Path, images: Path, tmp_path: Path) -> None:
    options = {**FAST, "learning_rate": 1e-2, "max_steps": 2, "lora": LORA}
    alone, *_ = train(adapter, tmp_path / "one", images, lora=LORA)
    trained_together(SCRIPT, adapter, images, tmp_path, {"training": options}, ACCELERATE_USE_FSDP="true")
    one, two = (load_file(f / "adapter_model.safetensors") for f in (alone, tmp_path / "two" / "checkpoint"))
    assert one.keys() == two.keys()
    assert all(torch.allclose(tensor, two[name], atol=2e-2) for name, tensor in one.items())


def test_an_adapter_on_an_adapter_cannot_be_joined_with_a_third(llava_folder: Path, tmp_path: Path) -> None:
    below = written(llava_folder, tmp_path / "1", 1, r=2, target_modules=Q)
    above = written(llava_folder, tmp_path / "2", 2, r=2, target_modules=Q)
    require_joinable(above)
    settings = json.loads((above / "adapter_config.json").read_text())
    (above / "adapter_config.json").write_text(json.dumps({**settings, "base_model_name_or_path": str(below)}))
    with pytest.raises(TrainingError, match="it has another adapter as its base"):
        require_joinable(above)
