"""Checkpoints that are broken or unusual: one clear line, or an answer that says what is unusual about it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tiny_families
from safetensors.torch import load_file, save_file

from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, Request
from harness.models.transformers import TransformersModel


@pytest.fixture
def folder(llava_folder: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(llava_folder, tmp_path / "model"))


def test_a_checkpoint_without_a_chat_template_is_told_what_to_add(folder: Path, images: list[Path]) -> None:
    (folder / "chat_template.jinja").unlink()
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match="no usable chat template.*chat_template.jinja"):
        list(model.generate([Request(images[0], "Why?")]))


def test_a_model_that_has_no_end_token_stops_at_the_limit_and_says_so(folder: Path, images: list[Path]) -> None:
    for name in ("tokenizer_config.json", "generation_config.json", "config.json"):
        text = json.loads((folder / name).read_text())
        for part in (text, text.get("text_config", {})):
            part.pop("eos_token", None)
            part["eos_token_id"] = None
        (folder / name).write_text(json.dumps(text))
    model = TransformersModel(str(folder), device="cpu")
    assert not model._end_ids()
    (((_, answer),),) = model.generate([Request(images[0], "Why?", Decoding(9, min_new_tokens=3))])
    assert (answer.n_tokens, answer.stopped) == (9, "length")


def test_weights_that_miss_a_tensor_are_refused_rather_than_drawn_at_random(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights[next(name for name in weights if "q_proj" in name)]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not complete: 1 are missing, .*q_proj.*Copy or train"):
        TransformersModel(str(folder), device="cpu")


def test_a_folder_without_weights_is_one_line(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"does not load: .*(safetensors|weights)") as caught:
        TransformersModel(str(folder), device="cpu")
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_processor_is_told_where_to_take_it_from(folder: Path) -> None:
    for path in [*folder.glob("*processor*"), *folder.glob("tokenizer*")]:
        path.unlink()
    with pytest.raises(ModelError, match="processor of .* does not load.*model it was trained from"):
        TransformersModel(str(folder), device="cpu")


@pytest.mark.parametrize("name", ["gemma3", "paligemma", "llava_next, Mistral with a window"])
def test_flash_attention_is_refused_where_masks_of_its_own_are_needed(name: str, tmp_path: Path) -> None:
    config, *_ = tiny_families.CHECKPOINTS[name]()
    config.save_pretrained(tmp_path)
    says = r"flash_attention_2 cannot be used with this .* Set model\.attention=sdpa\."
    with pytest.raises(ModelError, match=says) as caught:
        TransformersModel(str(tmp_path), device="cpu", attention="flash_attention_2")
    assert "\n" not in str(caught.value)


def test_an_attention_that_is_not_installed_is_one_line(folder: Path) -> None:
    with pytest.raises(ModelError, match="does not load: .*flash_attn|does not load: .*FlashAttention2") as caught:
        TransformersModel(str(folder), device="cpu", attention="flash_attention_2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ['{"base_model_name_or_path": "/gone/base"}', "{}", "{half"])
def test_an_adapter_without_its_base_is_named(tmp_path: Path, written: str) -> None:
    (tmp_path / "adapter_config.json").write_text(written)
    with pytest.raises(ModelError, match=r"adapter .*cannot find its base model|does not name the base model"):
        TransformersModel(str(tmp_path), device="cpu")


def test_a_processor_of_another_model_is_told_from_the_number_of_features(folder: Path, images: list[Path]) -> None:
    settings = json.loads((folder / "processor_config.json").read_text()) | {"patch_size": 16}
    (folder / "processor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="Processor and weights do not belong together"):
        list(TransformersModel(str(folder), device="cpu").generate([Request(images[0], "Why?")]))
