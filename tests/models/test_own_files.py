"""Whatever a base model is computed from is in its digest, is refused, or is never read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.core.digests import model_digest
from harness.core.errors import ModelError
from harness.models._checkpoint.loading import load, resolve
from harness.models.transformers import TransformersModel

READ = (
    *("model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "config.json"),
    *("generation_config.json", "chat_template.jinja", "chat_template.json", "processor_config.json"),
    *("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "tokenizer.model", "source.spm", "vocab.bpe", "modeling_own.py", "processing_own.py"),
)
PICKLES = ("pytorch_model.bin", "consolidated.00.pth", "model.pt", "model.ckpt", "weights.pkl", "PYTORCH_MODEL.BIN")


@pytest.fixture
def folder(llava_folder: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(llava_folder, tmp_path / "model"))


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize("name", READ)
def test_a_file_that_is_read_and_overwritten_makes_another_checkpoint(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("one")
    before = model_digest(tmp_path)
    (tmp_path / name).write_text("two")
    assert model_digest(tmp_path) != before


def test_an_adapters_configuration_that_is_overwritten_makes_another_checkpoint(tmp_path: Path) -> None:
    write(tmp_path / "adapter_config.json", {"lora_alpha": 8})
    before = model_digest(tmp_path)
    write(tmp_path / "adapter_config.json", {"lora_alpha": 16})
    assert model_digest(tmp_path) != before


@pytest.mark.parametrize("name", PICKLES)
def test_a_model_that_has_only_pickled_weights_is_refused(name: str, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(ModelError, match=rf"it has only {name}, .*safetensors only.*save_pretrained"):
        resolve(str(folder))


def test_pickled_weights_beside_safetensors_are_named_and_never_read(folder: Path) -> None:
    before = TransformersModel(str(folder), device="cpu")
    for name in PICKLES:
        (folder / name).write_bytes(b"rubbish that no unpickler would accept")
    after = TransformersModel(str(folder), device="cpu")
    found = next(iter(after.checks((), training=False)))
    assert (found.what, found.state) == ("weights", "note")
    assert all(name in found.words for name in PICKLES)
    assert after.checkpoint.digest == before.checkpoint.digest
    assert all(a.equal(b) for a, b in zip(after.module.parameters(), before.module.parameters(), strict=True))


@pytest.mark.parametrize(
    "name", ["../other/model.safetensors", "sub/model.safetensors", "/tmp/model.safetensors", "weights.bin"]
)
def test_weights_named_outside_the_folder_or_as_a_pickle_are_refused(name: str, folder: Path) -> None:
    write(folder / "model.safetensors.index.json", {"weight_map": {"a": name}})
    with pytest.raises(ModelError, match=rf"index\.json names {name}; only \*\.safetensors"):
        resolve(str(folder))
    (folder / "model.safetensors.index.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | {"transformers_weights": name})
    with pytest.raises(ModelError, match=rf"config\.json names {name}; only \*\.safetensors"):
        resolve(str(folder))


def test_code_of_another_repository_is_refused_where_remote_code_is_allowed(folder: Path) -> None:
    import torch

    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | {"auto_map": {"AutoModel": "owner/name--modeling_own.Model"}})
    with pytest.raises(ModelError, match="names code outside its folder .owner/name--modeling_own"):
        load(str(folder), (), torch.float32, "sdpa", remote_code=True)
    TransformersModel(str(folder), device="cpu")  # refused code is never run, so it changes nothing
