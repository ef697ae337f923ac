"""A checkpoint that is loaded from where it was trained is what its training wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.core.errors import ModelError
from harness.evaluation.checkpoint_checks import require_sound
from harness.models._checkpoint.loading import resolve
from harness.models._checkpoint.own_files import identity_of
from harness.models._own_server.served import served
from harness.models.transformers import TransformersModel
from tests.alignment.training.test_reload import LORA, PAIRS, reloaded, train

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
WEIGHTS = {"full": "model.safetensors", "lora": "adapter_model.safetensors"}


@pytest.fixture(params=["full", "lora"])
def trained(request: pytest.FixtureRequest, llava_folder: Path, images: Path, tmp_path: Path) -> Path:
    lora = {"lora": LORA} if request.param == "lora" else {}
    return train(llava_folder, tmp_path / request.param, PAIRS, images, **lora)[0]


def flip_one_bit(checkpoint: Path) -> None:
    """The lowest bit of a byte of the last weight, which no loading can see."""
    file = checkpoint / WEIGHTS[checkpoint.parent.name]
    content = bytearray(file.read_bytes())
    content[-4] ^= 1
    file.write_bytes(content)


def test_a_flipped_bit_is_refused_wherever_the_folder_was_moved_to(trained: Path, tmp_path: Path) -> None:
    flip_one_bit(trained)
    moved = Path(shutil.copytree(trained.parent, tmp_path / "moved" / trained.parent.name)) / "checkpoint"
    (link := tmp_path / "link").symlink_to(moved)
    for folder in (trained, moved, link):
        with pytest.raises(ModelError, match=rf"^{folder} is not what its training wrote: .*done.json names the digest"):
            TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match="is not what its training wrote"):
        served(str(trained), "vllm", None)


@pytest.mark.parametrize("other", ["[]", "true", "", '{"digest": "sha256:abc", "status": "ok"}'])
def test_a_file_of_another_tool_beside_a_copy_says_nothing_of_it(trained: Path, tmp_path: Path, other: str) -> None:
    copy = Path(shutil.copytree(trained, tmp_path / "published" / "checkpoint"))
    (copy.parent / "done.json").write_text(other)
    assert not identity_of(str(copy), *resolve(str(copy))).faults


def test_an_adapter_knows_the_checkpoint_that_it_lies_on(llava_folder: Path, images: Path, tmp_path: Path) -> None:
    full, _ = train(llava_folder, tmp_path / "full", PAIRS, images)
    adapter, _ = train(full, tmp_path / "lora", PAIRS, images, lora=LORA)
    flip_one_bit(full)
    with pytest.raises(ModelError, match=rf"^{full} is not what its training wrote.*{adapter} was trained on another base"):
        TransformersModel(str(adapter), device="cpu")


def test_it_goes_on_as_asked(trained: Path) -> None:
    flip_one_bit(trained)
    model, said = TransformersModel(str(trained), device="cpu", despite=["weights"]), list[str]()
    require_sound("sweep", model, said.append)
    assert "goes on as asked" in said[0] and "is not what its training wrote" in said[0]


def test_a_copy_elsewhere_and_a_checkpoint_of_an_older_version_are_loaded_as_they_are(trained: Path, tmp_path: Path) -> None:
    before = reloaded(trained)
    flip_one_bit(trained)
    copy = Path(shutil.copytree(trained, tmp_path / "copy"))
    assert reloaded(copy).shape == before.shape
    done = trained.parent / "done.json"
    done.write_text(json.dumps({name: value for name, value in json.loads(done.read_text()).items() if name != "digest"}))
    assert reloaded(trained).shape == before.shape
