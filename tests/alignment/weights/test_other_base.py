"""An adapter that was trained here is merged into the weights that it was trained on, and into no others without a word."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from harness.core.errors import ModelError
from harness.evaluation.checkpoint_checks import require_sound
from harness.models._server.managed import served
from harness.models.transformers import TransformersModel
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
    file.write_text(json.dumps({name: value for name, value in facts.items() if value is not None}))


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
    (adapter / "alignment.json").unlink()
    overwrite(base)
    TransformersModel(str(adapter), device="cpu")


def test_an_adapter_on_an_adapter_lies_on_the_two_merged(adapter: Path, images: Path, tmp_path: Path) -> None:
    second, _ = train(adapter, tmp_path / "second", PAIRS, images, lora=LORA)
    rewrite(second / "alignment.json", merged_base_digest=None)  # as versions before wrote it
    TransformersModel(str(second), device="cpu")
    third, _ = train(adapter, tmp_path / "third", PAIRS, images, lora=LORA)
    overwrite(tmp_path / "third" / "base")
    with pytest.raises(ModelError, match="was trained on another base"):
        TransformersModel(str(third), device="cpu")
