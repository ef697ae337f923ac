"""An adapter that was trained here is merged into the weights that it was trained on, and into no others without a word."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.core.digests import model_digest
from harness.core.errors import ModelError
from harness.evaluation.checkpoint_checks import require_sound
from harness.models._own_server.served import served
from harness.models.transformers import TransformersModel
from tests.alignment.talker import Killed, kill_after
from tests.alignment.training.test_reload import LORA, PAIRS, reloaded, train

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def base(llava_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llava_folder, tmp_path / "model"))


@pytest.fixture
def adapter(base: Path, images: Path, tmp_path: Path) -> Path:
    return train(base, tmp_path / "first", PAIRS, images, lora=LORA)[0]


def overwrite(base: Path) -> None:
    weights = load_file(base / "model.safetensors")
    save_file({name: w * 1.5 for name, w in weights.items()}, base / "model.safetensors", metadata={"format": "pt"})


def rewrite(file: Path, **changes: object) -> None:
    facts = {**json.loads(file.read_text()), **changes}
    gone = {name for name, value in changes.items() if value is None}
    file.write_text(json.dumps({name: value for name, value in facts.items() if name not in gone}))


def test_an_adapter_whose_base_was_overwritten_is_refused(adapter: Path, base: Path) -> None:
    overwrite(base)
    with pytest.raises(ModelError, match="was trained on another base: its alignment.json") as found:
        TransformersModel(str(adapter), device="cpu")
    assert str(adapter) in str(found.value) and str(base) in str(found.value) and "\n" not in str(found.value)
    with pytest.raises(ModelError, match="was trained on another base"):
        served(str(adapter), "vllm", None)


def test_it_goes_on_as_asked_and_says_so(adapter: Path, base: Path) -> None:
    overwrite(base)
    model, said = TransformersModel(str(adapter), device="cpu", despite=["weights"]), list[str]()
    require_sound("sweep", model, said.append)
    assert "goes on as asked" in said[0] and "was trained on another base" in said[0]
    assert model.facts()["checks that may fail"] == "weights"


def test_a_copy_of_the_base_elsewhere_is_the_same_base(adapter: Path, base: Path) -> None:
    before = reloaded(adapter)
    rewrite(adapter / "adapter_config.json", base_model_name_or_path=str(shutil.move(base, base.with_name("elsewhere"))))
    assert reloaded(adapter).equal(before)


def test_an_adapter_that_says_nothing_of_its_base_is_merged_as_before(adapter: Path, base: Path) -> None:
    trained = reloaded(adapter)
    (adapter / "alignment.json").unlink()
    assert reloaded(adapter).equal(trained) and not trained.equal(reloaded(base))
    overwrite(base)
    assert not reloaded(adapter).equal(trained)  # into the weights that are there now


def test_the_merged_base_that_an_earlier_training_left_is_of_this_adapter(adapter: Path, images: Path, tmp_path: Path) -> None:
    """Killed before its first state: nothing else in the folder says which adapter it began with."""
    other, _ = train(tmp_path / "model", tmp_path / "other", PAIRS, images, lora=LORA, seed=9)
    for name, base in (("cut", adapter), ("before", adapter), ("fresh", other)):
        with pytest.raises(Killed):
            train(base, tmp_path / name, PAIRS, images, kill_after(1), lora=LORA, save_every=100)
    (tmp_path / "before" / "base" / "alignment.json").unlink()  # as versions before wrote it
    written = {name: model_digest(tmp_path / name / "base") for name in ("cut", "fresh")}
    assert written["cut"] != written["fresh"]
    trained = [train(other, tmp_path / name, PAIRS, images, lora=LORA, save_every=100) for name in ("cut", "before")]
    assert [model_digest(tmp_path / name / "base") for name in ("cut", "before")] == [written["fresh"]] * 2
    assert all(torch.allclose(reloaded(folder), logits, atol=1e-4) for folder, logits in trained)


def test_a_merged_base_is_written_once(adapter: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(adapter, tmp_path / "cut", PAIRS, images, kill_after(1), lora=LORA)
    before = (tmp_path / "cut" / "base").stat().st_ino
    train(adapter, tmp_path / "cut", PAIRS, images, lora=LORA)
    assert (tmp_path / "cut" / "base").stat().st_ino == before


def test_an_adapter_on_an_adapter_lies_on_the_two_merged(adapter: Path, images: Path, tmp_path: Path) -> None:
    second, _ = train(adapter, tmp_path / "second", PAIRS, images, lora=LORA)
    rewrite(second / "alignment.json", merged_base_digest=None)  # as versions before wrote it
    TransformersModel(str(second), device="cpu")
    third, _ = train(adapter, tmp_path / "third", PAIRS, images, lora=LORA)
    overwrite(tmp_path / "third" / "base")
    with pytest.raises(ModelError, match="was trained on another base"):
        TransformersModel(str(third), device="cpu")
