"""What a training in other processes leaves in its arm's folder: its starts, what it ended in, or the fault that stopped it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core import errors
from harness.core.errors import HarnessError, TrainingError
from harness.storage.run_folder import read_json

RESULT, FAULT, STARTS = "trained.json", "fault.json", "starts.txt"


@dataclass(frozen=True)
class Result:
    """What an alignment ended in, as it came from another process."""

    log: tuple[Mapping[str, float], ...]
    folder: Path
    step: int
    notes: tuple[str, ...]
    dropped: Mapping[str, int]
    asked: int


def note_start(place: Path) -> None:
    """Called by the first process of a training whenever its processes start."""
    with (place / STARTS).open("a", encoding="utf-8") as file:
        file.write("started\n")


def lost_in(place: Path) -> int:
    """How often all processes were started again, since one was lost."""
    path = place / STARTS
    return max(path.read_text(encoding="utf-8").count("\n") - 1, 0) if path.is_file() else 0


def fault_in(place: Path) -> HarnessError | None:
    found = read_json(place / FAULT)
    if found is None:
        return None
    kind = getattr(errors, found[0], TrainingError)
    return TrainingError(found[1]) if kind in (errors.ImageError, errors.Unanswered) else kind(found[1])


def result_in(place: Path) -> Result:
    found = read_json(place / RESULT)
    if found is None:
        raise TrainingError(
            f"{place.name} was trained, but {place / RESULT} is not there. All hosts must see the output folder."
        )
    made = tuple(found["log"]), place / found["folder"], found["step"], tuple(found["notes"])
    return Result(*made, found.get("dropped", {}), found.get("asked", 0))
