"""What is needed to resume after a kill, bit for bit: one file with weights, optimizer, step and the log up to it. (Every step
seeds its own random numbers.)

Trainable weights are kept under their names in memory. (`save_pretrained` writes LLaVA under older names, which is
why TRL's full-weight resume loads nothing.) The log is a file of its own too, which is written again from the state: running
means and rules that end a training go on from its rows, and what is appended to a file may be lost with the power.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor
from torch.optim import Optimizer

from alignment.weights.code_used import code_used
from alignment.weights.replicated import Replicated
from alignment.weights.trainable import ADAPTER_B
from harness.core.edge.foreign import words_of
from harness.core.edge.versions import code_digest
from harness.core.errors import TrainingError
from harness.core.files import write_text_whole, write_whole

STATES = Path("state")
LOG = Path("log.jsonl")
LogRow = dict[str, float]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a training's folder is compared with before it goes on.

    fingerprint: of settings, pairs, the content of their images and base weights. earlier: the same as versions wrote it that
    knew an image without a digest by its name alone. rows: of the pairs that are left once images were read and lengths are
    known; "" before that.
    """

    fingerprint: str
    earlier: str
    rows: str = ""

    def facts(self) -> dict[str, str]:
        """What is kept of it."""
        return {"fingerprint": self.fingerprint, "rows": self.rows}

    def require_same(self, folder: Path, found: Mapping[str, Any]) -> None:
        """Raise TrainingError where a folder holds a training with other settings, pairs, images or base weights."""
        if found["fingerprint"] not in (self.fingerprint, self.earlier):
            raise TrainingError(
                f"{folder} holds a training with other settings, pairs, images or base weights.{_of_another_version(folder)} "
                "Remove it or name another folder."
            )

    def require_same_rows(self, folder: Path, found: Mapping[str, Any]) -> None:
        """Raise TrainingError where it was trained on other pairs of the same list; older versions do not tell."""
        if found.get("rows", self.rows) != self.rows:
            raise TrainingError(
                f"{folder} holds a training on other rows of the same pairs: images that cannot be read now could be read when "
                f"it began, or the other way round. Put the images back as they were, or remove {folder} to train again."
            )


def save_state(folder: Path, log: Sequence[LogRow], held: Mapping[str, Any], identity: Identity, keep: int = 1) -> None:
    """Write the state after the steps of `log`: `held` is {"weights": ..., "optimizer": ...}, whole tensors.

    Of the states before it the newest stay, `keep` in all.
    """
    step = len(log)
    path = folder / STATES / f"step-{step:08d}.pt"
    state = {**identity.facts(), "step": step, "log": _lines(log), **held}
    try:
        write_whole(path, lambda part: torch.save(state, part))
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        raise TrainingError(
            f"The training state could not be written to {path}: {_why(error)}. The state before it is kept; "
            "free disk space and run the same command again."
        ) from error
    remove_older_states(folder, step, keep)


def _why(error: OSError | RuntimeError) -> str:
    """Torch says of a full disk "[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"."""
    return words_of(error) if isinstance(error, OSError) else f"the disk took no more ({words_of(error)})"


def remove_older_states(folder: Path, step: int, keep: int) -> None:
    """Of the states up to the one of `step` the newest `keep` stay: a kill before this leaves one more."""
    for old in [path for path in _states(folder) if path.name <= f"step-{step:08d}.pt"][keep:]:
        old.unlink()


def _states(folder: Path) -> list[Path]:
    """The states of a training, newest first."""
    return sorted((folder / STATES).glob("step-*.pt"), reverse=True)


def load_state(folder: Path, shards: Replicated, optimizer: Optimizer, identity: Identity) -> list[LogRow]:
    """Put weights and optimizer back in place; returns the log of the steps done, none without a state.

    A state that cannot be read is passed over for the one before it, if that was kept.
    """
    state = _newest(folder)
    if state is None:
        return []
    identity.require_same(folder, state)
    identity.require_same_rows(folder, state)
    saved: dict[str, Tensor] = state["weights"]
    if saved.keys() != shards.trained.weights.keys():
        raise TrainingError(
            f"{folder / STATES} holds other weights than this model trains.{_of_another_version(folder)} Remove {folder}."
        )
    _require_products(folder, state)
    log = _log_of(folder, state)
    shards.restore(optimizer, state)
    return log


def _of_another_version(folder: Path) -> str:
    """The likely cause where other code took the last steps of a training than this; "" where it is the same."""
    last = code_used(folder)[-1:]
    if last == [code_digest()]:
        return ""
    before = f"code {last[0]}" if last and last[0] else "an earlier one, which kept no digest of its code"
    return (
        f" Another version of this package made it ({before}; here is code {code_digest()}): where nothing of these was "
        "changed, that is the cause, and this version cannot go on from there."
    )


def _require_products(folder: Path, state: Mapping[str, Any]) -> None:
    """Raise TrainingError for a state of an older version (without a log) whose reference has moved under LoRA: it mixed an
    adapter's matrices one by one, and what follows would mix their products."""
    held = state.get("reference", {}) if "log" not in state else {}
    if any(bool(value.any()) for name, value in held.items() if ADAPTER_B in name):
        raise TrainingError(
            f"{folder} holds a training whose reference was moved by an earlier version, which mixed the two matrices of each "
            f"adapter one by one; it cannot be continued. Remove {folder} to train again."
        )


def _log_of(folder: Path, state: Mapping[str, Any]) -> list[LogRow]:
    """The log up to a state. Raises TrainingError where the state is of an older version, which kept the log beside it alone,
    and rows of that are lost."""
    if "log" in state:
        return [json.loads(line) for line in state["log"].splitlines()]
    steps = int(state["step"])
    if len(log := read_log(folder, steps)) < steps:
        raise TrainingError(
            f"{folder / LOG} has {len(log):,} rows that can be read and the training's state is that of step {steps:,}: "
            f"running means and rules that end it early go on from these rows. Put the file back, or "
            f"remove {folder} to train again."
        )
    return log


def _newest(folder: Path) -> dict[str, Any] | None:
    fault = ""
    for path in _states(folder):
        try:
            _require_intact(path)
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return state
        except Exception as error:  # torch and zipfile raise many kinds for a broken file
            fault = fault or f"{path} cannot be read ({error})"
    if fault:
        raise TrainingError(f"{fault}; remove {folder} to train again from the start.")
    return None


def _require_intact(path: Path) -> None:
    """Read the file once for its checksums: torch writes one for every tensor but does not look at them."""
    with ZipFile(path) as file:
        if damaged := file.testzip():
            raise BadZipFile(f"the checksum of {damaged} is wrong: the file has changed since it was written")


def append_log(folder: Path, row: LogRow) -> None:
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(_lines([row]))


def read_log(folder: Path, steps: int) -> list[LogRow]:
    """The first `steps` rows, up to one that cannot be read: a kill may leave half a last line, a bad disk anything."""
    path = folder / LOG
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    rows: list[LogRow] = []
    for line in lines[:steps]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(row, dict):
            break
        rows.append(row)
    return rows


def write_log(folder: Path, rows: Sequence[LogRow]) -> None:
    """In the place of what is there."""
    write_text_whole(folder / LOG, _lines(rows))


def _lines(rows: Sequence[LogRow]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
