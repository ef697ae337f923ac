"""Reference log-probabilities: the numbers of a plain pass, computed once, forgotten when anything they rest on moves."""

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from alignment.aligners.contrast.chip import Chip
from alignment.aligners.dpo import Dpo
from alignment.aligners.kto import Kto
from alignment.batching.collate import collate, score, score_rows
from alignment.batching.rows import Rows, make_rows
from alignment.settings import make_settings
from alignment.training.reference_logps import _read, compute, reference_key, reference_logps
from alignment.training.sample_supply import Reference
from alignment.weights.trainable import evaluating, prepare
from harness.core.preference import PreferencePair
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import LORA, make_pairs
from tests.alignment.two_processes import together


@pytest.fixture
def pairs() -> list[PreferencePair]:
    answers = ("There is a cat.", "There is a red dog near the tree.", "cat")
    return [
        PreferencePair(a, ("wide.png", "tall.png")[i % 2], "", "Describe it.", a, ("There is a car.",), "test")
        for i, a in enumerate(answers)
    ]


def test_the_numbers_are_those_of_one_row_at_a_time(policy, images, pairs):
    rows, _ = make_rows(policy, pairs, images)
    together = compute(policy, rows, rows_at_once=3)
    with torch.no_grad():
        apart = [score(policy, collate([rows[i]], policy.pad_token_id)) for i in range(3)]
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(together, apart, strict=True))


def test_they_are_read_back_exactly_without_the_model(policy, images, pairs, tmp_path, monkeypatch):
    rows, _ = make_rows(policy, pairs, images)
    first = reference_logps(policy, rows, tmp_path)
    monkeypatch.setattr(policy, "hidden_states", None)
    assert all(torch.equal(a, b) for a, b in zip(first, reference_logps(policy, rows, tmp_path), strict=True))


LOOKED_APART = """
import os, sys
from pathlib import Path
from alignment.batching.rows import make_rows
from alignment.training.reference_logps import reference_logps
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import make_pairs
model, images, seen, later = sys.argv[1:]
policy = TinyPolicy(Path(model))
rows, _ = make_rows(policy, make_pairs(), Path(images))
reference_logps(policy, rows, Path(later if os.environ["RANK"] == "1" else seen))
"""


def test_a_file_that_only_one_of_two_processes_sees_is_made_again_by_both(llava_next, images, tmp_path):
    """Another arm of the run wrote it between their looks: one went on to train and the other waited for it without end."""
    policy, (seen, later) = TinyPolicy(llava_next), (tmp_path / "seen", tmp_path / "later")
    seen.mkdir()
    later.mkdir()
    rows, _ = make_rows(policy, make_pairs(), images)
    known = reference_logps(policy, rows, later)
    (tmp_path / "script.py").write_text(LOOKED_APART)
    done = together(tmp_path / "script.py", str(llava_next), str(images), str(seen), str(later), timeout_s=60)
    assert done.returncode == 0, done.stderr[-3000:]
    (made,) = seen.glob("*.safetensors")
    (written,) = later.glob("*.safetensors")
    assert made.name == written.name
    # The two had a thread each, this process may have several: their last bits differ.
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(known, reference_logps(policy, rows, seen), strict=True))


def test_the_key_moves_with_weights_pairs_and_template(policy, images, pairs, monkeypatch):
    rows, fewer = make_rows(policy, pairs, images)[0], make_rows(policy, pairs[:2], images)[0]
    keys = {reference_key(policy, rows), reference_key(policy, fewer)}
    monkeypatch.setattr(policy, "facts", lambda: {"template": "another"})
    keys.add(reference_key(policy, rows))
    monkeypatch.setattr(policy.checkpoint.__class__, "digest", "other weights")
    keys.add(reference_key(policy, rows))
    assert len(keys) == 4


def test_pixels_beyond_the_memory_budget_are_prepared_again(policy, images, pairs):
    rows = Rows(policy, images, vision_bytes=0)
    assert not any(rows.add(pair) for pair in pairs)
    full, _ = make_rows(policy, pairs, images)
    assert torch.equal(rows[1].prompt.vision["pixel_values"], full[1].prompt.vision["pixel_values"])
    assert rows.length(1) == full[1].length


@pytest.mark.parametrize("damage", [lambda raw: raw[:50], lambda raw: b"", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])])
def test_a_cache_that_is_cut_or_changed_is_made_again(policy, images, pairs, tmp_path, damage):
    rows, _ = make_rows(policy, pairs, images)
    first = reference_logps(policy, rows, tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(damage(path.read_bytes()))
    again = reference_logps(policy, rows, tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert _read(path, safe_open(path, "pt").metadata()["key"]) is not None  # whole again


@pytest.mark.parametrize(
    "training", [{}, {"lora": LORA}, {"lora": LORA, "projector_learning_rate": 1e-3}], ids=["full", "lora", "projector"]
)
def test_the_reference_of_online_methods_stays_the_policy_as_loaded(llava_next, images, training):
    policy, settings = TinyPolicy(llava_next), make_settings(training)
    rows, _ = make_rows(policy, make_pairs()[:2], images)
    with torch.no_grad():
        wanted = torch.cat(score_rows(policy, [rows[0], rows[1]]))
    reference = Reference(policy, settings)
    trained = prepare(policy.module, settings)
    for weight in trained.weights.values():
        weight.data += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.cat(reference.of(trained)([rows[0], rows[1]])), wanted, atol=1e-3, rtol=0)
    with torch.no_grad(), evaluating(policy.module):
        assert float((torch.cat(score_rows(policy, [rows[0], rows[1]])) - wanted).abs().min()) > 0.01


@pytest.mark.parametrize("aligner", [Dpo, Kto])
def test_another_checkpoint_is_the_reference_where_it_is_given(llava_next, images, tmp_path, aligner):
    policy, other = TinyPolicy(llava_next), TinyPolicy(llava_next)
    other.checkpoint = replace(other.checkpoint, digest="another")
    with torch.no_grad():
        other.module.lm_head.weight += 0.1 * torch.randn(
            other.module.lm_head.weight.shape, generator=torch.Generator().manual_seed(0)
        )
        rows, _ = make_rows(policy, make_pairs(), images)
        scored = [score_rows(model, [rows[i] for i in range(len(rows))]) for model in (policy, other)]
    rewards = [0.1 * (now - base) for now, base in zip(*scored, strict=True)]
    made = aligner(training={"batch_size": len(rows), "max_steps": 1})
    row = made.align(policy, make_pairs(), images, tmp_path, reference=other).log[0]
    chosen, rejected = torch.stack([own[0] for own in rewards]), torch.cat([own[1:] for own in rewards])
    if aligner is Dpo:  # a chosen answer stands in a pair with each of its rejected ones; -log s(w - l), s the sigmoid
        chosen = torch.cat([own[:1].expand(len(own) - 1) for own in rewards])
        assert row["loss"] == pytest.approx(float(torch.log1p((rejected - chosen).exp()).mean()), abs=1e-3)
    assert row["rewards/chosen"] == pytest.approx(float(chosen.mean()), abs=1e-3) != 0
    assert row["rewards/rejected"] == pytest.approx(float(rejected.mean()), abs=1e-3) != 0


def test_the_divergence_of_chip_is_from_the_reference_that_is_given(llava_next, images, tmp_path):
    policy, other = TinyPolicy(llava_next), TinyPolicy(llava_next)
    other.checkpoint = replace(other.checkpoint, digest="another")
    with torch.no_grad():
        other.module.lm_head.weight *= 1.5
    made = Chip(damage="crop", training={"max_steps": 1})
    made.align(policy, make_pairs(), images, tmp_path, reference=other)
    assert torch.equal(made.objective.tokens.head.weight, other.head().weight)
