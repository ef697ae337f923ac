"""What all sources of ready-made pairs do after reading: find the images, leave out what cannot train, sample, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alignment.data.invalid_pairs import Dropped, validate
from alignment.data.noun_counts import Vocabulary
from alignment.data.pairs import sample
from alignment.data.yield_report import yield_report
from harness.core.plugins import Data
from harness.core.preference import PreferencePair

NOUNS = "nouns.txt"


def from_rows(
    read: Sequence[PreferencePair], dropped: Sequence[Dropped], data: Data, options: Mapping[str, Any], seed: int
) -> tuple[list[PreferencePair], dict[str, Any]]:
    """(pairs, yield report). Options used: `image_folder` in front of every image, `limit` pairs by seed.

    The limit is drawn from the pairs that can train, so that a run gets as many as it asked for where there are enough.
    """
    folder, limit = str(options.get("image_folder") or "").strip("/"), options.get("limit")
    placed = [replace(p, image=f"{folder}/{p.image}") if folder and p.image else p for p in read]
    kept, unfit = validate(placed, data.folder)
    asked = len(read) + len(dropped)
    if limit is not None and limit < len(kept):
        kept = sample(kept, limit, seed)
    pairs = [replace(p, image_digest=data.digest(p.image)) if p.image else p for p in kept]
    report = yield_report(dict(options), asked, pairs, [], [*dropped, *unfit], nouns(data))
    return pairs, report


def nouns(data: Data, name: str = NOUNS) -> Vocabulary | None:
    """The data folder's vocabulary, if it has one."""
    return Vocabulary.parse(data.read_text(name), name) if data.has(name) else None
