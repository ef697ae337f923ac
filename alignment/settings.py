"""How to train: every number of the one loop, checked before anything is loaded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alignment.early_stopping import EarlyStop, make_early_stop
from alignment.trackers import check_trackers
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.options.option import Names

SCHEDULES = ("cosine", "linear", "constant")
_ROUNDING = 1e-9  # 1.1 * 10 is 11.000000000000002, which is 11 steps (12 in transformers)
DTYPES = ("as_loaded", "bfloat16")


@dataclass(frozen=True, slots=True)
class Lora:
    """Adapters (peft). `targets` None: every linear layer of the language model; experts of a mixture are not linear layers.
    A list: layers of these names outside vision tower and projector. A text: a regular expression over full names."""

    r: int = 128  # the study's, with alpha 256
    alpha: int = 256
    # drawn for each pass: other draws with another micro_batch or number of processes. TRL's DPO and KTO switch it off
    dropout: float = 0.0
    targets: Sequence[str] | str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the training loop, the same for every aligner."""

    learning_rate: float = 1e-6  # of the weights or of the adapter
    epochs: float = 1.0  # passes over the pairs, also parts of one; steps are rounded up
    max_steps: int | None = None  # of the optimizer; end earlier, the schedule then ends there too
    batch_size: int = 32  # pairs an optimizer step
    micro_batch: int = 8  # rows a forward pass; changes speed and memory only, and what lora.dropout draws
    warmup_ratio: float = 0.03  # share of the steps in which the learning rate rises, rounded up to whole steps
    schedule: str = "cosine"  # cosine, linear or constant, behind the warm-up (transformers: constant_with_warmup)
    weight_decay: float = 0.0  # of AdamW; vectors have none (transformers: biases and norms)
    clip: float = 1.0  # of the gradient's norm; 0 does not clip
    lora: Lora | None = None  # {r, alpha, dropout, targets}; experts of a mixture get none. None trains full weights
    projector_learning_rate: float | None = None  # None: frozen under LoRA, `learning_rate` with full weights
    freeze_vision: bool = True  # leave the vision tower as it is
    max_length: int | None = None  # pairs with a longer plain row are dropped and counted, never cut
    gradient_checkpointing: bool = False  # less memory for a third more time
    dtype: str = "as_loaded"  # of the passes; bfloat16: autocast. What trains is float32 either way
    early_stop: EarlyStop | None = None  # {metric: rewards/accuracies, above: 0.95, steps: 10}
    save_every: int = 20  # steps between saved states
    keep_states: int = 1  # saved states that stay, so that a damaged one is not the only one
    trackers: Names = ("tensorboard",)  # tensorboard and wandb; [] for none
    seed: int = 0  # of the order of the pairs and of dropout

    def facts(self) -> dict[str, Any]:
        """All settings that the final weights depend on, JSON-able."""
        return {k: v for k, v in asdict(self).items() if k not in ("save_every", "keep_states", "trackers")}

    def steps(self, n_pairs: int, repeats: int = 1) -> int:
        """Optimizer steps, parts of one rounded up as in transformers; `repeats` of them learn from the same batch."""
        passes = self.epochs * math.ceil(n_pairs / self.batch_size) - _ROUNDING
        total = max(1, math.ceil(passes)) * repeats
        return total if self.max_steps is None else min(total, self.max_steps)


def make_settings(training: Mapping[str, Any] | None = None, *, seed: int = 0) -> Settings:
    """Settings from an aligner's option `training`; `seed` counts where it has none of its own.

    Raises ConfigError with all that is wrong at once.
    """
    options = {"seed": seed, **(training or {})}
    lora = options.get("lora")
    early = options.get("early_stop")
    made: dict[str, Any] = {
        "lora": None if lora is None else make_lora(_mapping("lora", lora, Lora)),
        "early_stop": None if early is None else make_early_stop(_mapping("early_stop", early, EarlyStop)),
        "trackers": check_trackers(options.get("trackers", ("tensorboard",))),
    }
    settings = Settings(**registry.check_options("option", "training", Settings, {**options, **made}))
    faults = [text for wrong, text in _checks(settings) if wrong]
    if faults:
        raise ConfigError("Invalid training settings: " + "; ".join(faults) + ".")
    return settings


def _mapping(name: str, value: object, holds: type[Lora] | type[EarlyStop]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"training.{name} is {value!r}; it must be a mapping, {{{', '.join(holds.__dataclass_fields__)}}}, or null."
        )
    return value


def make_lora(options: Mapping[str, Any]) -> Lora:
    known = tuple(Lora.__dataclass_fields__)
    unknown = [key for key in options if key not in known]
    if unknown:
        raise ConfigError(f"lora has no key {', '.join(unknown)}; it takes {', '.join(known)}.")
    lora = Lora(**registry.check_options("aligner", "lora", Lora, options))
    if lora.r < 1 or lora.alpha < 1 or not 0 <= lora.dropout < 1:  # with alpha 0 nothing would be learned
        got = f"r {lora.r}, alpha {lora.alpha}, dropout {lora.dropout}"
        raise ConfigError(f"lora needs r and alpha of at least 1 and dropout in [0, 1); got {got}.")
    if lora.targets is not None and not all(isinstance(target, str) and target for target in lora.targets):
        raise ConfigError(f"lora.targets is {lora.targets!r}; it must be a list of names of layers, or a regular expression.")
    if lora.targets is not None and not lora.targets:
        raise ConfigError("lora.targets names no layer; leave it out for every linear layer of the language model.")
    try:
        re.compile(lora.targets if isinstance(lora.targets, str) else "")
    except re.error as error:
        raise ConfigError(
            f"lora.targets, as a text, is a regular expression; {lora.targets!r} is not a valid one: {error}."
        ) from error
    return lora


def check_beta(beta: float) -> float:
    """Raise ConfigError for a beta that would switch the reference off or turn the preference round."""
    if not beta > 0:
        raise ConfigError(f"beta is {beta}; a preference loss needs a number above 0 (0.1 is usual).")
    return beta


def _checks(s: Settings) -> list[tuple[bool, str]]:
    return [
        (not s.learning_rate > 0, f"learning_rate is {s.learning_rate}, must be above 0"),
        (
            s.projector_learning_rate is not None and not s.projector_learning_rate > 0,
            f"projector_learning_rate is {s.projector_learning_rate}, must be above 0; leave it out for its default",
        ),
        (not s.epochs > 0, f"epochs is {s.epochs}, must be above 0"),
        (s.max_steps is not None and s.max_steps < 1, f"max_steps is {s.max_steps}, must be at least 1"),
        (s.batch_size < 1 or s.micro_batch < 1, "batch_size and micro_batch must be at least 1"),
        (not 0 <= s.warmup_ratio < 1, f"warmup_ratio is {s.warmup_ratio}, must be in [0, 1)"),
        (
            s.lora is not None and not s.freeze_vision,
            "freeze_vision: false has no effect with lora; name layers in lora.targets",
        ),
        (s.schedule not in SCHEDULES, f"schedule is {s.schedule!r}, choose {', '.join(SCHEDULES)}"),
        (s.weight_decay < 0 or s.clip < 0, "weight_decay and clip cannot be negative"),
        (s.dtype not in DTYPES, f"dtype is {s.dtype!r}, choose {', '.join(DTYPES)}"),
        (s.save_every < 1 or s.keep_states < 1, "save_every and keep_states must be at least 1"),
        (s.max_length is not None and s.max_length < 2, f"max_length is {s.max_length}, must be at least 2"),
    ]


def learning_rate_factor(step: int, total: int, schedule: str, warmup_ratio: float) -> float:
    """Share of the full learning rate at step 0..total-1.

    As in transformers but for the warm-up, which starts above 0, so that the first step is not lost. Its steps are rounded up,
    so that a training of a single step has half the rate (0 in transformers) unless `warmup_ratio` is 0.
    """
    warmup = math.ceil(warmup_ratio * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, total - warmup)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return 1 - progress if schedule == "linear" else 1.0
