"""A preference pair: one prompt with a better answer and one or more worse ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """One prompt with a better answer and one or more worse ones.

    A rated answer without a counterpart is a pair with one side only: `chosen` "" or `rejected` (); the aligner `kto` reads it.
    `context` is the beginning of the answer that is given and not trained on: both sides are a sentence that may follow it
    (sentence-level pairs).
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
    context: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers, the better one first where there is one."""
        return (self.chosen, *self.rejected) if self.chosen else self.rejected
