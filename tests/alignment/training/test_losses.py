"""Every loss, by hand: values that a pencil can check."""

from math import exp, log

import pytest
from pytest import approx
from torch import tensor

from alignment.batching.logps import PairLogps, each
from alignment.losses._traits import traits_of
from harness.core import registry
from harness.core.errors import TrainingError

SAME = PairLogps(tensor([-3.0]), tensor([-7.0]), tensor([3]), tensor([7]))
# margin: ((-10 + 20) - (-30 + 20)) = 20 nats
AHEAD = PairLogps(tensor([-10.0]), tensor([-30.0]), tensor([5]), tensor([10]))
BASE = PairLogps(tensor([-20.0]), tensor([-20.0]), tensor([5]), tensor([10]))


def cost(name: str, policy: PairLogps = AHEAD, reference: PairLogps = BASE, **options: float) -> float:
    return registry.get("loss", name)(policy, reference, **options).loss.item()


@pytest.mark.parametrize("name", ["dpo", "cdpo", "robust"])
def test_before_training_every_pair_costs_log_two(name):
    assert cost(name, SAME, SAME) == approx(log(2))


def test_dpo_of_a_margin_of_twenty_nats_at_beta_a_tenth():
    assert cost("dpo", beta=0.1) == approx(log(1 + exp(-2)))


def test_cdpo_mixes_both_directions():
    assert cost("cdpo", beta=0.1, flip=0.25) == approx(0.75 * log(1 + exp(-2)) + 0.25 * log(1 + exp(2)))


def test_robust_subtracts_the_wrong_direction_and_rescales():
    assert cost("robust", beta=0.1, flip=0.25) == approx((0.75 * log(1 + exp(-2)) - 0.25 * log(1 + exp(2))) / 0.5)


def test_ipo_measures_nats_per_token():
    assert cost("ipo", beta=0.1) == approx((10 / 5 + 10 / 10 - 5) ** 2)


def test_ipo_sum_measures_nats():
    assert cost("ipo_sum", beta=0.1) == approx((20 - 5) ** 2)


def test_slic_is_flat_beyond_the_margin():
    assert cost("slic", beta=0.1) == 0
    assert cost("slic", beta=0.02) == approx(1 - 0.02 * 20)


def test_avg_dpo_is_equation_five():
    twice = [PairLogps(*(t.repeat(2) for t in side[:4]), rank=tensor([0, 1])) for side in (AHEAD, BASE)]
    twice[0] = twice[0]._replace(rejected=tensor([-30.0, -20.0]))  # margins 20 and 10
    got = registry.get("loss", "avg_dpo")(*twice, beta=0.1, gamma=0.3).loss.mean().item()
    assert got == approx(0.3 * log(1 + exp(-2)) + 0.7 * log(1 + exp(-1)))


def test_avg_dpo_refuses_pairs_with_one_rejected_answer():
    with pytest.raises(TrainingError, match="exactly two"):
        cost("avg_dpo", AHEAD._replace(rank=tensor([0])))


@pytest.mark.parametrize("name", [n for n in registry.names("loss") if traits_of(registry.get("loss", n)).reference])
def test_rewards_are_beta_times_the_log_ratios(name):
    two = tensor([0, 1])
    policy, reference = (PairLogps(*(t.repeat(2) for t in side[:4]), rank=two) for side in (AHEAD, BASE))
    policy = policy._replace(chosen=policy.chosen.requires_grad_(), rejected=policy.rejected.requires_grad_())
    got = registry.get("loss", name)(policy, reference, beta=0.1)
    assert got.chosen_reward.tolist() == approx([1.0, 1.0]) and got.rejected_reward.tolist() == approx([-1.0, -1.0])
    assert got.loss.requires_grad and not got.chosen_reward.requires_grad and not got.rejected_reward.requires_grad


def test_a_change_of_every_tensor_leaves_none_out():
    pairs = PairLogps(*(tensor([float(n)]) for n in range(5)))
    assert [None if v is None else v[0].item() for v in each(pairs, lambda value: value + 10)] == [10, 11, 12, 13, 14, None]
