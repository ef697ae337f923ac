"""Parity with TRL 1.16 on the golden set: log-probabilities, losses, gradients, plain and shared-prefix rows alike."""

import json

import pytest
import torch
from safetensors.torch import load_file

from alignment.aligners._preference import preference
from alignment.batching.collate import Row, answer_tokens, collate, pair_logps, score
from alignment.batching.logps import PairLogps
from alignment.training.objectives import Totals
from harness.core import registry
from tests.alignment.tiny import GOLDEN, TinyPolicy, golden_pairs, plain_rows

EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
FULL = EXPECTED["cases"]["full"]
LOSSES = {  # our name and options -> the golden name
    "sigmoid": ("dpo", {}),
    "ipo": ("ipo", {}),
    "hinge": ("slic", {}),
    "robust_ls0.1": ("robust", {"flip": 0.1}),
    "sigmoid_norm": ("sigmoid_norm", {}),
    "apo_zero": ("apo_zero", {}),
    "derived_ipo_unnormalised(online-DPO form)": ("ipo_sum", {}),
    "derived_cdpo_sigmoid_ls0.1(trl<1.0 form)": ("cdpo", {"flip": 0.1}),
}


def golden_policy(name: str, dtype: torch.dtype = torch.float32, dense: bool = False) -> TinyPolicy:
    return TinyPolicy(GOLDEN / name, GOLDEN / "processor", dtype, dense)


def golden_rows(policy: TinyPolicy) -> list[Row]:
    return [
        Row(
            pair["id"],
            policy.prompt_with([GOLDEN / i for i in pair["images"]], pair["prompt"][0]["content"]),
            tuple(policy.answer_ids(None, "", pair[side][0]["content"]) for side in ("chosen", "rejected")),
        )
        for pair in golden_pairs()
    ]


def logps(policy: TinyPolicy, rows: list[Row], *, plain: bool) -> PairLogps:
    batch = collate([p for r in rows for p in plain_rows(r)] if plain else rows, policy.pad_token_id)
    return pair_logps(score(policy, batch), answer_tokens(batch), [len(r.answers) for r in rows])


def worst(got: torch.Tensor, wanted: list[float]) -> float:
    return float((got.detach().double() - torch.tensor(wanted, dtype=torch.float64)).abs().max())


@pytest.fixture(scope="module")
def both() -> tuple[PairLogps, PairLogps]:
    policy, reference = golden_policy("policy"), golden_policy("reference")
    rows = golden_rows(policy)
    with torch.no_grad():
        return logps(policy, rows, plain=False), logps(reference, rows, plain=False)


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "shared"])
@pytest.mark.parametrize(
    ("dtype", "prefix", "within"), [(torch.float32, "trl", 1e-3), (torch.float64, "f64", 1e-4)], ids=["f32", "f64"]
)
@pytest.mark.parametrize("model", ["policy", "reference"])
@pytest.mark.parametrize("dense", [False, True], ids=["segments", "dense"])
def test_log_probabilities_are_those_of_trl(model, dtype, prefix, within, plain, dense):
    policy = golden_policy(model, dtype, dense)
    with torch.no_grad():
        got = logps(policy, golden_rows(policy), plain=plain)
    short = "ref" if model == "reference" else "policy"
    assert worst(got.chosen, FULL[f"{prefix}_{short}_chosen_logps"]) < within
    assert worst(got.rejected, FULL[f"{prefix}_{short}_rejected_logps"]) < within
    assert got.chosen_tokens.tolist() == FULL["chosen_len"]
    assert got.rejected_tokens.tolist() == FULL["rejected_len"]


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "shared"])
def test_answers_cut_by_a_length_limit_score_as_in_trl(plain):
    case, tensors = EXPECTED["cases"]["max_length_64"], load_file(GOLDEN / "max_length_64.safetensors")
    policy, rows = golden_policy("policy"), golden_rows(golden_policy("policy"))
    kept = tensors["completion_mask"].sum(1).tolist()  # rows 0-3 chosen, 4-7 rejected
    cut = [Row(r.id, r.prompt, (r.answers[0][: kept[i]], r.answers[1][: kept[i + 4]])) for i, r in enumerate(rows)]
    with torch.no_grad():
        got = logps(policy, cut, plain=plain)
    assert worst(got.chosen, case["trl_policy_chosen_logps"]) < 1e-3
    assert worst(got.rejected, case["trl_policy_rejected_logps"]) < 1e-3


@pytest.mark.parametrize("golden", LOSSES)
def test_losses_are_those_of_trl(golden, both):
    name, options = LOSSES[golden]
    loss = registry.get("loss", name)(*both, beta=0.1, **options).loss
    case = FULL["losses"][golden]
    assert worst(loss, case["f64_per_pair"]) < (1e-3 if "ipo" in name else 1e-4)
    if "trl_per_pair" in case:
        assert worst(loss, case["trl_per_pair"]) < (1e-3 if "ipo" in name else 1e-4)


def test_a_mixture_is_that_of_trl(both):
    case, n = FULL["losses"]["sigmoid+0.5*sft"], len(both[0].chosen)
    part = preference("dpo", 0.1, sft_weight=0.5).addend(*both, Totals(n, int(both[0].chosen_tokens.sum())))
    assert part.loss.item() == pytest.approx(case["trl_loss_mean"], abs=1e-4)


def test_logged_rewards_are_those_of_trl(both):
    got, wanted = registry.get("loss", "dpo")(*both, beta=0.1), FULL["losses"]["sigmoid"]["trl_metrics"]
    assert got.chosen_reward.mean().item() == pytest.approx(wanted["rewards/chosen"], abs=1e-4)
    assert got.rejected_reward.mean().item() == pytest.approx(wanted["rewards/rejected"], abs=1e-4)


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "shared"])
def test_gradients_are_those_of_trl(plain, both):
    policy = golden_policy("policy")
    registry.get("loss", "dpo")(logps(policy, golden_rows(policy), plain=plain), both[1], beta=0.1).loss.mean().backward()
    wanted = load_file(GOLDEN / "policy_grad_sigmoid_full.safetensors")
    grads = {n: p.grad for n, p in policy.module.named_parameters() if p.grad is not None}
    assert wanted.keys() <= grads.keys()
    assert max(float((grads[n] - w).abs().max()) for n, w in wanted.items()) < 1e-5
