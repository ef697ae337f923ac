"""Adapters: what is merged equals what was trained; what cannot be merged exactly is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from harness.core.errors import ModelError
from harness.evaluation.checkpoint_checks import require_sound
from harness.models._checkpoint.loading import resolve
from harness.models.transformers import TransformersModel

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # peft's own, of the adapters made here
IDS = torch.tensor([[1, 5, 9, 40, 77, 12]])
LANGUAGE = r".*language_model.*(q_proj|v_proj|down_proj)"


def adapt(base: Path, folder: Path, config: Any = None, module: Any = None) -> tuple[Path, torch.Tensor]:
    """Write a random adapter on a base; returns its folder and the logits of the model with the adapter on, unmerged."""
    torch.manual_seed(3)
    module = module or AutoModelForImageTextToText.from_pretrained(base)
    made = peft.get_peft_model(module, config or peft.LoraConfig(r=3, lora_alpha=6, target_modules=LANGUAGE))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "default" in name.split("."):
                weight.add_(torch.randn_like(weight) * 0.05)
        logits = made.eval()(input_ids=IDS).logits
    made.save_pretrained(str(folder))
    settings = json.loads((folder / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(base)
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder, logits


def merged(folder: Path) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = TransformersModel(str(folder), device="cpu").module(input_ids=IDS).logits
    return logits


@pytest.fixture
def tied(llava_folder: Path, tmp_path: Path) -> Path:
    """The tiny LLaVA with one matrix for embeddings and head."""
    folder = Path(shutil.copytree(llava_folder, tmp_path / "tied"))
    module = AutoModelForImageTextToText.from_pretrained(folder)
    for config in (module.config, module.config.text_config):
        config.tie_word_embeddings = True
    module.lm_head.weight = module.get_input_embeddings().weight
    module.save_pretrained(folder)
    return folder


KINDS = {
    "lora": peft.LoraConfig(r=3, target_modules=LANGUAGE),
    "dora": peft.LoraConfig(r=3, target_modules=LANGUAGE, use_dora=True),
    "loha": peft.LoHaConfig(r=3, target_modules=LANGUAGE),
    "lokr": peft.LoKrConfig(r=3, target_modules=LANGUAGE),
    "ia3": peft.IA3Config(target_modules=LANGUAGE, feedforward_modules=".*down_proj"),
    "oft": peft.OFTConfig(r=0, oft_block_size=8, target_modules=LANGUAGE),
    "whole modules": peft.LoraConfig(r=3, target_modules=LANGUAGE, modules_to_save=["multi_modal_projector"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_adapter_computes_what_was_trained(kind: str, llava_folder: Path, tmp_path: Path) -> None:
    folder, wanted = adapt(llava_folder, tmp_path / "adapter", KINDS[kind])
    torch.testing.assert_close(merged(folder), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "options",
    [
        {"target_modules": r".*lm_head|.*q_proj"},
        {"target_modules": r".*embed_tokens|.*q_proj"},
        {"target_modules": r".*embed_tokens|.*lm_head"},
        {"target_modules": LANGUAGE, "modules_to_save": ["embed_tokens"]},
        {"target_modules": LANGUAGE, "modules_to_save": ["lm_head"]},
    ],
    ids=["head", "embeddings", "both", "saved embeddings", "saved head"],
)
def test_tied_embeddings_are_untied_before_an_adapter_is_merged(tied: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    folder, wanted = adapt(tied, tmp_path / "adapter", peft.LoraConfig(r=3, **options))
    torch.testing.assert_close(merged(folder), wanted, atol=1e-5, rtol=0)
    kept = tmp_path / "merged"
    TransformersModel(str(folder), device="cpu").module.save_pretrained(kept)
    with torch.no_grad():
        again = AutoModelForImageTextToText.from_pretrained(kept)(input_ids=IDS).logits
    torch.testing.assert_close(again, wanted, atol=1e-5, rtol=0)


def test_an_adapter_on_an_adapter_is_merged_on_top_of_it(llava_folder: Path, tmp_path: Path) -> None:
    first, _ = adapt(llava_folder, tmp_path / "first")
    inner = TransformersModel(str(first), device="cpu")
    second, wanted = adapt(first, tmp_path / "second", module=inner.module)
    outer = TransformersModel(str(second), device="cpu")
    with torch.no_grad():
        torch.testing.assert_close(outer.module(input_ids=IDS).logits, wanted, atol=1e-5, rtol=0)
    assert outer.checkpoint.parent == inner.checkpoint.digest
    assert resolve(str(second)) == (str(llava_folder), (first, second))


def renamed(folder: Path, change: Any) -> None:
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file(change(tensors), folder / "adapter_model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: {n.replace("model.language_model.", ""): v for n, v in t.items()}, "12 of 12 tensors are missing.*q_proj"),
        (lambda t: {n: v for i, (n, v) in enumerate(sorted(t.items())) if i % 2}, "6 of 12 tensors are missing"),
        (lambda t: {**t, "base_model.model.extra.weight": torch.ones(2)}, "1 have names that the model does not know .*extra"),
        (lambda t: {n: v * float("nan") for n, v in t.items()}, "12 of 12 tensors are missing or not numbers"),
    ],
    ids=["without the prefix", "half of them", "one too many", "nan"],
)
def test_tensors_that_do_not_fit_the_base_are_refused(change: Any, says: str, llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter")
    renamed(folder, change)
    with pytest.raises(ModelError, match=f"does not fit its base: .*{says}") as caught:
        TransformersModel(str(folder), device="cpu")
    assert "\n" not in str(caught.value)


def test_tensors_without_the_prefix_of_peft_are_merged_all_the_same(llava_folder: Path, tmp_path: Path) -> None:
    folder, wanted = adapt(llava_folder, tmp_path / "adapter")
    renamed(folder, lambda t: {n.removeprefix("base_model.model."): v for n, v in t.items()})
    torch.testing.assert_close(merged(folder), wanted, atol=1e-5, rtol=0)


def test_a_missing_tensor_of_a_whole_module_is_refused_too(llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter", KINDS["whole modules"])
    renamed(folder, lambda t: {n: v for n, v in t.items() if "linear_1.bias" not in n})
    with pytest.raises(ModelError, match=r"missing or not numbers \(.*linear_1"):
        TransformersModel(str(folder), device="cpu")


def test_trained_biases_of_the_base_belong_to_the_adapter(llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter", peft.LoraConfig(r=3, target_modules=LANGUAGE, bias="all"))
    TransformersModel(str(folder), device="cpu")
    renamed(folder, lambda t: {n: v for n, v in t.items() if not n.endswith("linear_1.bias")})
    with pytest.raises(ModelError, match=r"1 of \d+ tensors are missing or not numbers \(.*linear_1\.bias"):
        TransformersModel(str(folder), device="cpu")


def test_biases_that_float32_cannot_merge_are_refused_with_what_reads_them(llava_folder: Path, tmp_path: Path) -> None:
    """Weights without a bias have nothing to add one to; where they have one, as the vision tower's, it is merged."""
    folder, _ = adapt(llava_folder, tmp_path / "none", peft.LoraConfig(r=3, target_modules=LANGUAGE, lora_bias=True))
    with pytest.raises(ModelError, match=r"none has biases \(lora_bias\) for \d+ layers .* Set model.dtype=bfloat16"):
        TransformersModel(str(folder), device="cpu", dtype="float32")
    TransformersModel(str(folder), device="cpu", dtype="bfloat16")
    own = peft.LoraConfig(r=3, target_modules=r".*vision_tower.*q_proj", lora_bias=True)
    TransformersModel(str(adapt(llava_folder, tmp_path / "own", own)[0]), device="cpu", dtype="float32")


@pytest.mark.parametrize("name", ["non_lora_trainables.bin", "mm_projector.bin", "non_lora_trainables.safetensors"])
def test_weights_that_were_trained_beside_an_adapter_are_not_left_out(name: str, llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter")
    (folder / name).write_bytes(b"LLaVA's projector")
    with pytest.raises(ModelError, match=f"comes with {name}: trained weights outside the adapter"):
        TransformersModel(str(folder), device="cpu")


def test_a_base_that_was_changed_at_random_before_training_cannot_be_had_again(llava_folder: Path, tmp_path: Path) -> None:
    folder, wanted = adapt(
        llava_folder, tmp_path / "exact", peft.LoraConfig(r=3, target_modules=LANGUAGE, init_lora_weights="pissa")
    )
    torch.testing.assert_close(merged(folder), wanted, atol=1e-5, rtol=0)
    folder, _ = adapt(
        llava_folder, tmp_path / "fast", peft.LoraConfig(r=3, target_modules=LANGUAGE, init_lora_weights="pissa_niter_4")
    )
    with pytest.raises(ModelError, match="init_lora_weights='pissa_niter_4', which changes the base"):
        TransformersModel(str(folder), device="cpu")


def test_a_template_of_the_adapters_own_that_differs_from_its_bases_stops_a_sweep(llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter")
    shutil.copy(llava_folder / "chat_template.jinja", folder)
    require_sound("base", TransformersModel(str(folder), device="cpu"), print)
    (folder / "chat_template.jinja").write_text("another")
    with pytest.raises(ModelError, match=r"check of its weights: the adapter .* has a chat template of its own"):
        require_sound("base", TransformersModel(str(folder), device="cpu"), print)


def test_an_adapter_in_a_pickle_is_refused(llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter")
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"only adapter_model\.bin.*safetensors only"):
        TransformersModel(str(folder), device="cpu")


@pytest.mark.parametrize("kind", ["PROMPT_TUNING", "PREFIX_TUNING", "XLORA", "None"])
def test_an_adapter_that_cannot_be_merged_is_refused(kind: str, llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter")
    settings = json.loads((folder / "adapter_config.json").read_text()) | {"peft_type": kind}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match=f"of the kind {kind}, which cannot be merged"):
        TransformersModel(str(folder), device="cpu")


def test_an_adapter_that_names_itself_as_its_base_is_refused(llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter")
    settings = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": str(folder)}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="names itself"):
        TransformersModel(str(folder), device="cpu")


def test_weights_outside_the_folder_are_refused(llava_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    AutoModelForImageTextToText.from_pretrained(llava_folder).save_pretrained(folder, max_shard_size="50KB")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    name = next(iter(index["weight_map"]))
    index["weight_map"][name] = "../" + index["weight_map"][name]
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"names \.\./model.*only \*\.safetensors files in the same folder"):
        TransformersModel(str(folder), device="cpu")


def test_base_weights_in_a_pickle_are_refused(llava_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(llava_folder, tmp_path / "pickled"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        TransformersModel(str(folder), device="cpu")
