"""What a training is known by: every option that its numbers depend on is part of it, so that no other one is reused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from alignment.aligners._base import Aligner
from alignment.aligners.contrast.chip import Chip
from alignment.aligners.contrast.mdpo import Mdpo
from alignment.aligners.contrast.symmpo import Symmpo
from alignment.aligners.contrast.vdpo import Vdpo
from alignment.aligners.dpo import Dpo
from alignment.aligners.grpo import Grpo
from alignment.aligners.kto import Kto
from alignment.aligners.mixed_dpo import MixedDpo
from alignment.aligners.online_bdhs import OnlineBdhs
from alignment.aligners.online_dpo import OnlineDpo
from alignment.aligners.ppo import Ppo
from alignment.aligners.rloo import Rloo
from alignment.settings import Settings
from alignment.training.sample_supply import Online
from harness.core.digests import parts_digest
from harness.core.errors import TrainingError
from tests.alignment.online.test_online_dpo import Alphabetical
from tests.alignment.talker import FAST, Likes, Talker

Make = Callable[..., Aligner]
RANKED: dict[str, Any] = {"ties": "first", "candidates": 3, "sampling": {"temperature": 0.5}, "dpo": {"beta": 0.2}}
REINFORCED: dict[str, Any] = {
    "beta": 0.2,
    "unfinished_penalty": 0.5,
    "sampling": {"max_new_tokens": 9},
    "collapse": {"max_kl": 7.0},
}
CASES: list[tuple[str, Make, Mapping[str, Any]]] = [
    (
        "dpo",
        Dpo,
        {
            "beta": 0.2,
            "loss": "ipo",
            "sft_weight": 0.5,
            "f_divergence_type": "forward_kl",
            "ld_alpha": 0.5,
            "use_weighting": True,
            "reference_sync": {"every": 3},
        },
    ),
    ("kto", Kto, {"loss": "apo_zero_unpaired", "beta": 0.2, "desirable_weight": 2.0, "undesirable_weight": 2.0}),
    ("mdpo", Mdpo, {"beta": 0.2, "conditional_weight": 0.5, "anchor_weight": 0.5, "damage": "noise", "seed": 1}),
    ("chip", Chip, {"beta": 0.2, "tok_beta": 0.2, "token_weight": 2.0, "damage": {"name": "noise", "steps": 100}, "seed": 1}),
    ("symmpo", Symmpo, {"beta": 0.2, "beta_2": 0.3, "lamda": 0.1}),
    ("vdpo", Vdpo, {"beta": 0.2, "damage": {"name": "noise", "steps": 100}, "seed": 1}),
    ("mixed_dpo", lambda **o: MixedDpo(Alphabetical(), **o), {**RANKED, "p": 0.25}),
    ("online_dpo", lambda **o: OnlineDpo(Alphabetical(), **o), RANKED),
    ("online_bdhs", OnlineBdhs, {"keep_stored": True, "bdhs": {"rho_th": 0.5}, "dpo": {"beta": 0.2}}),
    ("rloo", lambda **o: Rloo(Likes(), **o), {**REINFORCED, "k": 3, "normalize_rewards": True}),
    (
        "ppo",
        lambda **o: Ppo(Likes(), **o),
        {**REINFORCED, "clip_range": 0.1, "value_weight": 0.5, "gae_lambda": 0.5, "epochs_a_batch": 3},
    ),
    (
        "grpo",
        lambda **o: Grpo(Likes(), **o),
        {
            **REINFORCED,
            "num_generations": 4,
            "loss_type": "bnpo",
            "epsilon": 0.1,
            "epsilon_high": 0.3,
            "delta": 3.0,
            "importance_sampling_level": "sequence",
            "scale_rewards": "none",
            "num_iterations": 2,
            "importance_sampling_correction": True,
        },
    ),
]


def known_by(made: Aligner) -> str:
    """As `train` puts it together."""
    own = made.facts() if isinstance(made, Online) else {}
    return parts_digest({**made.objective.facts(), **made.settings.facts(), **own})


@pytest.mark.parametrize(("name", "make", "others"), CASES, ids=[name for name, *_ in CASES])
def test_every_option_of_an_aligner_makes_another_training(name: str, make: Make, others: Mapping[str, Any]) -> None:
    made = {"": known_by(make()), **{option: known_by(make(**{option: value})) for option, value in others.items()}}
    assert len(set(made.values())) == len(made) == len(others) + 1


@pytest.mark.parametrize(("name", "make"), [(name, make) for name, make, _ in CASES if name not in ("dpo", "kto", "symmpo")])
def test_the_seed_of_the_draws_is_part_of_it_where_the_loop_has_its_own(name: str, make: Make) -> None:
    of_loop = {"training": {"seed": 5}}
    assert len({known_by(make(seed=seed, **of_loop)) for seed in (0, 1, 5)}) == 3
    assert known_by(make(seed=5, **of_loop)) == known_by(make(seed=5))


def test_a_finished_training_of_other_draws_is_not_taken_for_this_one(llava_next, images, pairs, tmp_path) -> None:
    training = {**FAST, "max_steps": 1, "seed": 5}
    Rloo(Likes(), training=training).align(Talker(llava_next), pairs, images, tmp_path)
    with pytest.raises(TrainingError, match="other settings"):
        Rloo(Likes(), training=training, seed=1).align(Talker(llava_next), pairs, images, tmp_path)


def test_every_setting_of_the_loop_makes_another_training_but_for_those_that_change_no_weight() -> None:
    others: dict[str, Any] = {
        "learning_rate": 1e-4,
        "epochs": 2.0,
        "max_steps": 3,
        "batch_size": 4,
        "micro_batch": 4,
        "warmup_ratio": 0.5,
        "schedule": "linear",
        "weight_decay": 0.1,
        "clip": 0.5,
        "lora": {"r": 4},
        "projector_learning_rate": 1e-4,
        "freeze_vision": False,
        "max_length": 99,
        "gradient_checkpointing": True,
        "dtype": "bfloat16",
        "early_stop": {"metric": "loss", "below": 0.1},
        "seed": 3,
    }
    same: dict[str, Any] = {"save_every": 3, "keep_states": 2, "trackers": []}
    assert others.keys() | same.keys() == Settings.__dataclass_fields__.keys()
    made = {name: known_by(Dpo(training={name: value})) for name, value in others.items()}
    assert len({known_by(Dpo()), *made.values()}) == len(others) + 1
    assert {known_by(Dpo(training={name: value})) for name, value in same.items()} == {known_by(Dpo())}
