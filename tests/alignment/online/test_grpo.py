"""GRPO in the loop: rewarded answers become likelier, equal groups are skipped, sampler and trainer agree, resumable."""

from __future__ import annotations

import math

import pytest
import tiny_families
import torch

from alignment.aligners.grpo import Grpo
from alignment.batching.collate import Row, collate, make_row, score_rows, score_tokens, states
from alignment.batching.rows import make_rows
from alignment.online.ranked_pairs import Sampling
from alignment.online.rollouts import Sampler
from alignment.training.diagnosis import MISMATCH, diagnose
from harness.core.digests import model_digest
from harness.core.errors import ConfigError
from harness.models.transformers import TransformersModel
from tests.alignment.talker import FAST, Likes, Steady, Talker, whole_and_killed
from tests.alignment.training.test_train import LORA, make_pairs, without_times
from tests.alignment.training.test_workers import trained_together, weights

SCRIPT = """
import json, sys
from pathlib import Path
from alignment.aligners.grpo import Grpo
from tests.alignment.talker import Likes, Steady
from tests.alignment.training.test_train import make_pairs
model, images, folder, options = sys.argv[1:]
Grpo(Likes("o"), **json.loads(options)).align(Steady(Path(model)), make_pairs(), Path(images), Path(folder))
"""
UNTRAINED = ("aya_vision",)  # refused: a family that is not in the table
FAMILIES = ["llava", *(name for name in tiny_families.CHECKPOINTS if name not in UNTRAINED)]


@pytest.mark.parametrize(
    "options",
    [{}, {"loss_type": "grpo", "beta": 0.04}, {"loss_type": "dr_grpo", "scale_rewards": "none"}, {"num_iterations": 2},
     {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 0.0003, "epsilon_high": 0.0004}],
    ids=str,
)  # fmt: skip
def test_rewarded_answers_become_likelier(llava_next, images, pairs, tmp_path, options):
    training = {**FAST, "learning_rate": 3e-3, "batch_size": 4, "micro_batch": 4, "epochs": 4}
    made = Grpo(Likes("cup"), num_generations=6, training=training, **options)
    policy = Steady(llava_next)
    rows, _ = make_rows(policy, pairs, images)

    def cup() -> float:
        with torch.no_grad():
            ids = policy.answer_ids(None, "", " cup.")
            return sum(float(score_rows(policy, [Row("", rows[i].prompt, (ids,))])[0]) for i in range(len(rows)))

    before = cup()
    log = made.align(policy, pairs, images, tmp_path).log
    assert cup() > before + 0.1
    assert 0 <= log[0]["clip_ratio/region_mean"] <= 1 and ("kl" in log[0]) == ("beta" in options)


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_killed_training_ends_in_the_same_bytes(llava_next, images, pairs, tmp_path, lora):
    options = {"num_generations": 4, "num_iterations": 2, "beta": 0.04}
    aligner = Grpo(Likes("o"), training={**FAST, "lora": lora}, **options)
    whole, cut = whole_and_killed(aligner, lambda: Talker(llava_next), pairs, images, tmp_path, (1, 4))
    assert model_digest(cut.folder) == model_digest(whole.folder)
    assert without_times(cut.log) == without_times(whole.log)


@pytest.mark.slow
def test_two_processes_give_the_losses_and_weights_of_one(llava_next, images, tmp_path):
    options = {"num_generations": 4, "scale_rewards": "batch", "beta": 0.04, "training": {**FAST, "batch_size": 3}}
    alone = Grpo(Likes("o"), **options).align(Steady(llava_next), make_pairs(), images, tmp_path / "one")
    log = trained_together(SCRIPT, llava_next, images, tmp_path, options)
    for name in ("loss", "kl", "objective/scores", "grad_norm", "rl/skipped_groups", "rl/distinct"):
        assert [row[name] for row in log] == pytest.approx([row[name] for row in alone.log], abs=1e-5, rel=1e-3), name
    one, two = weights(alone.folder), weights(tmp_path / "two" / "checkpoint")
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


def test_the_micro_batch_changes_nothing_but_speed(llava_next, images, pairs, tmp_path):
    one, four = (
        Grpo(Likes("o"), num_generations=4, training={**FAST, "batch_size": 4, "micro_batch": n}).align(
            Steady(llava_next), pairs, images, tmp_path / str(n)
        )
        for n in (1, 4)
    )
    assert [r["grad_norm"] for r in one.log] == pytest.approx([r["grad_norm"] for r in four.log], rel=1e-3)


def test_groups_with_equal_rewards_are_skipped_and_counted(llava_next, images, pairs, tmp_path):
    done = Grpo(Likes(""), num_generations=3, training={**FAST, "max_steps": 2}).align(
        Talker(llava_next), pairs, images, tmp_path
    )
    assert [row["frac_reward_zero_std"] for row in done.log] == [1.0, 1.0]
    assert [row["rl/skipped_groups"] for row in done.log] == [2.0, 2.0]
    assert [row["skipped"] for row in done.log] == [1.0, 1.0] and "loss" not in done.log[0]
    assert any("100% of the groups had answers of equal rewards" in note for note in done.notes)
    before, after = weights(llava_next), weights(done.folder)
    assert all(torch.equal(before[name], after[name]) for name in before)


class Dealt(Likes):
    """Rewards by turn: a group of one reward, and one with an answer that could not be rated."""

    def __init__(self, *groups: list[float | None]) -> None:
        super().__init__("o")
        self.groups = list(groups)

    def __call__(self, pair, answers, image_root) -> list[float | None]:
        return self.groups.pop(0)


def test_the_logged_reward_is_that_of_all_rated_answers(llava_next, images, pairs, tmp_path):
    training = {**FAST, "batch_size": 2, "max_steps": 2}
    made = Grpo(Dealt([4, 4, 4], [1, 2, None], [5, 5, 5], [7, 7, 7]), num_generations=3, training=training)
    log = made.align(Talker(llava_next), pairs, images, tmp_path).log
    assert [row["objective/scores"] for row in log] == [3.0, 6.0]  # (4 + 4 + 4 + 1 + 2) / 5; all skipped
    assert "skipped" in log[1]


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_sampler_and_trainer_agree_in_float32(images, pairs, tmp_path, family):
    policy = TransformersModel(str(tiny_families.save(family, tmp_path)), device="cpu")
    rows, _ = make_rows(policy, pairs, images)
    made = Grpo(Likes("a"), sampling={"temperature": 0.7, "max_new_tokens": 8})
    sampler = Sampler(policy, rows, images, Likes("a"), Sampling(0.7, max_new_tokens=8), 4, 0.0, seed=1)
    supply = made.supply(policy, rows, images, None)
    supply.sampler, supply.k = sampler, 4
    rollouts, _ = sampler.draw(0, range(len(pairs)))
    assert all(r.logps is not None for r in rollouts)
    gaps = [
        (old - r.logps).abs()
        for r, old in zip(rollouts, supply._old([r.row for r in rollouts]), strict=True)
        if r.logps is not None
    ]
    assert float(torch.cat(gaps).mean()) < 1e-4


def test_the_mismatch_is_logged_and_a_large_one_is_reported(llava_next, images, pairs, tmp_path):
    policy = TransformersModel(str(llava_next), device="cpu")
    training = {**FAST, "max_steps": 1, "learning_rate": 1e-5}
    made = Grpo(Likes("a"), num_generations=6, sampling={"max_new_tokens": 6}, training=training)
    log = made.align(policy, pairs, images, tmp_path).log
    assert log[0][MISMATCH] < 1e-4
    assert diagnose([{"step": 1.0, MISMATCH: 0.05}])[0].startswith("Sampler and trainer differed by 0.0500 nats")
    assert diagnose([{MISMATCH: 0.05}])[0].endswith("Use one precision for both, or importance_sampling_correction.")
    assert "importance_sampling_correction" not in diagnose([{MISMATCH: 0.05}], corrects_sampling=True)[0]
    assert Grpo(Likes("o"), importance_sampling_correction=True).objective.corrects_sampling


@pytest.fixture
def answered(llava_next, images, pairs):
    """A policy, the row of a pair, its batch, and the log-probability of each of its tokens."""
    policy = Talker(llava_next)
    row = make_row(policy, pairs[0], images)
    batch = collate([row], policy.pad_token_id)
    with torch.no_grad():
        return policy, row, batch, score_tokens(policy, states(policy, batch), batch)


def test_tokens_are_weighed_by_what_the_sampler_overlooked(answered):
    policy, row, batch, now = answered
    known = {"advantages": torch.tensor([1.0, -1.0]), "sampled": now - torch.log(torch.tensor(2.0))}
    losses = []
    for options in (
        {},
        {"importance_sampling_correction": True},
        {"importance_sampling_correction": True, "importance_sampling_cap": 1.5},
    ):
        made = Grpo(Likes(), loss_type="grpo", **options).objective
        losses.append(made(policy, batch, {**known, "advantages": torch.tensor([1.0, 0.0])}, made.totals([row])).loss.item())
    assert losses == pytest.approx([-0.5, -1.0, -0.75], abs=1e-4)


def test_the_penalty_is_not_weighed_by_what_the_sampler_overlooked(answered):
    policy, row, batch, now = answered
    known = {"advantages": torch.zeros(2), "sampled": now - torch.log(torch.tensor(2.0)), "reference": now - 1}
    made = Grpo(Likes(), loss_type="grpo", beta=0.1, importance_sampling_correction=True).objective
    loss = made(policy, batch, known, made.totals([row])).loss.item()
    assert loss == pytest.approx(0.1 * math.exp(-1), rel=1e-4)  # e^(q - p) - (q - p) - 1, as TRL: not twice that


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"loss_type": "dappo"}, "Did you mean 'dapo'"),
        ({"importance_sampling_level": "sentence"}, "Choose one of: token, sequence"),
        ({"scale_rewards": "std"}, "Choose one of: group, batch, none"),
        ({"num_generations": 1}, "others of its group"),
        ({"num_iterations": 0}, "num_iterations of at least 1"),
        ({"epsilon": 0}, "epsilon in"),
        ({"delta": 1.1}, "delta above"),
        ({"sampling": {"top_p": 0.9}}, "top_p must be 1"),
        ({"beta": -1}, "beta of at least 0"),
        ({"collapse": {"kl": 3}}, "max_kl"),
    ],
)
def test_wrong_options_are_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        Grpo(Likes(), **options)


def test_a_collapse_stops_it(llava_next, images, pairs, tmp_path):
    policy = Talker(llava_next)
    policy.stopped = "length"
    done = Grpo(Likes("o"), num_generations=4, training={**FAST, "epochs": 5}).align(policy, pairs, images, tmp_path)
    assert done.step == 3 and any("collapse: 100% of the answers run into the token limit" in note for note in done.notes)


def test_reference_and_old_policy_are_taken_at_the_temperature_of_the_draws(llava_next, images, pairs, tmp_path):
    options = {"beta": 0.1, "num_iterations": 2, "num_generations": 4, "sampling": {"temperature": 0.5}}
    done = Grpo(Likes("o"), **options, training={**FAST, "max_steps": 2}).align(Talker(llava_next), pairs, images, tmp_path)
    learned = [row for row in done.log if "loss" in row]
    assert learned[0]["objective/kl"] == pytest.approx(0, abs=1e-4) and learned[0]["clip_ratio/region_mean"] == 0
