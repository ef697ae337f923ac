"""Rejected answers that mention as much and are about as long as the chosen ones.

Not in the study. On the miniature world its rejected answers named fewer things than the chosen ones, and DPO learned
"mention more" from that; pairs that differ in what is said, not in how much, turned it round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignment.data.noun_counts import Vocabulary, n_words
from harness.core.errors import ConfigError

MATCH_KEYS = ("mentions", "length", "vocabulary", "unit")


@dataclass(frozen=True, slots=True)
class Match:
    """Tolerances: noun mentions may differ by `mentions`, words by the share `length` of the chosen answer's."""

    vocabulary: Vocabulary
    mentions: int = 0
    length: float = 0.1
    unit: str = "answer"  # what must match: "answer", or "sentence" by sentence (re-draws only those that do not)

    def fits(self, rejected: str, chosen: str) -> bool:
        difference = abs(len(self.vocabulary.mentions(rejected)) - len(self.vocabulary.mentions(chosen)))
        words = n_words(chosen)
        # rounding must not forbid a sentence of four words to become one of five at a tolerance of a quarter
        return difference <= self.mentions and abs(n_words(rejected) - words) <= self.length * words + 1e-9


def check_match(options: Mapping[str, Any]) -> None:
    """Raise ConfigError for an unknown key or a value out of range."""
    unknown = [key for key in options if key not in MATCH_KEYS]
    if unknown:
        raise ConfigError(f"matched has no key {', '.join(unknown)}; it takes {', '.join(MATCH_KEYS)}.")
    if options.get("unit", "answer") not in ("answer", "sentence"):
        raise ConfigError(f"matched.unit is {options['unit']!r}; choose answer or sentence.")
    if options.get("mentions", 0) < 0 or options.get("length", 0.1) < 0:
        raise ConfigError("matched.mentions and matched.length are tolerances and cannot be negative.")
