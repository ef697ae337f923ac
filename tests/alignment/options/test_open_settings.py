"""What the paper prints or leaves open and no block of its studies repeats: the options' defaults are what docs/study.md says.

A default that moves would change the studies' numbers under the same words.
"""

from __future__ import annotations

from dataclasses import asdict

import pytest

from alignment.early_stopping import Collapse
from alignment.online.ranked_pairs import Sampling
from alignment.settings import Settings
from harness.core import registry

TAKEN = {
    ("source", "bdhs"): {
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": 256,
        "cut_unit": "word",
        "splitter": "stop_and_space",
        "hidden_positions": "kept",
        "newline_tokens": "counted",
        "free_last_try": True,
        "yes_no_rule": "word",
    },
    ("source", "vlfeedback"): {"choice": "best_worst"},
    ("source", "corruption"): {"temperature": 0.0, "template": ""},
    ("source", "povid_noise"): {"noise_steps": 500},  # section 3.3
    ("aligner", "online_dpo"): {"candidates": 2, "ties": "drop"},
    ("aligner", "mixed_dpo"): {"candidates": 2, "ties": "drop", "p": 0.5},  # equation 4
    ("loss", "avg_dpo"): {"gamma": 0.5},  # equation 5
    ("aligner", "ppo"): {
        "beta": 0.05,
        "clip_range": 0.2,
        "value_weight": 0.1,
        "gae_lambda": 0.95,
        "epochs_a_batch": 2,
        "unfinished_penalty": 1.0,
    },
    ("aligner", "rloo"): {"unfinished_penalty": 1.0, "k": 4},
    ("aligner", "reward_model"): {"held_out": 0.1},
}


@pytest.mark.parametrize(("kind", "name"), TAKEN)
def test_what_is_taken_where_the_paper_says_nothing_is_the_default_of_the_option(kind: str, name: str) -> None:
    defaults = {option.name: option.default for option in registry.options(kind, name)}
    assert {option: defaults[option] for option in TAKEN[kind, name]} == TAKEN[kind, name]


def test_settings_of_training_and_sampling_that_the_paper_leaves_open_are_the_defaults() -> None:
    assert asdict(Sampling()) == {"temperature": 0.9, "top_p": 1.0, "max_new_tokens": 256}
    wanted = {"schedule": "cosine", "warmup_ratio": 0.03, "weight_decay": 0.0, "clip": 1.0, "max_length": None}
    assert asdict(Settings()).items() >= {**wanted, "dtype": "as_loaded", "freeze_vision": True}.items()
    assert asdict(Collapse()) == {"max_kl": 100.0, "max_unfinished": 0.9, "min_distinct": 0.1, "steps": 3}
