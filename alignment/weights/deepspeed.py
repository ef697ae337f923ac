"""DeepSpeed's ZeRO: optimizer states (stage 1) and gradients too (stage 2) divided among the processes.

By accelerate's configuration: `accelerate launch --use_deepspeed --zero_stage 2 -m harness run ...`, or a DeepSpeed file named
there. The study's settings decide batch, clipping, learning rate, precision and optimizer; the file
decides the rest, for example offloading. States and checkpoints are written whole, in the format of every other training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from alignment.settings import Settings
from alignment.weights.replicated import Replicated, Step
from alignment.weights.trainable import Trainable
from alignment.weights.workers import Workers
from harness.core.edge.foreign import imported
from harness.core.errors import ConfigError

T = TypeVar("T")
OURS = ("optimizer", "scheduler", "fp16")  # of a DeepSpeed file: decided by the study's settings
MOMENTS = ("exp_avg", "exp_avg_sq")  # of AdamW


class Zero(Replicated):
    """Weights whole, a part of the optimizer's state in each process, by DeepSpeed's engine. Raises as `configuration` does."""

    in_step = True

    def __init__(self, trained: Trainable, workers: Workers) -> None:
        super().__init__(trained, workers)
        self._file = configuration(workers)
        self.loss_scale = float(workers.count)  # DeepSpeed takes the mean over processes, a step's loss is a sum over them
        self._engine: Any = None
        self._numbered: list[Any] = []  # the trained weights in the order in which an optimizer numbers them
        self._groups: list[dict[str, Any]] = []

    def optimizer(self, settings: Settings) -> Optimizer:
        import deepspeed

        groups = self.trained.groups(settings)
        self._numbered = [weight for group in groups for weight in group["params"]]
        plain = torch.optim.AdamW(groups)
        self._groups = plain.state_dict()["param_groups"]
        own = {
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            "managed_gradient_accumulation": False,
            "gradient_clipping": settings.clip,
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "bf16": {"enabled": False},  # what trains is float32; the policy makes its passes in its own precision
            "torch_autocast": {"enabled": False},
        }
        optimizer: Optimizer
        self._engine, optimizer, _, _ = deepspeed.initialize(
            model=Step(self.trained.module, self.trained.heads), optimizer=plain, config={**self._file, **own}
        )
        return optimizer

    def run(self, work: Callable[[], T], has_images: bool) -> T:
        done: T = self._engine(work)
        return done

    def backward(self, loss: Tensor) -> None:
        self._engine.backward(loss * self.loss_scale)

    def update(self, optimizer: Optimizer, most: float, check: Callable[[float], None]) -> float:
        """As of every other training, but the norm is known only behind the step; the saved state is what is left."""
        self._engine.step()
        norm = self._engine.get_global_grad_norm()
        check(math.nan if norm is None else float(norm))
        return float(norm)

    def held(self, optimizer: Any) -> dict[str, Any]:
        """In the format of a training that nothing divides; of half-precision weights the full-precision ones."""
        from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

        _link(optimizer)
        step = next(iter(optimizer.optimizer.state.values()))["step"]
        rows = {
            i: {"step": step.clone()} | {name: safe_get_full_optimizer_state(weight, name) for name in MOMENTS}
            for i, weight in enumerate(self._numbered)
        }
        weights = {name: safe_get_full_fp32_param(weight).detach() for name, weight in self.trained.weights.items()}
        return {"weights": weights, "optimizer": {"state": rows, "param_groups": self._groups}}

    def restore(self, optimizer: Any, state: Mapping[str, Any]) -> None:
        """Put back what `held` of any strategy gave: without moments of a weight that had no gradient yet, which are 0."""
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

        rows = state["optimizer"]["state"]
        steps = next(iter(rows.values()))["step"]  # of the weights that had a gradient
        for flat in (part for group in optimizer.optimizer.param_groups for part in group["params"]):
            moments = {name: torch.zeros_like(flat) for name in MOMENTS}
            optimizer.optimizer.state[flat] = {"step": steps.clone(), **moments}
        _link(optimizer)
        with torch.no_grad():
            for name, weight in self.trained.weights.items():
                value = state["weights"][name].to(weight.device)
                weight.copy_(value)
                safe_set_full_fp32_param(weight, value.float())
            for i, weight in enumerate(self._numbered):
                for name in MOMENTS if i in rows else ():
                    safe_set_full_optimizer_state(weight, rows[i][name].to(weight.device), name)


def _link(optimizer: Any) -> None:
    """Let weights find their part of the optimizer's state.

    DeepSpeed (0.19) does it for all groups behind the first one's step, when the others have no state yet.
    """
    optimizer._hp_optimizer_states_linked = False
    optimizer._lazy_init_hp_params_optimizer_state()


def configuration(workers: Workers) -> dict[str, Any]:
    """DeepSpeed's configuration as given to accelerate, without the values that are left to be filled in.

    Raises ConfigError where DeepSpeed is not installed, has one process, or its file asks for ZeRO-3 or sets what the study
    decides.
    """
    imported("deepspeed", "DeepSpeed is not installed: `pip install deepspeed`, or start without it.")
    if workers.count == 1:
        raise ConfigError("DeepSpeed has nothing to divide with one process; start without `--use_deepspeed`, or with more.")
    from accelerate.utils import DeepSpeedPlugin

    given: dict[str, Any] = DeepSpeedPlugin().deepspeed_config
    if named := [key for key in OURS if key in given]:
        raise ConfigError(f"The DeepSpeed file sets {', '.join(named)}, which the study's settings decide. Remove these keys.")
    filled: dict[str, Any] = _filled(given)
    if int(filled.get("zero_optimization", {}).get("stage", 0)) == 3:
        raise ConfigError(
            "ZeRO-3 is not supported; FSDP2 divides the same: `accelerate launch --use_fsdp --fsdp_version 2`. "
            "ZeRO stages 1 and 2 are."
        )
    return filled


def _filled(value: Any) -> Any:  # Any: a JSON value
    if isinstance(value, dict):
        return {k: _filled(v) for k, v in value.items() if v != "auto" and v is not None and k != "train_batch_size"}
    return value
