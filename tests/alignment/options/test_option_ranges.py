"""Numbers outside their range are refused when a method is built, before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from alignment.aligners.dpo import Dpo
from alignment.aligners.grpo import Grpo
from alignment.aligners.ppo import Ppo
from alignment.aligners.rloo import Rloo
from alignment.online.ranked_pairs import make_sampling
from alignment.sources.bdhs import Bdhs
from harness.config.schema import stored
from harness.core.errors import ConfigError
from tests.alignment.talker import Likes


@pytest.mark.parametrize(
    ("loss", "options", "says"),
    [
        ("avg_dpo", {"gamma": 1.5}, "avg_dpo: gamma is 1.5.*0 to 1"),
        ("avg_dpo", {"gamma": -1}, "avg_dpo: gamma is -1"),
        ("discopop", {"tau": 0}, "discopop: tau is 0; it is a temperature, above 0"),
        ("discopop", {"tau": -0.05}, "discopop: tau is -0.05"),
        ("cpo", {"cpo_alpha": -1}, "cpo: cpo_alpha is -1"),
        ("simpo", {"gamma": -3}, "simpo: gamma is -3; it is a target margin, at least 0"),
        ("simpo", {"alpha": 1e9}, "The loss simpo is not a finite number for ordinary pairs"),
    ],
)
def test_a_losss_option_outside_its_range_is_refused(loss: str, options: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Dpo(loss=loss, loss_options=options)


@pytest.mark.parametrize(
    ("loss", "options"),
    [("avg_dpo", {"gamma": 0}), ("avg_dpo", {"gamma": 1}), ("cpo", {"cpo_alpha": 0}), ("simpo", {"gamma": 0, "alpha": -0.25})],
)
def test_the_ends_of_a_range_are_taken(loss: str, options: dict[str, float]) -> None:
    assert Dpo(loss=loss, loss_options=options).objective.terms[0].options.items() >= options.items()


@pytest.mark.parametrize("rate", [-0.001, 0])
def test_a_projectors_learning_rate_must_be_above_0(rate: float) -> None:
    """0 would mean "as the others" with full weights and "frozen" under LoRA."""
    with pytest.raises(ConfigError, match=rf"projector_learning_rate is {rate}, must be above 0; leave it out"):
        Dpo(training={"projector_learning_rate": rate})


@pytest.mark.parametrize("share", [97, -1, 0])
def test_a_similarity_limit_of_bdhs_is_above_0_and_at_most_1(share: float) -> None:
    with pytest.raises(ConfigError, match=rf"bdhs.epsilon_s is {share}; it is a similarity"):
        Bdhs(epsilon_s=share)
    Bdhs(epsilon_s=1)


@pytest.mark.parametrize("options", [{"top_p": 0}, {"top_p": 1.5}, {"max_new_tokens": 0}])
def test_answers_of_the_policy_that_could_not_be_drawn_are_refused_when_built(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="These decoding settings cannot be used"):
        make_sampling("online_dpo", options)


def test_a_stored_run_whose_options_would_be_refused_now_is_still_read() -> None:
    arm = "{name: a, pairs: {name: bdhs}, align: {name: dpo, loss: avg_dpo, loss_options: {gamma: 5}}}"
    text = f"name: old\nmodel: {{name: transformers, path: x}}\narms: [{arm}]\nsweep: [{{name: pope}}]"
    assert stored(text, "run 7").arms[0].align.options["loss_options"] == {"gamma": 5}


@pytest.mark.parametrize("aligner", [Grpo, Ppo, Rloo])
def test_methods_that_learn_from_their_own_distribution_draw_from_all_of_it(aligner: type[Grpo | Ppo | Rloo]) -> None:
    with pytest.raises(ConfigError, match=rf"{aligner.name}.sampling.top_p must be 1: it learns from the distribution that"):
        aligner(Likes(), sampling={"top_p": 0.9})
    aligner(Likes(), sampling={"top_p": 1.0})


@pytest.mark.parametrize(
    ("training", "says"),
    [
        ({"lora": True}, r"training.lora is True; it must be a mapping, {r, alpha, dropout, targets}, or null"),
        ({"lora": 8}, "training.lora is 8; it must be a mapping"),
        ({"lora": [8, 16]}, r"training.lora is \[8, 16\]; it must be a mapping"),
        ({"lora": "r=8"}, "training.lora is 'r=8'; it must be a mapping"),
        ({"lora": {"targets": ["q_proj", ""]}}, "lora.targets is .*; it must be a list of names of layers"),
        ({"early_stop": True}, r"training.early_stop is True; it must be a mapping, {metric, above, below, steps}, or null"),
        ({"early_stop": "loss"}, "training.early_stop is 'loss'; it must be a mapping"),
        ({"early_stop": {"metric": "loss", "above": None}}, r"early_stop takes metric .* above or below \(one of them\)"),
        ({"early_stop": {"metric": 3, "above": 1}}, "early_stop takes metric .*got {'metric': 3"),
        ({"trackers": 3}, "trackers is 3; give a list"),
    ],
    ids=str,
)
def test_a_setting_of_another_kind_is_refused_by_its_name(training: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Dpo(training=training)


def test_a_bound_of_an_early_stop_that_is_null_is_none() -> None:
    stop = Dpo(training={"early_stop": {"metric": "loss", "above": None, "below": 0.1}}).settings.early_stop
    assert stop is not None and (stop.above, stop.below) == (None, 0.1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"loss": "orpo", "use_weighting": True},
            "use_weighting cannot be used with the loss orpo: .* the likelihood beside it",
        ),
        ({"loss": "cpo", "use_weighting": True}, "use_weighting cannot be used with the loss cpo: .*cpo_alpha: 0 leaves out"),
    ],
    ids=str,
)
def test_an_option_that_a_likelihood_does_not_take_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Dpo(**options)


def test_options_that_a_mixture_with_a_likelihood_takes_are_not_refused() -> None:
    Dpo(sft_weight=0.5, f_divergence_type="js_divergence", ld_alpha=0.5)
    Dpo(loss="cpo", loss_options={"cpo_alpha": 0.0}, use_weighting=True)


def test_numbers_inside_a_mapping_are_read_as_elsewhere() -> None:
    made = Dpo(reference_sync={"every": 3, "mix": "5e-1"}, loss=[{"name": "dpo", "weight": "1e-1"}]).objective
    assert made.sync is not None and made.sync.mix == 0.5 and made.terms[0].weight == 0.1


@pytest.mark.parametrize("sync", [{"every": "3"}, {"every": 1.5}, {"mix": "half"}, {"mix": True}])
def test_a_moving_reference_by_what_is_no_number_is_refused(sync: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"'reference_sync': {next(iter(sync))} is "):
        Dpo(reference_sync=sync)
