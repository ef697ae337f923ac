"""Whole trainings beside TRL, step by step: losses, gradient norms, rewards, weights, for every option that both have.

    pip install 'mm-align-harness[peers]'        # trl==1.16.0, in an environment of its own
    python -m tests.campaigns.beside_trl.pairs [--only NAME ...]
    python -m tests.campaigns.beside_trl.pairs --write tests/alignment/data/beside_trl.json     # the slice of the suite

The model is the golden LLaVA of tests/alignment/data, so that stored numbers hold on any machine. Both sides get the same
pairs in the same order and the same initial adapters; everything else is each trainer's own. Departures that are known, with
their reason: TRL's warm-up begins at a rate of 0 (here one step further), so schedules are compared without warm-up; TRL's
gradient accumulation takes means of means, so that token means are compared with one micro-batch a step; under bfloat16 the
losses agree as far as that format goes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from alignment.aligners.dpo import Dpo
from alignment.weights.trainable import prepare
from harness.models.transformers import TransformersModel
from tests.campaigns.beside_trl.golden import (
    COSINE,
    GOLDEN,
    LORA,
    SEED,
    Weights,
    as_trl_has_them,
    departing_update,
    departing_value,
    golden_folder,
    in_order,
    made_pairs,
    trained,
)

COSINE_MIXED, LOOSE = 0.95, 1e-2  # of the two updates with bfloat16 passes
COMPARED = (
    "loss",
    "grad_norm",
    "learning_rate",
    "rewards/chosen",
    "rewards/rejected",
    "rewards/margins",
    "logps/chosen",
    "logps/rejected",
)
BASE = {"learning_rate": 1e-3, "batch_size": 4, "micro_batch": 4, "epochs": 3, "warmup_ratio": 0.0, "schedule": "constant"}


@dataclass(frozen=True, slots=True)
class Case:
    """`ours`: options of the aligner dpo; `training`: of its loop; `trl`: of DPOConfig, beside what follows from them."""

    ours: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    trl: Mapping[str, Any] = field(default_factory=dict)
    rejected: int = 1
    within: float = 1e-3  # of losses and rewards, in nats; float32 log-probabilities are good to some 1e-5
    loaded: str = "float32"
    bos: bool = (
        False  # the tokenizer puts BOS before a text and the template does not: TRL gets the remedy of docs/pair_files.md
    )


def _losses() -> dict[str, Case]:
    flips = {"robust": 0.1, "exo_pair": 0.1, "aot": 0.1, "aot_unpaired": 0.1}
    names = (
        "dpo hinge ipo robust exo_pair nca_pair bco_pair sppo_hard aot aot_unpaired apo_zero apo_down discopop sigmoid_norm sft"
    )
    found = {}
    for name in names.split():
        flip = flips.get(name)
        ours = {"loss": name, "beta": 0.1, **({"loss_options": {"flip": flip}} if flip else {})}
        trl = {"loss_type": ["sigmoid" if name == "dpo" else name], **({"label_smoothing": flip} if flip else {})}
        found[name] = Case(ours, {"learning_rate": 1e-4}, trl, within=9e-3 if name in ("sppo_hard", "ipo") else 1e-3)
    return found


CASES: dict[str, Case] = {
    **_losses(),
    "mpo": Case({"loss": "mpo"}, {}, {"loss_type": ["sigmoid", "bco_pair", "sft"], "loss_weights": [0.8, 0.2, 1.0]}),
    "forward_kl": Case({"f_divergence_type": "forward_kl"}, {"learning_rate": 1e-4}, {"f_divergence_type": "forward_kl"}),
    "js_divergence": Case({"f_divergence_type": "js_divergence"}, {}, {"f_divergence_type": "js_divergence"}),
    "alpha": Case(
        {"f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 0.5}, {"learning_rate": 1e-4},
        {"f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 0.5},
    ),
    "ld_alpha": Case({"ld_alpha": 0.5}, {}, {"ld_alpha": 0.5}),
    "weighting": Case({"use_weighting": True}, {}, {"use_weighting": True}),
    "moving reference": Case(
        {"reference_sync": {"every": 2, "mix": 0.6}}, {},
        {"sync_ref_model": True, "ref_model_sync_steps": 2, "ref_model_mixup_alpha": 0.6},
    ),
    "beta": Case({"beta": 0.5}, {}, {"beta": 0.5}),
    "bos": Case(bos=True),
    "lora": Case({}, {"lora": LORA}),
    "lora with the projector": Case({}, {"lora": LORA, "projector_learning_rate": 1e-3}),
    "lora on named layers": Case({}, {"lora": {**LORA, "targets": ["q_proj", "v_proj"]}}),
    "cosine": Case({}, {"schedule": "cosine"}),
    "linear and decay": Case({}, {"schedule": "linear", "weight_decay": 0.1}),
    "clipped": Case({}, {"clip": 0.05}),
    "not clipped": Case({}, {"clip": 0.0}),
    "accumulated": Case({}, {"micro_batch": 2}),
    "tower trained": Case({}, {"freeze_vision": False}),
    "checkpointed": Case({}, {"gradient_checkpointing": True}),
    "two rejected answers": Case({}, {"batch_size": 2, "micro_batch": 2}, rejected=2),
    "bfloat16 passes": Case({}, {"dtype": "bfloat16", "lora": LORA}, within=5e-2),
    "loaded in bfloat16": Case({}, {"lora": LORA}, within=5e-2, loaded="bfloat16"),
}  # fmt: skip
SLICE = ("dpo", "mpo", "aot", "ld_alpha", "lora with the projector", "linear and decay", "two rejected answers")


def ours(case: Case, model: Path, folder: Path) -> tuple[list[dict[str, float]], Weights]:
    """(log, trained weights by name) of this project's trainer."""
    policy = TransformersModel(str(model), device="cpu", dtype=case.loaded)
    aligner = Dpo(**case.ours, training={**BASE, **case.training, "seed": SEED, "trackers": []})
    done = aligner.align(policy, made_pairs(case.rejected), GOLDEN / "images", folder)
    return [dict(row) for row in done.log], trained(policy.module)


def theirs(case: Case, model: Path, folder: Path) -> tuple[list[dict[str, float]], Weights, Weights]:
    """The same of TRL's DPOTrainer, and the weights before."""
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from trl import DPOTrainer

    class InOrder(DPOTrainer):  # type: ignore[misc]  # the pairs come in the order of this project's loop
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    settings = Dpo(**case.ours, training={**BASE, **case.training, "seed": SEED}).settings
    module = AutoModelForImageTextToText.from_pretrained(model, dtype=getattr(torch, case.loaded))
    made = prepare(module, settings)
    before = trained(module)
    processor = AutoProcessor.from_pretrained(model)
    if case.bos:
        processor.chat_template = "{{ bos_token }}" + processor.chat_template
    trainer = InOrder(
        model=made.adapter or module,
        args=_config(case, settings, folder),
        train_dataset=_dataset(case, settings),
        processing_class=processor,
    )
    trainer.train()
    log = [row for row in trainer.state.log_history if "loss" in row]
    return log, trained(module), before


def _config(case: Case, s: Any, folder: Path) -> Any:
    from trl import DPOConfig

    mixed = s.dtype == "bfloat16" or case.loaded == "bfloat16"
    options = as_trl_has_them(s, folder) | {
        "per_device_train_batch_size": s.micro_batch * case.rejected,
        "gradient_accumulation_steps": s.batch_size // s.micro_batch,
        "bf16": mixed,
        "fp16": False,
        "max_length": None,
        "remove_unused_columns": False,
        "beta": 0.1,
    }
    return DPOConfig(**options | dict(case.trl))


def _dataset(case: Case, settings: Any) -> Any:
    """All steps' pairs one after the other, as one epoch."""
    from datasets import Dataset
    from PIL import Image

    pairs, rows = made_pairs(case.rejected), []
    steps = settings.steps(len(pairs))
    for pair in in_order(pairs, settings.batch_size, steps):
        for rejected in pair.rejected:
            rows.append(
                {
                    "images": [Image.open(GOLDEN / "images" / pair.image).convert("RGB")],
                    "prompt": [{"role": "user", "content": pair.prompt}],
                    "chosen": [{"role": "assistant", "content": pair.chosen}],
                    "rejected": [{"role": "assistant", "content": rejected}],
                }
            )
    return Dataset.from_list(rows)


def departures(case: Case, mine: tuple[Any, Any], other: tuple[Any, Any, Any]) -> list[str]:
    """What differs by more than float32 explains."""
    (log, weights), (their_log, their_weights, before) = mine, other
    found = [] if len(log) == len(their_log) > 0 else [f"{len(log)} steps here, {len(their_log)} there"]
    for step, (row, their) in enumerate(zip(log, their_log, strict=False), start=1):
        for name in COMPARED:
            if name.startswith("rewards/") and case.ours.get("loss") == "sft":  # alone it needs no reference here
                continue
            found += departing_value(step, name, row[name], their[name], case.within * max(1.0, abs(their[name])))
    least = COSINE if case.within < LOOSE else COSINE_MIXED
    return found + departing_update(weights, their_weights, before, least)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="*", default=[])
    options.add_argument("--write", type=Path, help="store TRL's logs of the slice, for the suite")
    asked = options.parse_args()
    names = asked.only or (SLICE if asked.write else tuple(CASES))
    wrong, stored = 0, {}
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            model = golden_folder(Path(place) / "model", CASES[name].bos)
            other = theirs(CASES[name], model, Path(place) / "trl")
            found = departures(CASES[name], ours(CASES[name], model, Path(place) / "ours"), other)
        stored[name] = [{key: row[key] for key in COMPARED if key in row} for row in other[0]]
        wrong += bool(found)
        print(f"{'DIFFERS' if found else 'equal  '}  {name}", *found[:4], sep="\n    " if found else "", flush=True)
    if asked.write:
        import trl

        made = {
            "trl": trl.__version__,
            "torch": torch.__version__,
            "command": "python -m tests.campaigns.beside_trl.pairs --write FILE",
        }
        asked.write.write_text(json.dumps({"made with": made, "cases": stored}, indent=1) + "\n")
    print(f"{len(names) - wrong} of {len(names)} trainings equal TRL's")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
