"""A preference pair: one prompt with a better answer and one or more worse ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """One prompt with a better answer and one or more worse ones.

    `image` is relative to the data folder; `image_digest` is sha256 of the file; `meta` is provenance
    (tries, similarity, seed, ...) that training ignores.
    """

    id: str
    image: str
    image_digest: str
    prompt: str
    chosen: str
    rejected: tuple[str, ...]
    source: str
    meta: Mapping[str, Any] = field(default_factory=dict)
