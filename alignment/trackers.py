"""Where a training can be watched: TensorBoard files, Weights & Biases. The log of record stays log.jsonl."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from harness.core.edge.foreign import imported, refused_as
from harness.core.errors import ConfigError

NAMES = ("tensorboard", "wandb")
_NOT_INSTALLED = "trackers: {0} is not installed; `pip install {0}`, or leave it out."
_NO_START = "trackers: wandb does not start"
_LOG_IN = "Log in (`wandb login`), keep the run on this disk (WANDB_MODE=offline), or leave it out of `trackers`."


class Tracker(Protocol):
    """Shows one row of numbers a step."""

    def log(self, step: int, row: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    """Event files in `folder`/tensorboard. What a killed run logged after its last state is purged."""

    def __init__(self, folder: Path, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)

    def log(self, step: int, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class Wandb:
    """A run of Weights & Biases in the project mm-align-harness; offline or online as its own environment says."""

    def __init__(self, folder: Path, start: int) -> None:
        name = "-".join(part for part in folder.parts[-4:] if part not in ("arms", "train"))
        with refused_as(ConfigError, _NO_START, _LOG_IN):
            self._run: Any = _wandb().init(project="mm-align-harness", name=name, id=name, dir=str(folder), resume="allow")

    def log(self, step: int, row: Mapping[str, float]) -> None:
        self._run.log(dict(row), step=step)

    def close(self) -> None:
        self._run.finish()


def check_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """The names as given. Raises ConfigError for one that does not exist or is not installed."""
    if not isinstance(names, (list, tuple)) or any(name not in NAMES for name in names):
        raise ConfigError(f"trackers is {names!r}; give a list of some of {', '.join(NAMES)} ([] for none).")
    for name in names:
        if not _is_installed(name):
            raise ConfigError(_NOT_INSTALLED.format(name))
    return tuple(names)


def check_access(names: Sequence[str]) -> None:
    """Raises ConfigError where a tracker cannot be used: it cannot be imported, nobody is logged in, or its server is away.

    For the time before anything is swept: it may take seconds and may use the network, as the tracker itself will.
    """
    if "wandb" in names:
        with refused_as(ConfigError, _NO_START, _LOG_IN):
            _wandb().login()


def _wandb() -> Any:  # Any: the package has types of its own, and may not be installed
    return imported("wandb", _NOT_INSTALLED.format("wandb"))


def _is_installed(package: str) -> bool:
    """Without importing it, which takes seconds."""
    return sys.modules[package] is not None if package in sys.modules else find_spec(package) is not None


def trackers(names: Sequence[str], folder: Path, start: int) -> list[Tracker]:
    """Open them; `start` steps are done already."""
    kinds: dict[str, Any] = {"tensorboard": TensorBoard, "wandb": Wandb}
    return [kinds[name](folder, start) for name in names]
