"""A loss of another distribution is tried on two made-up pairs: one number a pair, with a gradient, before any training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alignment.aligners._preference import preference
from harness.core.errors import ConfigError
from tests.guest import installed

LOSS = """
from torch import relu
from harness.core import registry
from alignment.batching.logps import PairLogps, PairLoss, rewards

@registry.loss
def mine(policy, reference, *, beta=0.1):
    chosen, rejected = rewards(policy, reference, beta)
    loss = relu(1.0 - (chosen - rejected))
    return {made}
"""
DETACHED = "chosen.detach(), rejected.detach()"


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    def look(made: str) -> None:
        with installed(tmp_path, {"loss_pack.py": LOSS.format(made=made)}, {"mine": "loss_pack"}, "loss"):
            preference("mine")

    yield look
    sys.modules.pop("loss_pack", None)


WRONG = {
    r"`loss` of two pairs is the shape \(\); it must be a tensor of one number a pair": f"PairLoss(loss.mean(), {DETACHED})",
    r"`loss` of two pairs is the shape \(2, 2\)": f"PairLoss(loss[:, None] - loss[None, :], {DETACHED})",
    r"`loss` of two pairs is the shape \(1,\)": f"PairLoss(loss[:1], {DETACHED})",
    r"`loss` of two pairs is 1\.0": f"PairLoss(1.0, {DETACHED})",
    r"`chosen_reward` of two pairs is 0\.0": "PairLoss(loss, 0.0, rejected.detach())",
    r"returns tensor.*, not a PairLoss": "loss",
    r"returns None, not a PairLoss": "None",
    r"its loss carries no gradient": f"PairLoss(loss.detach(), {DETACHED})",
    r"is not a finite number": f"PairLoss(loss * float('nan'), {DETACHED})",
    r"fails for two made-up pairs: ZeroDivisionError": "1 / 0",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_loss_that_would_be_another_one_in_training_is_refused(words: str, tried: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=f"The loss mine:? ?{words}"):
        tried(WRONG[words])


def test_one_number_a_pair_is_fine(tried: Callable[[str], None]) -> None:
    tried(f"PairLoss(loss, {DETACHED})")


def test_a_loss_may_compute_in_place_as_it_may_in_training(tried: Callable[[str], None]) -> None:
    tried(f"PairLoss(-policy.chosen.sub_(1.0), {DETACHED})")
