"""Digests of large files, kept in a file as long as what they are of keeps its state (`file_state`)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.core.files import write_text_whole


class RememberedDigests:
    """Digests by name in `file`, which is read when the first one is asked for; one that cannot be written only costs time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[Any]] | None = None
        self._passing = set[str]()

    def digest(self, name: str, state: Sequence[object], make: Callable[[], str], lasting: bool = True) -> str:
        """The digest of what has this state, a JSON value; made where it is not known. lasting: for other processes too."""
        known, now = self._read(), json.loads(json.dumps(state))
        if name not in known or known[name][:-1] != now:
            known[name] = [*now, make()]
            self._passing = self._passing - {name} if lasting else self._passing | {name}
            if lasting:
                self._write({other: value for other, value in known.items() if other not in self._passing})
        return str(known[name][-1])

    def _read(self) -> dict[str, list[Any]]:
        if self._known is None:
            try:
                self._known = dict(json.loads(self._file.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                self._known = {}
        return self._known

    def _write(self, known: dict[str, list[Any]]) -> None:
        with contextlib.suppress(OSError):
            write_text_whole(self._file, json.dumps(known))
