"""Options that have no effect beside others: a study that sets one means something else, so that it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.core import registry
from harness.core.errors import ConfigError

Case = tuple[bool, str, Sequence[str]]  # whether it holds, why ("without `model`"), the options that then have no effect


def refuse_unused(kind: str, name: str, options: Mapping[str, Any], *cases: Case) -> None:
    """Raise ConfigError for options of a plug-in that have no effect. One that is given its default value is not refused: a
    study may write all of them out, and an arm may take them over from another."""
    defaults = {option.name: option.default for option in registry.options(kind, name)}
    for holds, why, unused in cases:
        if holds and (wrong := [option for option in unused if options[option] != defaults[option]]):
            have = "has" if len(wrong) == 1 else "have"
            raise ConfigError(
                f"{name}: {' and '.join(wrong)} {have} no effect {why}. Take {'it' if have == 'has' else 'them'} out."
            )
