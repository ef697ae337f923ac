"""By which code a training has taken its steps, in `code.json`: [[the first step, digest of the code], ...]."""

from __future__ import annotations

import json
from pathlib import Path

from harness.core.edge.versions import code_digest
from harness.core.files import write_text_whole

FILE = "code.json"
_UNKNOWN = ""  # of a version that kept none


def note_code(folder: Path, start: int) -> None:
    """Keep that the steps after `start` are taken by this process' code; what was noted of steps that are done again goes."""
    rows = [(step, code) for step, code in _noted(folder) if step < start] or ([(0, _UNKNOWN)] if start else [])
    if not rows or rows[-1][1] != code_digest():
        rows.append((start, code_digest()))
    write_text_whole(folder / FILE, json.dumps(rows) + "\n")


def code_used(folder: Path) -> list[str]:
    """The digests in the order of the steps, "" of an earlier version."""
    return [code for _, code in _noted(folder)]


def _noted(folder: Path) -> list[tuple[int, str]]:
    try:
        return [(int(step), str(code)) for step, code in json.loads((folder / FILE).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
