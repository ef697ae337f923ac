"""Rejected answers that mention as much and are about as long as the chosen ones.

Not in the study. On the miniature world its rejected answers named fewer things than the chosen ones, and DPO learned
"mention more" from that; pairs that differ in what is said, not in how much, turned it round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignment.data.noun_counts import Vocabulary, n_words
from harness.core import registry
from harness.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Match:
    """Tolerances: noun mentions may differ by `mentions`, words by the share `length` of the chosen answer's."""

    vocabulary: Vocabulary
    mentions: float = 0
    length: float = 0.1
    unit: str = "answer"  # what must match: "answer", or "sentence" by sentence (re-draws only those that do not)

    def fits(self, rejected: str, chosen: str) -> bool:
        difference = abs(len(self.vocabulary.mentions(rejected)) - len(self.vocabulary.mentions(chosen)))
        words = n_words(chosen)
        # rounding must not forbid a sentence of four words to become one of five at a tolerance of a quarter
        return difference <= self.mentions and abs(n_words(rejected) - words) <= self.length * words + 1e-9


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The option `matched` of `bdhs`: see `Match`."""

    mentions: float = 0
    length: float = 0.1
    unit: str = "answer"
    vocabulary: str = ""  # file of nouns in the data folder; "" is the source's own


def check_match(options: Mapping[str, Any]) -> dict[str, Any]:
    """The option with numbers that YAML reads as text in their type.

    Raises ConfigError for an unknown key, a value of another type or one out of range.
    """
    made = registry.check_options("option", "matched", Tolerances, options)
    if made.get("unit", "answer") not in ("answer", "sentence"):
        raise ConfigError(f"matched.unit is {made['unit']!r}; choose answer or sentence.")
    if made.get("mentions", 0) < 0 or made.get("length", 0.1) < 0:
        raise ConfigError("matched.mentions and matched.length are tolerances and cannot be negative.")
    return made
