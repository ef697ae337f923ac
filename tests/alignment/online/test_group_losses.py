"""The GRPO family against TRL's own trainer: advantages within 1e-6, losses within 1e-6, gradients within 1e-5."""

from __future__ import annotations

import json
import math
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


def flat(rows: list[list[float]], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor([value for row in rows for value in row], dtype=dtype)


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


def grouped(case: dict[str, Any], dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and tokens' log-probabilities (a leaf), all of one precision."""
    given: dict[str, Any] = GOLDEN["inputs"][case["input"]]
    made = Surrogate(**{name: case["options"][name] for name in OPTIONS}, max_completion_length=32)
    lengths = torch.tensor([len(row) for row in given["policy_token_logps"]])
    answer = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    policy, old, reference = (flat(given[f"{name}_token_logps"], dtype) for name in ("policy", "old", "ref"))
    gains = torch.tensor(case["advantages_float32"], dtype=dtype)
    found = token_loss(made, policy.requires_grad_(), old, reference, gains, answer)
    weight = share(made, lengths, len(lengths), int(lengths.sum())).to(dtype)
    return (found.loss * weight[answer]).sum(), policy


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_trl(case):
    loss, policy = grouped(case, torch.float64)
    loss.backward()
    within = 2e-6 if case["options"]["loss_type"] == "sapo" else 1e-6
    assert loss.item() == pytest.approx(case["loss"], abs=within, rel=within)
    torch.testing.assert_close(policy.grad, flat(case["grad_policy_tokens"]), atol=1e-5, rtol=1e-5)


def test_a_token_is_clipped_where_its_ratio_is_beyond_the_clip_in_the_direction_of_its_advantage():
    ratios, gains = torch.tensor([0.5, 0.5, 2.0, 2.0, 1.1]), torch.tensor([-1.0, 1.0, -1.0, 1.0, 1.0])
    made = Surrogate("grpo", epsilon=0.2, max_completion_length=32)
    found = token_loss(made, ratios.log(), torch.zeros(5), None, gains, torch.arange(5))
    assert found.clipped.tolist() == [True, False, False, True, False]
    none = token_loss(made, ratios.log(), torch.zeros(5), None, torch.zeros(5), torch.arange(5))
    assert not none.clipped.any()  # an advantage of 0 has no direction


def test_cispo_counts_the_weights_at_their_cap_and_sapo_and_vespo_clip_nothing():
    ratios, gains = torch.tensor([1.1, 6.0, 6.0]), torch.tensor([1.0, 1.0, -1.0])
    clipped = {}
    for name in ("cispo", "sapo", "vespo"):
        made = Surrogate(name, epsilon_high=5.0, max_completion_length=32)
        clipped[name] = token_loss(made, ratios.log(), torch.zeros(3), None, gains, torch.arange(3)).clipped
    assert clipped["cispo"].tolist() == [False, True, False] and clipped["sapo"] is None and clipped["vespo"] is None


@pytest.mark.parametrize(("loss_type", "wanted"), [("grpo", [False, True]), ("cispo", [False, True])])
def test_where_an_answer_has_one_ratio_answers_are_counted_and_not_their_tokens(loss_type, wanted):
    # TRL 1.16, global_masked_mean: "one value per sequence"; the short answer is a half of them and not a quarter
    made = Surrogate(loss_type, epsilon_high=1.5, importance_sampling_level="sequence", max_completion_length=32)
    log_ratios, answer = torch.tensor([2.0, -1.9, 0.1, 1.5]), torch.tensor([0, 0, 0, 1])
    found = token_loss(made, log_ratios, torch.zeros(4), None, torch.ones(2), answer)
    assert found.clipped.tolist() == wanted and found.loss.shape == (4,)


def test_a_ratio_is_counted_as_clipped_behind_its_cap():
    # TRL 1.16 caps coef_1 before it counts: a cap within the clip leaves nothing beyond it, one outside changes nothing
    ratios, gains = torch.tensor([2.0, 0.5]), torch.tensor([1.0, -1.0])
    counts = []
    for delta in (1.4, 1.6):
        made = Surrogate("grpo", epsilon_high=0.5, delta=delta)
        counts.append(token_loss(made, ratios.log(), torch.zeros(2), None, gains, torch.arange(2)).clipped.tolist())
    assert counts == [[False, True], [True, True]]


@pytest.mark.parametrize("corrected", [True, False])
def test_the_logged_divergence_is_the_one_of_the_loss(corrected):
    # TRL 1.16: per_token_kl times the ratio under use_bias_correction_kl, then both logged and added to the loss
    policy, old, reference = (torch.tensor(values) for values in ([-1.0, -2.0], [-1.5, -1.0], [-0.5, -2.5]))
    made = Surrogate("grpo", beta=0.1, use_bias_correction_kl=corrected)
    found = token_loss(made, policy, old, reference, torch.zeros(2), torch.tensor([0, 1]))
    gap = reference - policy
    wanted = (gap.exp() - gap - 1) * ((policy - old).exp() if corrected else 1.0)
    torch.testing.assert_close(found.kl, wanted)
    torch.testing.assert_close(found.loss, 0.1 * wanted)


@pytest.mark.parametrize("case", CASES)
def test_losses_in_single_precision_are_those_of_trl(case):
    loss, _ = grouped(case, torch.float32)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(case["loss_float32"], abs=1e-5, rel=1e-5)


def left_one_out(case: dict[str, Any], dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss, tokens' log-probabilities (a leaf) and advantages, which the loss takes from TRL."""
    given, options = RLOO["inputs"][case["input"]], case["options"]
    lengths = torch.tensor([len(row) for row in given["policy_token_logps"]])
    answer, n = torch.repeat_interleave(torch.arange(len(lengths)), lengths), len(lengths)
    tokens = [flat(given[f"{name}_token_logps"], dtype) for name in ("policy", "old", "ref")]
    tokens[0].requires_grad_()
    now, old, reference = (answer_logps(each, answer, n) for each in tokens)
    rewards = torch.tensor([[float(value) for value in row] for row in given["rewards"]], dtype=dtype)
    whole = penalised(rewards, old - reference, options["beta"], options["reward_weights"], options["reward_clip_range"])
    gains = leave_one_out(whole, [RLOO["group_size"]] * (n // RLOO["group_size"]), options["normalize_advantages"])
    known = torch.tensor(case["advantages_float32"], dtype=dtype)
    loss = rloo_loss(now, old, known, epsilon=options["epsilon"], epsilon_high=options["epsilon_high"]).mean()
    return loss, tokens[0], gains


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in RLOO["cases"]])
def test_rloo_is_that_of_trl(case):
    loss, policy, gains = left_one_out(case, torch.float64)
    torch.testing.assert_close(gains.float(), torch.tensor(case["advantages_float32"]), atol=2e-6, rtol=1e-5)
    loss.backward()
    assert loss.item() == pytest.approx(case["loss"], abs=1e-6, rel=1e-6)
    torch.testing.assert_close(policy.grad, flat(case["grad_policy_tokens"]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in RLOO["cases"]])
def test_rloo_in_single_precision_is_that_of_trl(case):
    loss, _, _ = left_one_out(case, torch.float32)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(case["loss_float32"], abs=1e-5, rel=1e-5)


def test_rewards_are_clipped_before_the_divergence_is_taken_off():
    assert penalised(torch.tensor([[5.0]]), torch.tensor([2.0]), 0.5, clip=(-1.0, 1.0)).tolist() == [0.0]


def test_a_group_of_equal_rewards_is_undecided():
    nan = float("nan")
    rewards = torch.tensor([[1.0], [1.0], [0.0], [1.0], [nan], [0.5], [nan], [nan]])
    assert undecided(rewards, 2).tolist() == [True, False, True, True]
    two_functions = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.5]])
    assert undecided(two_functions, 2).tolist() == [True, False]  # each function is compared with itself


def test_the_advantage_is_the_distance_to_the_group_in_its_deviations():
    got = advantages(torch.tensor([[0.0], [1.0], [2.0]]), 3)
    assert got.tolist() == pytest.approx([-1 / 1.0001, 0.0, 1 / 1.0001])
    assert advantages(torch.tensor([[0.0], [1.0], [2.0]]), 3, scale_rewards="none").tolist() == [-1.0, 0.0, 1.0]


def test_vespo_cuts_the_log_ratio_of_each_token_at_twenty_nats():
    old, policy = torch.zeros(2, dtype=torch.float64), torch.tensor([-30.0, 20.0], dtype=torch.float64)
    found = token_loss(Surrogate("vespo"), policy, old, None, torch.tensor([1.0]), torch.tensor([0, 0]))
    assert found.loss.tolist() == [30.0, -20.0]  # their product counts as 1, whose weight is 1: -A log p


def corrected(correction: list[float] | None, **options: Any) -> list[float]:
    """Losses of two answers, of two tokens and one, whose policy moved by 0.1 nats a token and whose reference is 1 nat off."""
    old, answer = torch.tensor([-1.0, -2.0, -0.5], dtype=torch.float64), torch.tensor([0, 0, 1])
    gains = torch.tensor([1.0, -1.0], dtype=torch.float64)
    factor = None if correction is None else torch.tensor(correction, dtype=torch.float64)
    return token_loss(Surrogate(**options), old + 0.1, old, old - 0.9, gains, answer, factor).loss.tolist()


@pytest.mark.parametrize("loss_type", ["grpo", "cispo", "sapo", "luspo"])
def test_the_correction_for_the_sampler_weighs_the_surrogate_and_not_the_divergence(loss_type):
    # TRL 1.16, _compute_loss: the policy term times the ratio, then + beta * per_token_kl
    options = {"loss_type": loss_type, "epsilon_high": 5.0 if loss_type == "cispo" else None}
    surrogate = corrected(None, beta=0.0, **options)
    penalty = [both - own for both, own in zip(corrected(None, beta=0.2, **options), surrogate, strict=True)]
    assert min(penalty) > 0.05
    wanted = [own * factor + kl for own, factor, kl in zip(surrogate, (2.0, 0.5, 3.0), penalty, strict=True)]
    assert corrected([2.0, 0.5, 3.0], beta=0.2, **options) == pytest.approx(wanted)


def test_vespo_makes_its_weight_of_the_corrected_ratio():
    # w = exp(0.1 + 0.1) * 2 * 3 and exp(0.1) * 0.5; e^l w^k e^(-l w), (k, l) = (2, 3) and (3, 2): TRL's get_gamma_weights
    first, second = 6 * math.exp(0.2), 0.5 * math.exp(0.1)
    weights = math.exp(3) * first**2 * math.exp(-3 * first), math.exp(2) * second**3 * math.exp(-2 * second)
    wanted = [-weights[0] * -0.9, -weights[0] * -1.9, weights[1] * -0.4]
    assert corrected([2.0, 3.0, 0.5], loss_type="vespo") == pytest.approx(wanted)
