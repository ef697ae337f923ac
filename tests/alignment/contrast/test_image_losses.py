"""Losses that contrast images against the authors' own functions: values within 1e-6, gradients within 1e-5."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from alignment.batching.logps import ImageLogps, PairLoss
from alignment.losses._image.chip import chip
from alignment.losses._image.mdpo import mdpo
from alignment.losses._image.symmpo import symmpo
from harness.core.errors import TrainingError

DATA = Path(__file__).parents[1] / "data" / "golden_losses"
FILES = {name: json.loads((DATA / f"{name}.json").read_text()) for name in ("mdpo", "symmpo", "chip")}
NAMES = {  # of a golden file, in the order of ImageLogps
    "mdpo": ("chosen_logps", "rejected_logps", "chosen_without_image_logps"),
    "chip": ("chosen_logps", "rejected_logps", "chosen_bad_image_logps"),
    "symmpo": ("1_w", "1_l", "2_w", "1_2", "2_2"),
}
KL = ("chosen_position_kl", "rejected_position_kl")


def of_mdpo(now: ImageLogps, base: ImageLogps, options: Mapping[str, Any], kl: list[torch.Tensor]) -> PairLoss:
    return mdpo(now, base, beta=options["beta"])


def of_symmpo(now: ImageLogps, base: ImageLogps, options: Mapping[str, Any], kl: list[torch.Tensor]) -> PairLoss:
    return symmpo(now, base, beta=options["beta_1"], beta_2=options["beta_2"], lamda=options["lamda"])


def of_chip(now: ImageLogps, base: ImageLogps, options: Mapping[str, Any], kl: list[torch.Tensor]) -> PairLoss:
    given = {name: options[name] for name in ("beta", "tok_beta", "use_cross_modal_loss")}
    return chip(now, base, *(kl if options["use_tdpo"] else ()), **given)


OURS: dict[str, Callable[..., PairLoss]] = {"mdpo": of_mdpo, "symmpo": of_symmpo, "chip": of_chip}
CASES = [pytest.param(name, case, id=case["id"]) for name, file in FILES.items() for case in file["cases"]]


def near(got: torch.Tensor, wanted: Any, within: float) -> None:
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), atol=within, rtol=within)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_losses_that_contrast_images_are_those_of_their_authors(name, case):
    given = FILES[name]["inputs"][case["input"]]
    tensors = {key: torch.tensor(values, dtype=torch.float64) for key, values in given.items()}
    leaves = {key: tensor.requires_grad_() for key, tensor in tensors.items() if not key.startswith("ref_")}
    now, base = (ImageLogps(*(tensors[f"{model}_{n}"] for n in NAMES[name])) for model in ("policy", "ref"))
    got = OURS[name](now, base, case["options"], [tensors[n] for n in KL if n in tensors])
    got.loss.mean().backward()
    near(got.loss.detach().mean(), case["loss"], 1e-6)
    near(got.loss.detach(), case["per_pair"], 1e-6)
    if "chosen_reward" in case:
        near(got.chosen_reward, case["chosen_reward"], 1e-6)
        near(got.rejected_reward, case["rejected_reward"], 1e-6)
    for key, wanted in case["grad"].items():
        grad = leaves[key].grad
        near(torch.zeros_like(leaves[key]) if grad is None else grad, wanted, 1e-5)


@pytest.mark.parametrize(("loss", "start"), [(mdpo, 3.0), (chip, 1.0)])
def test_where_policy_equals_reference_the_loss_is_a_multiple_of_log_two(loss, start):
    same = ImageLogps(torch.tensor([-3.0]), torch.tensor([-5.0]), torch.tensor([-4.0]))
    assert loss(same, same).loss.item() == pytest.approx(start * 0.6931472)


def test_symmpo_starts_at_its_four_terms_and_needs_the_other_answer():
    three = ImageLogps(torch.tensor([-3.0]), torch.tensor([-5.0]), torch.tensor([-4.0]))
    five = three._replace(other=torch.tensor([-2.0]), other_elsewhere=torch.tensor([-1.0]))
    assert symmpo(five, five, lamda=0.5).loss.item() == pytest.approx(4 * 0.6931472)
    with pytest.raises(TrainingError, match="right for the other image"):
        symmpo(three, three)
