"""Preference methods in the loop: mixtures, losses of a whole step, options, no reference where none is needed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from safetensors import safe_open

from alignment.aligners._preference import preference, preference_of
from alignment.aligners.dpo import Dpo
from alignment.batching.collate import Row, collate, score_tokens, states
from alignment.batching.logps import PairLogps, answer_logps
from alignment.training import train as training
from alignment.training.objectives import Totals
from alignment.training.preference import Preference
from alignment.training.step_of_pairs import step_of
from alignment.weights.strategy import divide
from alignment.weights.trainable import Trainable
from alignment.weights.workers import Workers
from harness.core.digests import model_digest
from harness.core.errors import ConfigError
from tests.alignment.talker import whole_and_killed
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_golden import golden_policy, golden_rows
from tests.alignment.training.test_golden_losses import DATA, objective
from tests.alignment.training.test_train import FAST, LORA, make_pairs, without_times

MODEL = json.loads((DATA / "model.json").read_text())
FREE = ("cpo", "simpo", "orpo", "kto", "apo_zero_unpaired")
TRL = [c for c in MODEL["cases"] if c["batch"] == "full" and c["loss_type"][0] not in FREE]
STEPWISE = [{"name": "aot", "weight": 0.5}, {"name": "bco_pair_running", "weight": 0.5}, {"name": "sft"}]


def of_trl(case: dict[str, Any]) -> Preference:
    usual = {"label_smoothing": 0.0, "discopop_tau": 0.05, "loss_weights": None, "f_divergence_type": "reverse_kl"}
    more = {"f_alpha_divergence_coef": 0.5, "ld_alpha": None, "use_weighting": False}
    return objective({**case, "options": {**usual, **more, **case["options"]}})


def addend(made: Preference, rows: list[Row], policy: TinyPolicy, reference: TinyPolicy) -> torch.Tensor:
    """The loss of one step of these rows, as the loop has it made."""
    of_tokens = made.ld_alpha is not None
    with torch.no_grad():
        batch = collate(rows, policy.pad_token_id)
        tokens = score_tokens(reference, states(reference, batch), batch)
        known = {"reference": tokens if of_tokens else answer_logps(tokens, batch.answer, sum(batch.answers_of_row))}
    batch, totals = collate(rows, policy.pad_token_id), made.totals(rows)
    if made.whole_step:
        with torch.no_grad():
            totals = totals._replace(step=step_of([made.pairs(policy, batch, known)[:2]], {}))
    return made(policy, batch, known, totals).loss


@pytest.mark.parametrize("case", TRL, ids=[c["id"] for c in TRL])
def test_the_step_loss_on_shared_rows_is_that_of_trl(case):
    policy, made = golden_policy("policy"), of_trl(case)
    loss = addend(made, golden_rows(policy), policy, golden_policy("reference"))
    steep = {"sppo_hard", "ipo", "discopop"} & set(case["loss_type"])  # they multiply the last bits of float32 numbers
    rough = steep or case["options"].get("f_divergence_type", "reverse_kl") != "reverse_kl"
    assert loss.item() == pytest.approx(case["loss"], rel=1e-4 if rough else 1e-5, abs=2e-5)
    loss.backward()
    weights = dict(policy.module.named_parameters())
    with safe_open(DATA / "model_grads.safetensors", "pt") as file:
        for name in case["grad_norms"]:
            wanted = file.get_tensor(f"{case['id']}|{name}")
            scale = max(1.0, float(wanted.abs().max()))
            assert float((weights[name].grad - wanted).abs().max()) < 1e-5 * scale * (10 if rough else 1), name


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "mpo"},
        {"loss": "aot"},
        {"ld_alpha": 0.5},
        {"use_weighting": True},
        {"loss": "simpo"},
        {"f_divergence_type": "forward_kl"},
    ],
    ids=str,
)
def test_a_row_with_two_rejected_answers_is_two_pairs(options):
    policy, reference, made = golden_policy("policy"), golden_policy("reference"), preference(**options)
    rows = golden_rows(policy)[:2]
    both = [Row(r.id, r.prompt, (*r.answers, other.answers[1])) for r, other in zip(rows, rows[::-1], strict=True)]
    apart = [Row(r.id, r.prompt, (r.answers[0], rejected)) for r in both for rejected in r.answers[1:]]
    together, alone = (addend(made, some, policy, reference).item() for some in (both, apart))
    assert together == pytest.approx(alone, abs=1e-5)


def test_losses_of_a_whole_step_do_not_depend_on_the_micro_batch(llava_next, images, tmp_path):
    one, four = (
        Dpo(loss=STEPWISE, training={**FAST, "micro_batch": n}).align(
            TinyPolicy(llava_next), make_pairs(), images, tmp_path / str(n)
        )
        for n in (1, 4)
    )
    for name in ("loss", "bco/delta", "rewards/margins"):
        assert [r[name] for r in one.log] == pytest.approx([r[name] for r in four.log], abs=1e-4), name
    assert [r["grad_norm"] for r in one.log] == pytest.approx([r["grad_norm"] for r in four.log], rel=1e-3)


@pytest.mark.parametrize("loss", ["mpo_internvl", STEPWISE], ids=["mpo", "stepwise"])
def test_a_killed_training_goes_on_with_its_running_mean(llava_next, images, tmp_path, loss):
    aligner = Dpo(loss=loss, training={**FAST, "lora": LORA})
    whole, cut = whole_and_killed(aligner, lambda: TinyPolicy(llava_next), make_pairs(), images, tmp_path)
    assert model_digest(cut.folder) == model_digest(whole.folder)
    assert without_times(cut.log) == without_times(whole.log)
    observed = [(row["rewards/chosen"] + row["rewards/rejected"]) / 2 for row in cut.log]
    wanted = [sum(observed[: n + 1]) / (n + 1) for n in range(len(observed))]
    assert [row["bco/delta"] for row in cut.log] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("loss", ["simpo", "cpo", "orpo"])
def test_losses_without_a_reference_make_no_reference_pass(llava_next, images, tmp_path, monkeypatch, loss):
    monkeypatch.setattr(training, "reference_logps", None)
    log = Dpo(loss=loss, training={**FAST, "epochs": 3}).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path).log
    assert log[-1]["rewards/margins"] > log[0]["rewards/margins"]


def test_mpo_begins_at_its_parts(llava_next, images, tmp_path):
    log = (
        Dpo(loss="mpo", training={**FAST, "max_steps": 1, "batch_size": 6})
        .align(TinyPolicy(llava_next), make_pairs(), images, tmp_path)
        .log
    )
    sft = Dpo(loss="sft", training={**FAST, "max_steps": 1, "batch_size": 6})
    likelihood = sft.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "sft").log[0]["loss"]
    assert log[0]["loss"] == pytest.approx(0.8 * 0.693147 + 0.2 * 2 * 0.693147 + likelihood, abs=1e-3)


@pytest.mark.parametrize(
    "options", [{"ld_alpha": 0.5}, {"use_weighting": True}, {"f_divergence_type": "js_divergence"}], ids=str
)
def test_options_of_the_loss_train(llava_next, images, tmp_path, options):
    log = Dpo(**options, training={**FAST, "max_steps": 2}).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path).log
    assert log[-1]["rewards/margins"] > 1e-4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"loss": "dpoo"}, "Did you mean 'dpo'"),
        ({"loss": [{"name": "dpo"}, {"name": "dpoo"}]}, "Did you mean 'dpo'"),
        ({"loss": [{"name": "dpo"}, {"name": "sigmoid"}]}, r"dpo is named twice \(also as sigmoid\)"),
        (
            {"loss": "mpo", "sft_weight": 0.5},
            "sft_weight adds the loss sft, which the loss mpo has already. Leave sft_weight out",
        ),
        ({"loss": [{"name": "sft"}], "sft_weight": 0.5}, "sft_weight adds the loss sft, which the list of losses has already"),
        ({"loss": [{"name": "dpo", "weight": 0}, {"name": "sft", "weight": 0}]}, "sum to 0"),
        ({"loss": [{"name": "dpo", "weight": -1}]}, "number of at least 0"),
        ({"loss": [{"name": "dpo", "weight": "much"}]}, "number of at least 0"),
        ({"loss": []}, "empty"),
        ({"loss": "mpo_intern"}, "Did you mean 'mpo_internvl'"),
        ({"loss": 3}, "give a name or a list"),
        ({"loss": ["dpo"]}, "must be a mapping with a name"),
        ({"loss": [{"name": "dpo", "flip": 0.1}]}, "has no option 'flip'"),
        ({"loss": "mpo", "loss_options": {"flip": 0.1}}, "write them into its entries"),
        ({"loss": [{"name": "dpo"}, {"name": "simpo"}]}, "not mixed"),
        ({"loss": "simpo", "beta": 0.1}, "multiplies a mean log-probability"),
        ({"loss": "cpo", "beta": 2.5}, "multiplies the difference of two sums .* those of simpo"),
        ({"loss": "orpo", "beta": 2.0}, "multiplies the whole odds-ratio term, so that 0.1 is usual"),
        (
            {"loss": "exo_pair", "loss_options": {"flip": 0.0}},
            r"exo_pair: flip is 0.*\(label smoothing\), above 0 and below 0.5",
        ),
        (
            {"loss": "robust", "loss_options": {"flip": 0.5}},
            r"robust: flip is 0.5.*\(label smoothing\), at least 0 and below 0.5",
        ),
        ({"loss": "nca_pair", "f_divergence_type": "forward_kl"}, "f_divergence_type cannot be used with the loss nca_pair"),
        ({"f_divergence_type": "forward"}, "Did you mean 'forward_kl'"),
        ({"loss": "aot", "use_weighting": True}, "use_weighting cannot be used with the loss aot"),
        ({"ld_alpha": 1.5}, "weight from 0 to 1"),
        ({"loss": "cpo", "loss_options": {"shape": "square"}}, "shape is 'square'"),
        ({"beta": 0}, "beta is 0"),
        ({"f_alpha_divergence_coef": 0.3}, "f_divergence_type reverse_kl, which has no alpha"),
    ],
)
def test_wrong_losses_are_refused_before_anything_is_loaded(options, says):
    with pytest.raises(ConfigError, match=says):
        Dpo(**options)


def test_each_loss_has_its_own_beta_unless_one_is_given():
    assert preference("simpo").terms[0].beta == 2.5 and preference("dpo").terms[0].beta == 0.1
    mixed = preference([{"name": "dpo"}, {"name": "bco_pair", "beta": 0.3}], 0.2)
    assert [t.beta for t in mixed.terms] == [0.2, 0.3]


@pytest.mark.parametrize("alpha", [1 + 1e-7, 1 - 1e-7])
def test_an_alpha_beside_one_is_the_reverse_divergence(alpha):
    # TRL 1.16: abs(alpha - 1) < 1e-6; (exp(1e-7 r) - 1) / 1e-7 in float32 is 0 or off by a nat
    made = preference(f_divergence_type="alpha_divergence", f_alpha_divergence_coef=alpha, beta=0.5)
    now, base = PairLogps(torch.tensor([-3.0]), torch.tensor([-4.0])), PairLogps(torch.tensor([-3.4]), torch.tensor([-3.7]))
    loss = made.addend(now, base, Totals(1, 1)).loss.item()
    assert loss == pytest.approx(-torch.tensor(0.5 * (0.4 + 0.3)).sigmoid().log().item())
    assert made.facts()["f_alpha_divergence_coef"] == 1.0  # versions before made another loss of it


def test_ld_dpo_needs_stored_pairs():
    with pytest.raises(ConfigError, match="ld_alpha needs stored pairs"):
        preference_of("online_dpo", {"ld_alpha": 0.5})


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_reference_that_moves_every_step_onto_the_policy_leaves_log_two(llava_next, images, tmp_path, lora):
    training = {**FAST, "lora": lora and {**lora, "dropout": 0.0}}
    aligner = Dpo(reference_sync={"every": 1, "mix": 1.0}, training=training)
    rows = aligner.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path).log
    assert [row["loss"] for row in rows] == pytest.approx([0.6931472] * 4, abs=1e-4)
    assert rows[0]["logps/chosen"] != rows[-1]["logps/chosen"]


def test_a_killed_training_goes_on_with_its_moved_reference(llava_next, images, tmp_path):
    aligner = Dpo(reference_sync={"every": 2, "mix": 0.6}, training={**FAST, "epochs": 3, "lora": LORA})
    whole, cut = whole_and_killed(aligner, lambda: TinyPolicy(llava_next), make_pairs(), images, tmp_path, (2, 3, 5))
    assert model_digest(cut.folder) == model_digest(whole.folder)
    assert without_times(cut.log) == without_times(whole.log)


@pytest.mark.parametrize("sync", [{"every": 0}, {"mix": 0.0}, {"mix": 1.5}])
def test_a_reference_that_does_not_move_is_refused(sync):
    with pytest.raises(ConfigError, match="every of at least 1 and mix"):
        Dpo(reference_sync=sync)


def test_a_moving_reference_needs_whole_weights(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    trained = Trainable(torch.nn.Linear(1, 1), {}, None, anchor={"weight": torch.zeros(1)})
    with pytest.raises(ConfigError, match="whole weights in each process"):
        divide(trained, Workers(0, 2), online=False)


def test_a_pair_of_equal_rewards_is_not_ranked_rightly():
    """TRL: strictly greater. Before the first step every margin is 0, and an accuracy of 1 there would stop a training."""
    same = PairLogps(torch.tensor([-3.0, -2.0]), torch.tensor([-4.0, -5.0]))
    found = preference("dpo").addend(same, same, Totals(2, 0)).values
    assert found["rewards/margins"].tolist() == [0.0, 0.0] and found["rewards/accuracies"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_moving_reference_stays_where_it_is_until_its_step(llava_next, images, tmp_path, lora):
    training = {**FAST, "lora": lora and {**lora, "dropout": 0.0}}
    fixed, moving = (
        [row["loss"] for row in Dpo(**sync, training=training).align(TinyPolicy(llava_next), make_pairs(), images, to).log]
        for sync, to in (({}, tmp_path / "fixed"), ({"reference_sync": {"every": 3, "mix": 1.0}}, tmp_path / "moving"))
    )
    assert moving[:3] == pytest.approx(fixed[:3], abs=1e-4) and moving[2] < 0.692
    assert moving[3] == pytest.approx(0.6931472, abs=1e-4) and fixed[3] < 0.692


def test_ld_dpo_leaves_the_likelihood_of_the_chosen_answer_whole():
    policy, reference = golden_policy("policy"), golden_policy("reference")
    rows = golden_rows(policy)
    with torch.no_grad():
        alone, both = (
            addend(preference("dpo", ld_alpha=0.5, sft_weight=w), rows, policy, reference).item() for w in (0.0, 2.0)
        )
        batch = collate(rows, policy.pad_token_id)
        tokens = score_tokens(policy, states(policy, batch), batch)
    of_chosen = (batch.answer % 2 == 0).nonzero().squeeze(1)  # two answers a row
    assert both - alone == pytest.approx(2 * -float(tokens[of_chosen].mean()), rel=1e-5)
