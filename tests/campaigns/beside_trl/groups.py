"""Whole GRPO and RLOO trainings beside TRL's trainers, step by step, with the same answers and rewards.

    pip install 'mm-align-harness[peers]'        # trl==1.16.0, in an environment of its own
    python -m tests.campaigns.beside_trl.groups [--only NAME ...]

Model, pairs and order are those of `pairs.py`. No side draws its answers: both get the same token ids, K for each prompt, and
rewards that are a digest of prompt and answer. Advantages, reference, ratios, losses, optimizer and schedule are each
trainer's own. Where TRL takes a step in several passes, it logs means of means; KL and shares of clipped tokens are then not
compared. A training in which a value that its options act on is 0 in every step counts as a difference: nothing was compared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from alignment.aligners._base import Aligner
from alignment.aligners.grpo import Grpo
from alignment.aligners.rloo import Rloo
from alignment.weights.trainable import prepare
from harness.models.transformers import TransformersModel
from tests.campaigns.beside_trl.given_answers import IMAGES, NOUNS, Digest, Given, K, prompts, reward, token_ids
from tests.campaigns.beside_trl.golden import (
    LORA,
    SEED,
    Weights,
    as_trl_has_them,
    departing_update,
    departing_value,
    golden_folder,
    in_order,
    trained,
)

PROMPTS = 2  # a step
WITHIN = 1e-3  # relative, of every logged value, beside an absolute floor for rounding
FLOOR, FLOOR_OF_RATE = 1e-5, 1e-9
COSINE = 0.99999  # least of the two updates of the weights
SEEN = 100  # floors: a value that gets as far from 0 shows an error of one percent
BASE = {"learning_rate": 1e-3, "epochs": 1, "warmup_ratio": 0.0, "schedule": "constant"}
BASE |= {"batch_size": PROMPTS, "micro_batch": PROMPTS, "seed": SEED, "trackers": []}
EVERY_STEP = ("loss", "grad_norm", "learning_rate")
KL, CLIPPED, WEIGHTED, SCORES = "objective/kl", "clip_ratio/region_mean", "cispo_clip_ratio", "objective/scores"
OF_ONE_PASS = (KL, "kl", CLIPPED, WEIGHTED)


@dataclass(frozen=True, slots=True)
class Case:
    """`options`: of both sides, under one name; `training`: of this project's loop; `at_once`: answers in one pass of TRL;
    `moves`: what has to differ from 0 in some step, beside gradient norm, rate and reward."""

    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    moves: Sequence[str] = ("loss",)
    temperature: float = 1.0
    at_once: int = K * PROMPTS
    method: str = "grpo"


PLAIN_KL = {"loss_type": "grpo", "use_bias_correction_kl": False}
GSPO = {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4}
BNPO = {"loss_type": "bnpo", "delta": 1.3}
CISPO = {"loss_type": "cispo", "epsilon_high": 1.01}
CASES: dict[str, Case] = {
    "defaults": Case(),
    "grpo": Case({"loss_type": "grpo", "beta": 0.1}, moves=("loss", "kl")),
    "plain kl": Case({**PLAIN_KL, "num_iterations": 2, "beta": 0.5}, moves=("loss", "kl")),
    "dr_grpo": Case({"loss_type": "dr_grpo", "scale_rewards": "none", "beta": 2.0}, {"lora": LORA}, at_once=3),
    "clipped": Case({"num_iterations": 2, "beta": 0.1, "epsilon": 0.01}, moves=("loss", "kl", CLIPPED)),
    "dapo in three passes": Case({"loss_type": "dapo", "num_iterations": 2}, at_once=2),
    "bnpo": Case({**BNPO, "num_iterations": 2, "beta": 0.1}, {"clip": 0.05}, ("loss", "kl")),
    "gspo": Case({**GSPO, "num_iterations": 3, "beta": 0.05}, {"schedule": "cosine"}, ("loss", "kl", CLIPPED)),
    "luspo": Case({"loss_type": "luspo", "scale_rewards": "batch", "num_iterations": 2}, temperature=0.7),
    "vespo": Case({"loss_type": "vespo", "num_iterations": 2, "beta": 0.1}, moves=("loss", "kl")),
    "cispo": Case({**CISPO, "num_iterations": 2}, moves=("loss", WEIGHTED)),
    "cispo in three passes": Case({**CISPO, "num_iterations": 2}, temperature=1.3, at_once=2),
    "sapo": Case({"loss_type": "sapo", "num_iterations": 2, "beta": 2.0}, {"lora": LORA}, ("loss", "kl")),
    "rloo": Case({"beta": 0.05}, moves=(KL,), method="rloo"),  # its loss is the mean advantage, 0
    "rloo in three passes": Case({"beta": 0.5}, {"lora": LORA, "schedule": "linear"}, (), 0.7, 2, "rloo"),
}


def aligner(case: Case) -> Aligner:
    sampling = {"max_new_tokens": 20, "temperature": case.temperature}
    given: dict[str, Any] = {"training": {**BASE, **case.training}, "sampling": sampling, **case.options}
    if case.method == "rloo":
        return Rloo(Digest(), k=K, **given)
    return Grpo(Digest(), num_generations=K, **given)


def ours(case: Case, policy: TransformersModel, folder: Path) -> tuple[list[dict[str, float]], Weights]:
    """(log, trained weights by name) of this project's trainer."""
    done = aligner(case).align(policy, prompts(), IMAGES, folder)
    return [dict(row) for row in done.log], trained(policy.module)


def theirs(case: Case, model: Path, ids: Mapping[str, list[list[int]]], folder: Path) -> tuple[Any, Weights, Weights]:
    """The same of TRL's trainer, and the weights before; `ids`: token ids of the K answers to each prompt."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    settings = aligner(case).settings
    module = AutoModelForImageTextToText.from_pretrained(model)
    made = prepare(module, settings)
    before = trained(module)

    def rewards(completions: Any, asked: list[str], **_: Any) -> list[float]:
        return [reward(prompt, text[0]["content"]) for prompt, text in zip(asked, completions, strict=True)]

    trainer = _trainer(case.method, ids)(
        model=made.adapter or module,
        reward_funcs=rewards,
        args=_config(case, settings, folder),
        train_dataset=_dataset(settings),
        processing_class=AutoProcessor.from_pretrained(model),
    )
    trainer.train()
    log = [_under_our_names(case.method, row) for row in trainer.state.log_history if "loss" in row]
    return log, trained(module), before


def _trainer(method: str, ids: Mapping[str, list[list[int]]]) -> type:
    """TRL's trainer, which gets the given answers where it would draw its own."""
    import trl

    base: Any = trl.RLOOTrainer if method == "rloo" else trl.GRPOTrainer

    class WithGivenAnswers(base):  # type: ignore[misc]
        def _generate_and_score_completions(self, inputs: Any) -> Any:
            self._asked = [row["asked"] for row in inputs]
            return super()._generate_and_score_completions(inputs)

        def _generate_single_turn(self, prompt_ids: Any, *_: Any, **__: Any) -> Any:
            given = [ids[prompt][i % K] for i, prompt in enumerate(self._asked)]
            return given if method == "rloo" else (given, None)  # GRPO's has log-probabilities too, where an engine gives them

    return WithGivenAnswers


def _config(case: Case, s: Any, folder: Path) -> Any:
    import trl

    options = as_trl_has_them(s, folder) | {
        "per_device_train_batch_size": case.at_once,
        "gradient_accumulation_steps": K * PROMPTS // case.at_once,
        "bf16": False,
        "num_generations": K,
        "max_completion_length": 20,
        "temperature": case.temperature,
        "shuffle_dataset": False,
        "disable_dropout": True,
    }
    return (trl.RLOOConfig if case.method == "rloo" else trl.GRPOConfig)(**options | dict(case.options))


def _dataset(settings: Any) -> Any:
    """All steps' prompts one after the other, as one epoch."""
    from datasets import Dataset
    from PIL import Image

    rows = []
    for pair in in_order(prompts(), PROMPTS, settings.steps(len(NOUNS))):
        image = Image.open(IMAGES / pair.image).convert("RGB")
        rows.append({"images": [image], "prompt": [{"role": "user", "content": pair.prompt}], "asked": pair.prompt})
    return Dataset.from_list(rows)


def _under_our_names(method: str, row: Mapping[str, float]) -> dict[str, float]:
    """A row of TRL's log. RLOO's KL is a mean over tokens there, here a mean over answers of their sums."""
    found = dict(row)
    if "reward" in row:
        found[SCORES] = row["reward"]
    if method == "rloo" and "kl" in row:
        found[KL] = row["kl"] * row["completions/mean_length"]
    return found


def departures(case: Case, mine: tuple[Any, Weights], other: tuple[Any, Weights, Weights]) -> list[str]:
    """What differs by more than float32 explains; also what was not compared, or 0 all along, where it has to move."""
    (log, weights), (their_log, their_weights, before) = mine, other
    found = [] if len(log) == len(their_log) > 0 else [f"{len(log)} steps here, {len(their_log)} there"]
    moved = set[str]()
    where_logged = (SCORES, *(OF_ONE_PASS if case.at_once == K * PROMPTS else ()))  # TRL: no reward in a step of known answers
    for step, (row, their) in enumerate(zip(log, their_log, strict=False), start=1):
        for name in (*EVERY_STEP, *(name for name in where_logged if name in row and name in their)):
            floor = FLOOR_OF_RATE if name == "learning_rate" else FLOOR
            found += departing_value(step, name, row[name], their[name], WITHIN * abs(their[name]) + floor)
            moved |= {name} if abs(their[name]) > SEEN * floor else set()
    still = {"grad_norm", "learning_rate", SCORES, *case.moves} - moved
    found += [f"{name} is compared in no step with a value above rounding" for name in sorted(still)]
    return found + departing_update(weights, their_weights, before, COSINE)


def train_both(case: Case, folder: Path) -> list[str]:
    model = golden_folder(folder / "model")
    policy = Given(str(model), device="cpu", dtype="float32")
    ids = token_ids(policy)  # before the training
    return departures(case, ours(case, policy, folder / "ours"), theirs(case, model, ids, folder / "trl"))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="*", default=[], choices=tuple(CASES))
    names = options.parse_args().only or tuple(CASES)
    torch.set_num_threads(1)
    wrong = 0
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            found = train_both(CASES[name], Path(place))
        wrong += bool(found)
        print(f"{'DIFFERS' if found else 'equal  '}  {name}", *found[:4], sep="\n    " if found else "", flush=True)
    print(f"{len(names) - wrong} of {len(names)} trainings equal TRL's")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
