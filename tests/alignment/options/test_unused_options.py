"""Options that would have no effect beside others are refused; their defaults, and those that have one, are not."""

from __future__ import annotations

from typing import Any

import pytest

from alignment.settings import make_settings
from harness.core import registry
from harness.core.errors import ConfigError


def make(kind: str, name: str, options: dict[str, Any]) -> Any:
    given = {"reward": None} if name == "grpo" else {}
    return registry.make(kind, name, options, **given)


UNUSED = [
    ("corruption", {"template": "x.txt"}, "template has no effect without `model`"),
    ("corruption", {"temperature": 0.7}, "temperature has no effect without `model`"),
    ("corruption", {"max_new_tokens": 9, "skip_unanswered": True}, "max_new_tokens and skip_unanswered have no effect without"),
    ("corruption", {"model": {"path": "x"}, "share": 0.5}, "share has no effect with `model`"),
    ("corruption", {"model": {"path": "x"}, "vocabulary": "n.txt"}, "vocabulary has no effect with `model`"),
    ("bdhs", {"keep_unmatched": True}, "keep_unmatched has no effect without `matched`"),
    ("bdhs", {"matched": {"vocabulary": "a.txt"}, "vocabulary": "b.txt"}, "no effect with `matched.vocabulary`"),
    (
        "bdhs",
        {"guided": False, "cut_unit": "character", "yes_no_rule": "printed"},
        "cut_unit and yes_no_rule have no effect with",
    ),
    ("grpo", {"importance_sampling_cap": 2.0}, "importance_sampling_cap has no effect without importance_sampling_correction"),
    ("grpo", {"use_bias_correction_kl": False}, "use_bias_correction_kl has no effect with beta 0"),
    ("grpo", {"loss_type": "cispo", "delta": 3.0}, "delta has no effect with loss_type cispo"),
    ("grpo", {"loss_type": "vespo", "importance_sampling_level": "sequence"}, "no effect with loss_type vespo"),
    ("grpo", {"loss_type": "sapo", "epsilon": 0.3}, "epsilon has no effect with loss_type sapo"),
    ("grpo", {"loss_type": "vespo", "epsilon_high": 0.3}, "epsilon_high has no effect with loss_type vespo"),
    ("grpo", {"loss_type": "cispo", "epsilon_high": 5.0, "epsilon": 0.3}, "epsilon has no effect with loss_type cispo"),
    ("bdhs", {"rho_th": 0, "hidden_positions": "closed"}, "hidden_positions has no effect with rho_th 0"),
    ("bdhs", {"rho_th": 0, "newline_tokens": "shown"}, "newline_tokens has no effect with rho_th 0"),
]
USED = [
    ("corruption", {"model": {"path": "x"}, "template": "x.txt", "temperature": 0.7}),
    ("corruption", {"share": 0.5, "temperature": 0.0}),
    ("bdhs", {"matched": {"mentions": 1}, "keep_unmatched": True}),
    ("bdhs", {"cut_unit": "character", "yes_no_rule": "printed", "splitter": "punkt"}),
    ("grpo", {"importance_sampling_correction": True, "importance_sampling_cap": 2.0, "delta": 3.0}),
    ("grpo", {"beta": 0.1, "use_bias_correction_kl": False}),
]


@pytest.mark.parametrize(("name", "options", "says"), UNUSED)
def test_an_option_without_effect_is_refused(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make("aligner" if name == "grpo" else "source", name, options)


@pytest.mark.parametrize(("name", "options"), USED)
def test_an_option_with_an_effect_is_taken_and_so_is_a_default(name: str, options: dict[str, Any]) -> None:
    assert make("aligner" if name == "grpo" else "source", name, options)


@pytest.mark.parametrize("shape", ["hinge", "ipo"])
def test_label_smoothing_of_a_shape_that_has_none_is_refused(shape: str) -> None:
    with pytest.raises(ConfigError, match=f"cpo: flip is 0.2 and shape {shape}, which has no label smoothing"):
        make("aligner", "dpo", {"loss": "cpo", "loss_options": {"shape": shape, "flip": 0.2}})


SFT = {"name": "sft", "beta": 0.3}


@pytest.mark.parametrize(
    "options", [{"loss": "sft", "loss_options": {"beta": 0.3}}, {"loss": [{"name": "dpo"}, SFT]}, {"loss": "sft", "beta": 0.3}]
)
def test_a_beta_of_the_likelihood_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="The loss sft is a likelihood, on which beta has no effect"):
        make("aligner", "dpo", options)


def test_a_beta_of_a_mixture_with_the_likelihood_is_that_of_the_others() -> None:
    made = make("aligner", "dpo", {"loss": [{"name": "dpo"}, {"name": "sft"}], "beta": 0.3})
    assert made.objective.terms[0].beta == 0.3


def test_a_vision_tower_that_an_adapter_would_leave_as_it_is_is_refused() -> None:
    with pytest.raises(ConfigError, match="freeze_vision: false has no effect with lora"):
        make_settings({"lora": {"r": 8, "alpha": 16}, "freeze_vision": False})
