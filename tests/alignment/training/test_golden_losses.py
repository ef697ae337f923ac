"""Losses against the numbers of the official implementations: values within 1e-6 in float64, gradients within 1e-5."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alignment.aligners._preference import preference
from alignment.batching.logps import AnswerLogps, PairLogps, answer_logps, answer_weights, desensitised
from alignment.losses._unpaired.apo_zero_unpaired import apo_zero_unpaired
from alignment.losses._unpaired.kto import kto, mismatch_kl
from alignment.training.objectives import Part, Totals
from alignment.training.preference import Preference
from alignment.training.step_of_pairs import step_of
from harness.core import registry

DATA = Path(__file__).parents[1] / "data" / "golden_losses"
FLIPS = ("exo_pair", "robust", "aot", "aot_unpaired")


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return found


FILES = {name: read(name) for name in ("dpo", "reference_free", "internvl", "kto", "trl_0_10")}


def cases(name: str) -> list[Any]:
    """Without those that are not finite in TRL: exp of a log-ratio of hundreds."""
    return [pytest.param(c, id=c["id"]) for c in FILES[name]["cases"] if not {"inf", "-inf", "nan"} & set(texts(c))]


def texts(value: Any) -> Iterator[str]:
    """All texts in a case, but for its run in float32."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value if isinstance(value, list) else [v for k, v in value.items() if k != "loss_float32"]:
            yield from texts(part)


def flat(rows: list[list[float]], dtype: torch.dtype) -> Tensor:
    return torch.tensor([value for row in rows for value in row], dtype=dtype)


def near(got: Any, wanted: Any, within: float = 1e-6) -> None:
    got, wanted = (torch.as_tensor(value, dtype=torch.float64) for value in (got, wanted))
    torch.testing.assert_close(got, wanted, atol=within, rtol=within)


class Tokens:
    """A golden input as token log-probabilities, answers in the order chosen 1, rejected 1, chosen 2, ..."""

    def __init__(self, given: dict[str, Any], dtype: torch.dtype) -> None:
        self.n = len(given["chosen_tokens"])
        self.lengths = [n for two in zip(given["chosen_tokens"], given["rejected_tokens"], strict=True) for n in two]
        self.answer = torch.repeat_interleave(torch.arange(2 * self.n), torch.tensor(self.lengths))
        self.policy = self._of(given, "policy_{}_token_logps", dtype).requires_grad_()
        self.reference = self._of(given, "ref_{}_token_logps", dtype) if "ref_chosen_token_logps" in given else None
        name = "policy_{}_token_log_sum_sq_probs"
        self.squares = self._of(given, name, dtype) if name.format("chosen") in given else None

    def _of(self, given: dict[str, Any], name: str, dtype: torch.dtype) -> Tensor:
        both = zip(given[name.format("chosen")], given[name.format("rejected")], strict=True)
        return flat([row for two in both for row in two], dtype)

    def sums(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        found = answer_logps(tokens, self.answer, 2 * self.n)
        return found[::2], found[1::2]

    def pairs(self, tokens: Tensor, ld_alpha: float | None = None) -> PairLogps:
        lengths = torch.tensor(self.lengths)
        whole = PairLogps(*self.sums(tokens), lengths[::2], lengths[1::2], torch.zeros(self.n, dtype=torch.long))
        if ld_alpha is None:
            return whole
        pairs = [(2 * i, 2 * i + 1) for i in range(self.n)]
        chosen, rejected = desensitised(tokens, self.lengths, pairs, ld_alpha)
        return whole._replace(chosen=chosen, rejected=rejected, chosen_whole=whole.chosen)

    def weights(self) -> Tensor:
        each = answer_weights(self.policy, self.squares, self.answer, 2 * self.n)
        return each[::2] * each[1::2]

    def gradients(self) -> tuple[list[Tensor], list[Tensor]]:
        parts = torch.split(self.policy.grad, self.lengths)
        return list(parts[::2]), list(parts[1::2])

    def totals(self, **more: Any) -> Totals:
        return Totals(self.n, sum(self.lengths[::2]), **more)


def objective(case: dict[str, Any]) -> Preference:
    options, names = case["options"], case["loss_type"]
    entries = []
    for name, weight in zip(names, options["loss_weights"] or [1.0] * len(names), strict=True):
        entry: dict[str, Any] = {"name": name, "weight": weight}
        if name in FLIPS:
            entry["flip"] = options["label_smoothing"]
        if name == "discopop":
            entry["tau"] = options["discopop_tau"]
        entries.append(entry)
    names_of_options = ("beta", "f_divergence_type", "f_alpha_divergence_coef", "ld_alpha", "use_weighting")
    return preference(entries, **{name: options[name] for name in names_of_options})


@pytest.mark.parametrize("case", cases("dpo"))
def test_pair_losses_mixtures_and_options_are_those_of_trl(case):
    dtype = torch.float64 if case["dtype"] == "float64" else torch.float32
    made, tokens = objective(case), Tokens(FILES["dpo"]["inputs"][case["input"]], dtype)
    now, base = (tokens.pairs(t, made.ld_alpha) for t in (tokens.policy, tokens.reference))
    totals = tokens.totals(step=step_of([(PairLogps(*(v if v is None else v.detach() for v in now)), base)], {}))
    part = made.addend(now, base, totals, tokens.weights() if made.weighted else None)
    part.loss.backward()
    within = 1e-6 if dtype == torch.float64 and "exo_pair" not in case["loss_type"] else 1e-5
    near(part.loss.detach(), case["loss"], within)
    if made.needs_reference:  # TRL makes a reference pass for sft alone too
        near(part.values["rewards/chosen"], case["chosen_reward"], within)
        near(part.values["rewards/rejected"], case["rejected_reward"], within)
    chosen, rejected = tokens.gradients()
    for name, got in (("chosen", chosen), ("rejected", rejected)):
        if wanted := case.get(f"grad_policy_{name}_tokens"):
            for own, row in zip(got, wanted, strict=True):
                near(own, row, 1e-5)
        elif f"grad_policy_{name}" in case:  # every token has the gradient of its answer's sum
            for own, value in zip(got, case[f"grad_policy_{name}"], strict=True):
                near(own, torch.full((len(own),), value), 1e-5)


SINGLE = [one for one in cases("dpo") if isinstance(one.values[0].get("loss_float32"), float)]  # not 0 x inf in discopop


@pytest.mark.parametrize("case", SINGLE)
def test_pair_losses_in_single_precision_are_those_of_trl(case):
    made, tokens = objective(case), Tokens(FILES["dpo"]["inputs"][case["input"]], torch.float32)
    now, base = (tokens.pairs(t, made.ld_alpha) for t in (tokens.policy.detach(), tokens.reference))
    part = made.addend(now, base, tokens.totals(step=step_of([(now, base)], {})), tokens.weights() if made.weighted else None)
    near(part.loss, case["loss_float32"], 1e-5)


def without_reference(case: dict[str, Any], dtype: torch.dtype) -> tuple[Part, Tokens, float]:
    """The part of the loss, its tokens, and what TRL's own loss would be, less that of ours."""
    options, given = case["options"], FILES["reference_free"]["inputs"][case["input"]]
    tokens, beta, apart = Tokens(given, dtype), options["beta"], 0.0
    if case["loss_type"] == "cpo":
        more = {"shape": options["loss_type"], "cpo_alpha": options["cpo_alpha"], "flip": options["label_smoothing"]}
        terms: list[dict[str, Any]] = [{"name": "cpo", **more}]
    elif case["loss_type"] == "orpo":
        terms = [{"name": "orpo"}]  # TRL's likelihood term counts prompt tokens as well, ours the answers alone
        prompt, answers = (sum(map(sum, given[f"policy_{part}_token_logps"])) for part in ("prompt", "chosen"))
        n_prompt, n_answers = sum(given["prompt_tokens"]), sum(given["chosen_tokens"])
        apart = (prompt + answers) / (n_prompt + n_answers) - answers / n_answers
    else:
        more = {"gamma": options["simpo_gamma"], "alpha": options["alpha"], "flip": options["label_smoothing"]}
        terms = [{"name": "simpo", **more}]
        terms += [{"name": "sft", "weight": options["cpo_alpha"]}] if options["cpo_alpha"] else []
    made = preference(terms, max(beta, 0.5) if terms[0]["name"] == "simpo" else beta)
    made = Preference(tuple(t._replace(options={**t.options, "beta": beta}) for t in made.terms))
    assert not made.needs_reference
    now = tokens.pairs(tokens.policy)
    return made.addend(now, now, tokens.totals()), tokens, apart


@pytest.mark.parametrize("case", cases("reference_free"))
def test_losses_without_a_reference_are_those_of_trl(case):
    part, tokens, apart = without_reference(case, torch.float64)
    part.loss.backward()
    near(part.loss.detach(), case["loss"] + apart)
    near(part.values["rewards/chosen"], case["chosen_reward"])
    near(part.values["rewards/rejected"], case["rejected_reward"])
    chosen, rejected = tokens.gradients()
    for own, row in zip(rejected, case["grad_policy_rejected_tokens"], strict=True):
        near(own, row, 1e-5)
    if case["loss_type"] != "orpo":
        for own, row in zip(chosen, case["grad_policy_chosen_tokens"], strict=True):
            near(own, row, 1e-5)


@pytest.mark.parametrize("case", cases("reference_free"))
def test_losses_without_a_reference_in_single_precision_are_those_of_trl(case):
    part, _, apart = without_reference(case, torch.float32)
    assert part.loss.dtype == torch.float32
    near(part.loss.detach(), case["loss_float32"] + apart, 1e-5)


@pytest.mark.parametrize("case", cases("internvl"))
def test_mpo_and_the_running_mean_are_those_of_internvl(case):
    weights, names = case["options"]["loss_weights"], case["loss_type"].split(",")
    ours = {"sigmoid": "dpo", "bco_pair": "bco_pair_running"}
    entries = [{"name": ours[name], "weight": weights.get(name, 1.0)} for name in names]
    entries += [{"name": "sft", "weight": case["options"]["rpo_alpha"]}] if case["options"]["rpo_alpha"] else []
    made, past = preference(entries, case["options"]["beta"]), dict[str, float]()
    for number, step in enumerate(case["steps"], start=1):
        tokens = Tokens(FILES["internvl"]["inputs"][step["input"]], torch.float64)
        now, base = tokens.pairs(tokens.policy), tokens.pairs(tokens.reference)
        view = step_of([(PairLogps(*(v if v is None else v.detach() for v in now)), base)], past)
        part = made.addend(now, base, tokens.totals(step=view))
        part.loss.backward()
        near(part.loss.detach(), step["loss"])
        past = {"step": float(number), **part.figures}
        if "bco/delta" in part.figures:
            near(part.figures["bco/delta"], step["running_mean_after"])
        chosen, rejected = tokens.gradients()
        for name, got in (("chosen", chosen), ("rejected", rejected)):
            for own, row in zip(got, step[f"grad_policy_{name}_tokens"], strict=True):
                near(own, row, 1e-5)


def unpaired(case: dict[str, Any], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor | None]:
    """Loss, answers' log-probabilities (a leaf) and, of kto, the divergence estimate."""
    given, options = FILES["kto"]["inputs"][case["input"]], case["options"]
    weights = {name: options[name] for name in ("beta", "desirable_weight", "undesirable_weight")}

    def sums(name: str) -> Tensor:
        return torch.stack([torch.tensor(row, dtype=dtype).sum() for row in given[name]])

    label = torch.tensor(given["label"], dtype=torch.bool)
    policy = sums("policy_token_logps").requires_grad_()
    now, base = AnswerLogps(policy, label), AnswerLogps(sums("ref_token_logps"), label)
    if case["loss_type"] != "kto":
        return apo_zero_unpaired(now, base, **weights).mean(), policy, None
    kl = mismatch_kl(sums("policy_kl_token_logps"), sums("ref_kl_token_logps"))
    return kto(now, base, kl, **weights).mean(), policy, kl


@pytest.mark.parametrize("case", cases("kto"))
def test_unpaired_losses_are_those_of_trl(case):
    loss, policy, kl = unpaired(case, torch.float64)
    loss.backward()
    near(loss.detach(), case["loss"])
    near(policy.grad, case["grad_policy_logps"], 1e-5)
    if kl is not None:
        near(kl, case["kl"])


@pytest.mark.parametrize("case", cases("kto"))
def test_unpaired_losses_in_single_precision_are_those_of_trl(case):
    loss, _, _ = unpaired(case, torch.float32)
    assert loss.dtype == torch.float32
    near(loss.detach(), case["loss_float32"], 1e-5)


OLD = {"sigmoid": "cdpo", "ipo": "ipo_sum", "exo_pair": "exo_pair", "aot_pair": "aot_unpaired"}


@pytest.mark.parametrize("case", cases("trl_0_10"))
def test_older_meanings_have_names_of_their_own(case):
    given, options = FILES["trl_0_10"]["inputs"][case["input"]], case["options"]
    four = [
        torch.tensor(given[f"{model}_{side}_logps"], dtype=torch.float64)
        for model in ("policy", "ref")
        for side in ("chosen", "rejected")
    ]
    flip = (
        {}
        if case["loss_type"] == "ipo"
        else {"flip": options["label_smoothing"] or (1e-3 if "exo" in case["loss_type"] else 0.0)}
    )
    loss = registry.get("loss", OLD[case["loss_type"]])
    got = loss(PairLogps(*four[:2]), PairLogps(*four[2:]), beta=options["beta"], **flip)
    near(got.loss.mean(), case["loss"], 1e-5 if "exo" in case["loss_type"] else 1e-6)
