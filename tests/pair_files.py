"""Pair files for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from alignment.data.pairs import pairs_text
from harness.core.files import write_text_whole
from harness.core.preference import PreferencePair


def write_pairs(path: Path, pairs: Iterable[PreferencePair]) -> None:
    write_text_whole(path, pairs_text(pairs))
