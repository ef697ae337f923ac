"""Prompt styles: how a benchmark's question is worded by its authors and by the harnesses whose numbers are published.

The ending of a prompt moves a score more than most methods do, so the style stands in the protocol. A benchmark names the
styles it knows in `styles`, {name: what is added to the question}; `--style llava` picks one over a whole sweep.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean

WORD_OR_PHRASE = "\nAnswer the question using a single word or phrase."  # LLaVA-1.5's question files
LETTER = "\nAnswer with the option's letter from the given choices directly."


def ending(style: str, styles: Mapping[str, str], who: str) -> str:
    """What a style adds to a question. Raises ConfigError for a style that the benchmark does not have."""
    if style not in styles:
        known = ", ".join(styles)
        raise ConfigError(f"{who} has no prompt style {style!r}.{did_you_mean(style, styles)} Choose one of {known}.")
    return styles[style]


def chosen(value: str, known: Mapping[str, object], who: str, what: str = "variant") -> str:
    """A name out of a table. Raises ConfigError naming the nearest and all."""
    if value not in known:
        names = ", ".join(known)
        raise ConfigError(f"{who} has no {what} {value!r}.{did_you_mean(value, known)} Choose one of {names}.")
    return value
