"""Losses that contrast images against the authors' own functions: values within 1e-6, gradients within 1e-5."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from alignment.batching import logps
from alignment.batching.collate import Batch
from alignment.batching.logps import ImageLogps, PairLoss, answer_logps
from alignment.contrast.token_terms import TokenTerms, position_kl, segment_weights
from alignment.losses._image.chip import chip
from alignment.losses._image.mdpo import mdpo
from alignment.losses._image.symmpo import symmpo
from alignment.losses._image.vdpo import vdpo
from harness.core.errors import TrainingError
from tests.alignment.tiny import TinyPolicy

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


END_TO_END = json.loads((DATA / "chip_end_to_end.json").read_text())


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in END_TO_END["cases"]])
def test_chip_s_tokens_are_those_of_its_authors(case):
    """From full logits; with weights the number to match is that of reference values weighted like the policy's."""
    given, options = END_TO_END["inputs"][case["input"]], case["options"]
    n = given["prompt_tokens"]
    ids = [given["win_ids"][n:], given["rej_ids"][n:], given["win_ids"][n:]]

    def states(rows: Any) -> torch.Tensor:  # logits stand for hidden states, under the identity as head
        parts = [torch.tensor(row, dtype=torch.float64)[n - 1 :][: len(own)] for row, own in zip(rows, ids, strict=True)]
        return torch.cat(parts)

    policy = states(given["policy_logits"]).requires_grad_()
    reference = states([*given["ref_logits"], given["ref_bad_image_logits"][0]])
    head = torch.nn.Linear(6, 6, bias=False, dtype=torch.float64)
    head.weight.data = torch.eye(6, dtype=torch.float64)
    answer = torch.cat([torch.full((len(own),), i) for i, own in enumerate(ids)])
    targets = torch.tensor([token for own in ids for token in own])
    batch = Batch(*(torch.zeros(0) for _ in range(3)), {}, torch.zeros(0), targets, answer, (3,))
    terms = TokenTerms(options["tok_beta"], options["dpo_token_weight"] if options["dpo_token_weighted"] else 1.0)
    tokens = [of.log_softmax(-1).gather(-1, targets[:, None]).squeeze(-1) for of in (policy, reference)]
    now, base = (terms.sums(of, batch, [(0, 1, 2)]) for of in tokens)
    kl = answer_logps(position_kl(policy, reference, head, head), answer, 3)
    if not options["dpo_token_weighted"]:
        near(torch.stack([now.chosen[0], now.rejected[0], now.chosen_elsewhere[0]]).detach(), case["policy_logps"], 1e-6)
        near(torch.stack([base.chosen[0], base.rejected[0]]), case["ref_logps"], 1e-6)
    near(kl[:2].detach(), case["position_kl"], 1e-6)
    given_kl = (kl[:1], kl[1:2]) if options["use_tdpo"] else ()
    got = chip(now, base, *given_kl, beta=options["beta"], tok_beta=options["tok_beta"])
    got.loss.sum().backward()
    near(got.loss.detach()[0], case.get("loss_with_weighted_reference_tokens") or case["loss"], 1e-6)
    if "quirk" not in case:
        wanted = [torch.tensor(row)[n - 1 :][: len(own)] for row, own in zip(case["grad_policy_logits"], ids, strict=True)]
        near(policy.grad, torch.cat(wanted).tolist(), 1e-5)


def test_tokens_that_differ_weigh_more_where_fewer_than_three_match():
    chosen, rejected = segment_weights([1, 2, 7, 3, 4, 5, 9, 9], [1, 2, 8, 3, 4, 5, 6, 9], 3.0)
    assert chosen.tolist() == [1, 1, 3, 1, 1, 1, 3, 3] and rejected.tolist() == [1, 1, 3, 1, 1, 1, 3, 3]
    assert segment_weights([1, 2], [1, 3], 1.1)[0].tolist() == [1.0, 1.1015625]  # kept in bfloat16


def test_vdpo_is_the_mean_of_three_terms():
    zero = torch.tensor([0.0])
    reference = ImageLogps(zero, zero, zero, rejected_elsewhere=zero)
    policy = ImageLogps(*(torch.tensor([value]) for value in (2.0, -1.0, 0.5)), rejected_elsewhere=torch.tensor([1.0]))
    got = vdpo(policy, reference, beta=0.5)
    wanted = sum(math.log(1 + math.exp(-0.5 * m)) for m in (2 - -1, 2 - 0.5, 1 - -1)) / 3
    assert got.loss.item() == pytest.approx(wanted) and got.chosen_reward.item() == 1.0
    with pytest.raises(TrainingError, match="behind the damaged image"):
        vdpo(policy._replace(rejected_elsewhere=None), reference)


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


def test_what_one_answer_has_beyond_the_other_weighs_more():
    chosen, rejected = segment_weights([1, 2], [1, 2, 3, 4, 5, 6], 2.0)
    assert chosen.tolist() == [1, 1] and rejected.tolist() == [1, 1, 2, 2, 2, 2]


def test_the_divergence_of_positions_is_the_same_in_small_chunks(monkeypatch):
    draw = torch.Generator().manual_seed(0)
    states, reference = (torch.randn(7, 5, generator=draw, dtype=torch.float64) for _ in range(2))
    heads = [torch.nn.Linear(5, 11, bias=False, dtype=torch.float64) for _ in range(2)]
    logits = [head(at).log_softmax(-1) for head, at in zip(heads, (states, reference), strict=True)]
    wanted = (logits[1].exp() * (logits[1] - logits[0])).sum(-1)
    monkeypatch.setattr(logps, "LOGITS_AT_ONCE", 11 * 3)  # three positions at a time
    got = position_kl(states, reference, *heads)
    torch.testing.assert_close(got, wanted)
    for value in (got, wanted):
        value.sum().backward(retain_graph=True)
    torch.testing.assert_close(heads[0].weight.grad, 2 * torch.autograd.grad(wanted.sum(), heads[0].weight)[0])


def test_the_head_of_the_reference_is_a_copy_that_does_not_train(llava_next):
    policy, terms = TinyPolicy(llava_next), TokenTerms(tok_beta=0.1)
    terms.keep_head(policy)
    before = policy.head().weight.detach().clone()
    with torch.no_grad():
        policy.head().weight += 1
    assert torch.equal(terms.head.weight, before) and not terms.head.weight.requires_grad


@pytest.mark.parametrize("loss", [mdpo, chip, symmpo, vdpo])
def test_the_logged_rewards_are_beta_times_the_log_ratios(loss):
    zero = torch.zeros(1)
    reference = ImageLogps(*[zero] * 6)
    policy = ImageLogps(torch.tensor([2.0]), torch.tensor([-3.0]), *[torch.tensor([0.5])] * 4)
    got = loss(policy, reference, beta=0.2)
    assert (got.chosen_reward.item(), got.rejected_reward.item()) == (pytest.approx(0.4), pytest.approx(-0.6))
