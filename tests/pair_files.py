"""Pair files for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from alignment.data.pairs import pairs_text
from harness.core.preference import PreferencePair


def write_pairs(path: Path, pairs: Iterable[PreferencePair]) -> None:
    path.write_text(pairs_text(pairs), encoding="utf-8")
