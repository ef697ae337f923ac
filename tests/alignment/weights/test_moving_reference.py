"""A reference that follows the policy under LoRA: what is mixed are the weights that adapters add."""

from __future__ import annotations

import json

import pytest
import torch

from alignment.aligners.dpo import Dpo
from alignment.batching.collate import score_rows
from alignment.batching.rows import make_rows
from alignment.settings import make_settings
from alignment.training.moving_reference import Moving, mixed
from alignment.training.preference import Sync
from alignment.weights.trainable import ADAPTER_B, evaluating, prepare
from harness.core.errors import TrainingError
from tests.alignment.talker import Killed, kill_after
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, LORA, make_pairs

A, B = "layer.lora_A.default.weight", "layer.lora_B.default.weight"
MOVING = Dpo(reference_sync={"every": 1, "mix": 0.6}, training={**FAST, "lora": LORA})


def adapter(seed: int, r: int = 2, shape: tuple[int, int] = (4, 5)) -> dict[str, torch.Tensor]:
    made, (rows, columns) = torch.Generator().manual_seed(seed), shape
    return {A: torch.randn(r, columns, generator=made), B: torch.randn(rows, r, generator=made)}


def added(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    return weights[B] @ weights[A]


@pytest.mark.parametrize("shape", [(4, 5), (9, 4)], ids=["wide", "tall"])
@pytest.mark.parametrize("moves", [1, 2, 5])
def test_products_are_mixed_and_never_grow_beyond_the_whole_matrix(moves, shape):
    reference, wanted = adapter(0, shape=shape), added(adapter(0, shape=shape))
    for n in range(1, moves + 1):
        new = adapter(n, shape=shape)
        reference, wanted = mixed(reference, new, 0.6), 0.6 * added(new) + 0.4 * wanted
    assert torch.allclose(added(reference), wanted, atol=1e-5)
    assert len(reference[A]) <= min(shape)


def test_other_weights_are_mixed_as_they_are():
    assert mixed({"w": torch.tensor([1.0])}, {"w": torch.tensor([2.0])}, 0.75)["w"].tolist() == [1.75]


def test_answers_are_scored_with_the_mixture(llava_next, images):
    policy, settings = TinyPolicy(llava_next), make_settings({"lora": {**LORA, "dropout": 0.0}})
    rows, _ = make_rows(policy, make_pairs()[:2], images)
    trained = prepare(policy.module, settings)
    supply = Moving(policy, rows, trained, Sync(1, 0.6), 2, of_tokens=False)
    for weight in trained.weights.values():
        weight.data = torch.randn_like(weight) / 4
    samples, _ = supply.take(1, [0, 1])
    for name, weight in trained.weights.items():
        weight.data *= 0.6 if ADAPTER_B in name else 1  # the reference began without a change
    with torch.no_grad(), evaluating(policy.module):
        wanted = score_rows(policy, [rows[0], rows[1]])
    assert torch.allclose(torch.cat([s.known["reference"] for s in samples]), torch.cat(wanted), atol=1e-3)


def test_what_an_earlier_version_mixed_is_refused_or_noted(llava_next, images, tmp_path):
    with pytest.raises(Killed):
        MOVING.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path, progress=kill_after(2))
    (path,) = (tmp_path / "state").iterdir()
    state = torch.load(path, weights_only=True)
    torch.save({name: value for name, value in state.items() if name != "log"}, path)
    with pytest.raises(TrainingError, match=r"moved by an earlier version.*Remove .* to train again"):
        MOVING.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path)
    torch.save(state, path)
    done = MOVING.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path)
    assert not any("earlier version" in note for note in done.notes)
    facts = json.loads((tmp_path / "done.json").read_text())
    del facts["adapters_mixed"]
    (tmp_path / "done.json").write_text(json.dumps(facts))
    assert any("earlier version" in note for note in MOVING.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path).notes)


def test_the_reference_is_scored_without_dropout(llava_next, images):
    policy = TinyPolicy(llava_next)
    rows, _ = make_rows(policy, make_pairs()[:2], images)
    trained = prepare(policy.module, make_settings({"lora": {**LORA, "dropout": 0.5}}))
    for weight in trained.weights.values():
        weight.data = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) / 4
    samples, _ = Moving(policy, rows, trained, Sync(8, 0.6), 2, of_tokens=False).take(0, [0, 1])
    with torch.no_grad(), evaluating(policy.module):
        wanted = score_rows(policy, [rows[0], rows[1]])
    assert torch.allclose(torch.cat([s.known["reference"] for s in samples]), torch.cat(wanted), atol=1e-3)
