"""Adapters on one base, one after the other in a process that keeps the base: one load, the bytes of separate loads."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.core.evaluation import Decoding, Request
from harness.fleet.messages import CheckpointSpec, LoadedCheckpoint, WaveUnit
from harness.fleet.worker import Worker
from harness.models._checkpoint import loading
from harness.models.transformers import TransformersModel
from tests.models.test_adapters import KINDS, LANGUAGE, adapt, peft

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # peft's own, of the adapters made here


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders whose weights were read."""
    found, product = list[str](), loading._from_pretrained

    def counted(source: str, **options: Any) -> Any:
        found.append(source)
        return product(source, **options)

    monkeypatch.setattr(loading, "_from_pretrained", counted)
    return found


def spec(path: Path) -> CheckpointSpec:
    return CheckpointSpec("transformers", {"path": str(path), "device": "cpu", "threads": 1}, 1, str(Path.cwd()), path.name)


def loaded(worker: Worker, path: Path) -> TransformersModel:
    found: LoadedCheckpoint = worker.load(spec(path)).unwrap()
    model = worker._model
    assert isinstance(model, TransformersModel) and found.checkpoint == model.checkpoint
    return model


def weights(model: TransformersModel) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.module.state_dict().items()}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(value, two[name]) for name, value in one.items())


@pytest.mark.parametrize("kind", ["lora", "dora", "ia3", "oft"])
def test_a_worker_loads_a_base_once_and_switches_its_adapters(
    kind: str, llava_folder: Path, tmp_path: Path, loads: list[str]
) -> None:
    first, _ = adapt(llava_folder, tmp_path / "first", KINDS[kind])
    second, _ = adapt(llava_folder, tmp_path / "second")  # a LoRA, whatever the first is
    order = (first, second, llava_folder, first)
    alone = [TransformersModel(str(path), device="cpu", threads=1) for path in order]
    loads.clear()
    worker = Worker("node")
    for path, wanted in zip(order, alone, strict=True):
        model = loaded(worker, path)
        assert same(weights(model), weights(wanted))
        assert model.facts() == wanted.facts() and model.checkpoint == wanted.checkpoint
    assert loads == [str(llava_folder)]


def test_answers_of_switched_adapters_are_those_of_separate_loads(
    llava_folder: Path, images: list[Path], tmp_path: Path, loads: list[str]
) -> None:
    arms = [adapt(llava_folder, tmp_path / name, KINDS[kind])[0] for name, kind in (("dpo", "lora"), ("kto", "dora"))]
    asked = [Request(image, text, Decoding(max_new_tokens=6)) for image in images for text in ("What is this?", "A cat?")]

    def answers(worker: Worker, path: Path) -> list[str]:
        loaded(worker, path)
        (wave,) = worker.plan(asked).unwrap()
        given = dict(worker.answer(WaveUnit(asked, wave, {}, {})).answers)
        return [given[i].text for i in range(len(asked))]

    alone = {path: answers(Worker("alone"), path) for path in (llava_folder, *arms)}
    loads.clear()
    worker = Worker("node")
    for path in (*arms, llava_folder, *arms):
        assert answers(worker, path) == alone[path]
    assert loads == [str(llava_folder)] and len({tuple(found) for found in alone.values()}) > 1


@pytest.mark.parametrize("how", ["whole modules", "biases", "another start"])
def test_adapters_that_change_more_than_layers_are_loaded_with_their_base(
    how: str, llava_folder: Path, tmp_path: Path, loads: list[str]
) -> None:
    own = {"bias": "all"} if how == "biases" else {"init_lora_weights": "pissa"}  # which is taken out of the base's weights
    config = KINDS[how] if how in KINDS else peft.LoraConfig(r=3, target_modules=LANGUAGE, **own)
    first, _ = adapt(llava_folder, tmp_path / "first", config)
    alone = weights(TransformersModel(str(llava_folder), device="cpu", threads=1))
    loads.clear()
    worker = Worker("node")
    loaded(worker, first)
    assert same(weights(loaded(worker, llava_folder)), alone)
    assert loads == [str(llava_folder)] * 2


def test_a_base_whose_files_changed_is_loaded_again(llava_folder: Path, tmp_path: Path, loads: list[str]) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    base = Path(shutil.copytree(llava_folder, tmp_path / "base"))
    worker = Worker("node")
    before = loaded(worker, base).checkpoint.digest
    (file,) = base.glob("*.safetensors")
    save_file({name: value + 1 for name, value in load_file(file).items()}, file, {"format": "pt"})
    model = loaded(worker, base)
    assert model.checkpoint.digest != before and len(loads) == 2
    assert same(weights(model), weights(TransformersModel(str(base), device="cpu", threads=1)))


def test_another_base_takes_the_memory_of_the_one_before(llava_folder: Path, llava_next_folder: Path) -> None:
    worker = Worker("node")
    gone = weakref.ref(loaded(worker, llava_folder).module)
    loaded(worker, llava_next_folder)
    gc.collect()
    assert gone() is None


def test_outside_a_worker_nothing_is_kept(llava_folder: Path, loads: list[str]) -> None:
    for _ in range(2):
        TransformersModel(str(llava_folder), device="cpu", threads=1)
    assert len(loads) == 2
