"""The GRPO family against TRL's own trainer: advantages within 1e-6, losses within 1e-6, gradients within 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from alignment.batching.logps import answer_logps
from alignment.losses._group.advantages import advantages, undecided
from alignment.losses._group.grpo import Surrogate, share, token_loss
from alignment.losses._group.rloo import leave_one_out, penalised, rloo_loss

DATA = Path(__file__).parents[1] / "data" / "golden_losses"
GOLDEN, RLOO = (json.loads((DATA / name).read_text()) for name in ("grpo.json", "rloo.json"))
CASES = [pytest.param(c, id=c["id"]) for c in GOLDEN["cases"]]
OPTIONS = ("loss_type", "epsilon", "epsilon_high", "delta", "importance_sampling_level", "beta", "use_bias_correction_kl")


def flat(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor([value for row in rows for value in row], dtype=torch.float64)


@pytest.mark.parametrize("case", CASES)
def test_advantages_are_those_of_trl(case):
    options = case["options"]
    rewards = torch.tensor([[float(value) for value in row] for row in GOLDEN["inputs"][case["input"]]["rewards"]])
    got = advantages(
        rewards,
        GOLDEN["group_size"],
        weights=options["reward_weights"],
        scale_rewards=options["scale_rewards"],
        aggregation=options["multi_objective_aggregation"],
    )
    torch.testing.assert_close(got, torch.tensor(case["advantages_float32"]), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_trl(case):
    given: dict[str, Any] = GOLDEN["inputs"][case["input"]]
    made = Surrogate(**{name: case["options"][name] for name in OPTIONS}, max_completion_length=32)
    lengths = torch.tensor([len(row) for row in given["policy_token_logps"]])
    answer = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    policy = flat(given["policy_token_logps"]).requires_grad_()
    gains = torch.tensor(case["advantages_float32"], dtype=torch.float64)
    old, reference = flat(given["old_token_logps"]), flat(given["ref_token_logps"])
    found = token_loss(made, policy, old, reference, gains, answer)
    loss = (found.loss * share(made, lengths, len(lengths), int(lengths.sum()))[answer]).sum()
    loss.backward()
    within = 2e-6 if made.loss_type == "sapo" else 1e-6
    assert loss.item() == pytest.approx(case["loss"], abs=within, rel=within)
    torch.testing.assert_close(policy.grad, flat(case["grad_policy_tokens"]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in RLOO["cases"]])
def test_rloo_is_that_of_trl(case):
    given, options = RLOO["inputs"][case["input"]], case["options"]
    lengths = torch.tensor([len(row) for row in given["policy_token_logps"]])
    answer, n = torch.repeat_interleave(torch.arange(len(lengths)), lengths), len(lengths)
    policy = flat(given["policy_token_logps"]).requires_grad_()
    now, old, reference = (
        answer_logps(tokens, answer, n) for tokens in (policy, flat(given["old_token_logps"]), flat(given["ref_token_logps"]))
    )
    rewards = torch.tensor([[float(value) for value in row] for row in given["rewards"]], dtype=torch.float64)
    whole = penalised(rewards, old - reference, options["beta"], options["reward_weights"], options["reward_clip_range"])
    gains = leave_one_out(whole, [RLOO["group_size"]] * (n // RLOO["group_size"]), options["normalize_advantages"])
    torch.testing.assert_close(gains.float(), torch.tensor(case["advantages_float32"]), atol=2e-6, rtol=1e-5)
    gains = torch.tensor(case["advantages_float32"], dtype=torch.float64)
    loss = rloo_loss(now, old, gains, epsilon=options["epsilon"], epsilon_high=options["epsilon_high"]).mean()
    loss.backward()
    assert loss.item() == pytest.approx(case["loss"], abs=1e-6, rel=1e-6)
    torch.testing.assert_close(policy.grad, flat(case["grad_policy_tokens"]), atol=1e-5, rtol=1e-5)


def test_rewards_are_clipped_before_the_divergence_is_taken_off():
    assert penalised(torch.tensor([[5.0]]), torch.tensor([2.0]), 0.5, clip=(-1.0, 1.0)).tolist() == [0.0]


def test_a_group_of_equal_rewards_is_undecided():
    nan = float("nan")
    rewards = torch.tensor([[1.0], [1.0], [0.0], [1.0], [nan], [0.5], [nan], [nan]])
    assert undecided(rewards, 2).tolist() == [True, False, True, True]


def test_the_advantage_is_the_distance_to_the_group_in_its_deviations():
    got = advantages(torch.tensor([[0.0], [1.0], [2.0]]), 3)
    assert got.tolist() == pytest.approx([-1 / 1.0001, 0.0, 1 / 1.0001])
    assert advantages(torch.tensor([[0.0], [1.0], [2.0]]), 3, scale_rewards="none").tolist() == [-1.0, 0.0, 1.0]
