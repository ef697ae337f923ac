"""The pairs that a training left out, one a row, in `dropped.jsonl` beside its result.

    {"id": "RLHF-V/17", "images": ["a/3f0a.jpg"], "reason": "unreadable image", "what": "3f0a.jpg cannot be read ..."}

`what` is the image that is missing, or what is wrong with one. There is no file where none was left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from alignment.data.invalid_pairs import Dropped
from alignment.training.diagnosis import dropped_note
from harness.core.edge.files import is_file
from harness.core.files import write_text_whole
from harness.core.plugins import Trained
from harness.core.preference import PreferencePair

FILE = "dropped.jsonl"


@runtime_checkable
class CountsDropped(Protocol):
    """What an alignment ended in that counts the pairs it was given (`asked`), and those that it left out, by reason."""

    @property
    def asked(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...


def write_dropped(folder: Path, dropped: Sequence[Dropped], pairs: Sequence[PreferencePair]) -> None:
    """In the order in which `pairs` were given."""
    why = {one.id: one for one in dropped}
    rows = [
        {"id": pair.id, "images": list(pair.images), "reason": why[pair.id].reason, "what": why[pair.id].what}
        for pair in pairs
        if pair.id in why
    ]
    if rows:
        write_text_whole(folder / FILE, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def note_of_training(folder: Path, dropped: Mapping[str, int], asked: int) -> tuple[str, ...]:
    """The note of a training in this folder on the pairs that it left out, or none; it names the list where there is one (an
    older version wrote none)."""
    return dropped_note(dropped, asked, FILE if is_file(folder / FILE) else "")


def training_lines(done: Trained) -> tuple[str, ...]:
    """What a run says when a training has ended: its notes, that on pairs that were left out with the path of their list."""
    if not isinstance(done, CountsDropped):
        return tuple(done.notes)
    folder = done.folder.parent
    listed = folder / FILE
    with_path = dropped_note(done.dropped, done.asked, str(listed) if is_file(listed) else "")
    theirs = note_of_training(folder, done.dropped, done.asked)
    return (*with_path, *(note for note in done.notes if note not in theirs))
