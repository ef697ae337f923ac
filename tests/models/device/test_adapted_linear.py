"""Adapters on half-precision weights stay beside them: what is answered with is what was trained, not what rounding leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText

from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, Request
from harness.core.run_record import ADAPTER, ProtocolRecord
from harness.evaluation.cached_model import CachedModel
from harness.evaluation.checkpoint_checks import require_sound
from harness.fleet.messages import CheckpointSpec
from harness.fleet.worker import Worker
from harness.models._checkpoint import loading
from harness.models._device.adapted_linear import AdaptedLinear
from harness.models.transformers import TransformersModel
from harness.storage.run_store import Store
from tests.models.test_adapters import IDS, KINDS, LANGUAGE, adapt

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # peft's own, of the adapters made here
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}
PLAIN = ("lora", "whole modules")


def loaded(folder: Path, dtype: str = "bfloat16") -> TransformersModel:
    return TransformersModel(str(folder), device="cpu", dtype=dtype, threads=1)


def adapted(model: TransformersModel) -> dict[str, AdaptedLinear]:
    return {name: layer for name, layer in model.module.named_modules() if isinstance(layer, AdaptedLinear)}


def small(base: Path, folder: Path) -> Path:
    """LoRA whose changes are about a tenth of the distance between two bfloat16 weights."""
    torch.manual_seed(5)
    made = peft.get_peft_model(
        AutoModelForImageTextToText.from_pretrained(base), peft.LoraConfig(r=4, lora_alpha=8, target_modules=LANGUAGE)
    )
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn_like(weight) * 2e-5)
    made.peft_config["default"].base_model_name_or_path = str(base)
    made.save_pretrained(str(folder))
    return folder


@torch.no_grad()
def test_what_merging_would_round_away_moves_the_output(llava_folder: Path, tmp_path: Path) -> None:
    base, model = loaded(llava_folder), loaded(small(llava_folder, tmp_path / "adapter"))
    exact, plain = (
        dict(TransformersModel(str(p), device="cpu", dtype="float32", threads=1).module.named_modules())
        for p in (tmp_path / "adapter", llava_folder)
    )
    before = dict(base.module.named_modules())
    assert len(adapted(model)) == 6
    for name, layer in adapted(model).items():
        wanted = exact[name].weight - plain[name].weight
        torch.testing.assert_close(layer.up.float() @ layer.down.float(), wanted, rtol=0.02, atol=float(wanted.std()) / 50)
        assert torch.equal(layer.weight, before[name].weight)
        merged = (layer.weight + wanted.bfloat16()).float() - layer.weight.float()
        assert (merged == 0).float().mean() > 0.5  # what is left of it inside the weights
        x = torch.randn(64, layer.in_features).bfloat16()
        bare = torch.nn.functional.linear(x, layer.weight)
        assert torch.equal(layer(x), bare + torch.nn.functional.linear(torch.nn.functional.linear(x, layer.down), layer.up))


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_computes_what_peft_computes_unmerged(kind: str, dtype: str, llava_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter", KINDS[kind])
    module = AutoModelForImageTextToText.from_pretrained(llava_folder, dtype=HALF[dtype])
    theirs = peft.PeftModel.from_pretrained(module, str(folder)).eval()
    model = loaded(folder, dtype)
    with torch.no_grad():
        found, wanted = model.module(input_ids=IDS).logits, theirs(input_ids=IDS).logits
    torch.testing.assert_close(found, wanted, atol=float(wanted.float().std()) / 20, rtol=0)
    assert bool(adapted(model)) == (kind in PLAIN)


@pytest.mark.parametrize("options", [{"target_modules": r".*lm_head|.*q_proj"}, {"target_modules": r".*embed_tokens|.*q_proj"}])
def test_head_and_embeddings_answer_with_their_adapter(
    options: dict[str, Any], llava_folder: Path, images: list[Path], tmp_path: Path
) -> None:
    folder, _ = adapt(llava_folder, tmp_path / "adapter", peft.LoraConfig(r=3, **options))
    model, request = loaded(folder), Request(images[0], "What is this?", Decoding(max_new_tokens=6))
    nats = model.log_probs([request], ["a lamp"])[0], loaded(llava_folder).log_probs([request], ["a lamp"])[0]
    wanted = model.one_by_one(given=True).log_probs([request], ["a lamp"])[0]
    assert nats[0] == pytest.approx(wanted, abs=0.2) and nats[0] != nats[1]
    assert dict(pair for part in model.generate([request]) for pair in part)[0].n_tokens > 0


def test_a_chain_of_lora_stays_beside_as_a_whole(llava_folder: Path, tmp_path: Path) -> None:
    first, _ = adapt(llava_folder, tmp_path / "first", KINDS["lora"])
    second, _ = adapt(first, tmp_path / "second", module=loaded(first, "float32").module)
    with torch.no_grad():
        found, exact = (loaded(second, dtype).module(input_ids=IDS).logits.float() for dtype in ("bfloat16", "float32"))
    torch.testing.assert_close(found, exact, atol=float(exact.std()) / 20, rtol=0)
    assert {layer.down.shape[0] for layer in adapted(loaded(second)).values()} == {6}


def test_what_cannot_be_put_on_without_merging_is_refused(llava_folder: Path, tmp_path: Path, images: list[Path]) -> None:
    first, _ = adapt(llava_folder, tmp_path / "first", KINDS["dora"])
    second, _ = adapt(first, tmp_path / "second", module=loaded(first, "float32").module)
    with pytest.raises(ModelError, match=r"lies on one that is not plain LoRA.*model\.dtype=float32"):
        loaded(second)
    with pytest.raises(ModelError, match=r"nothing can be trained on it\. Set model\.dtype=float32"):
        loaded(first).prompt(images[0], "What is this?")


def test_in_float32_adapters_are_merged_as_before(llava_folder: Path, tmp_path: Path) -> None:
    model = loaded(adapt(llava_folder, tmp_path / "adapter")[0], "float32")
    assert not adapted(model) and ADAPTER not in model.facts()


def test_answers_of_merged_half_precision_are_asked_once_again(llava_folder: Path, images: list[Path], tmp_path: Path) -> None:
    base, model = loaded(llava_folder), loaded(adapt(llava_folder, tmp_path / "adapter")[0])
    assert model.facts() == {**base.facts(), ADAPTER: "beside the weights of its base"}  # also of an answer's key
    before = {name: value for name, value in model.facts().items() if name != ADAPTER}  # as a version before told them
    request = Request(images[0], "What is this?", Decoding(max_new_tokens=2))
    with Store(tmp_path / "runs.sqlite") as store:
        now = CachedModel(model, store)
        key = now.key(request)
        now._facts = before
        assert now.key(request) != key
    assert ProtocolRecord(base.facts()).differs_from(ProtocolRecord(model.facts())) == {}


def test_doctor_finds_it_sound_for_training_too(llava_folder: Path, tmp_path: Path) -> None:
    for kind in PLAIN:
        require_sound("base", loaded(adapt(llava_folder, tmp_path / kind, KINDS[kind])[0]), print, training=True)


def test_a_worker_switches_adapters_beside_one_base(
    llava_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = adapt(llava_folder, tmp_path / "first", KINDS["lora"])
    second, _ = adapt(llava_folder, tmp_path / "second")
    chain, _ = adapt(first, tmp_path / "chain", module=loaded(first, "float32").module)
    order = (first, second, llava_folder, chain, first)

    def weights(model: Any) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in model.module.state_dict().items()}

    alone = [weights(loaded(path)) for path in order]
    loads, product = list[str](), loading._from_pretrained
    monkeypatch.setattr(loading, "_from_pretrained", lambda s, **options: (loads.append(s), product(s, **options))[1])
    worker = Worker("node")
    for path, wanted in zip(order, alone, strict=True):
        options = {"path": str(path), "device": "cpu", "threads": 1, "dtype": "bfloat16"}
        worker.load(CheckpointSpec("transformers", options, 1, str(Path.cwd()), path.name)).unwrap()
        found = weights(worker._model)
        assert found.keys() == wanted.keys() and all(torch.equal(value, wanted[name]) for name, value in found.items())
    assert loads == [str(llava_folder)]
