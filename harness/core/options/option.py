"""One option of a plug-in, as `list`, the checks and the JSON schema know it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

NEEDED: Any = object()  # the default of an option that must be given
# Annotations of options:
PromptText = str  # a text that a model reads; its blanks and its `#` are part of it, and it may be empty where its default is
Names = Sequence[str]  # in which nothing stands twice
GIVEN = ("judge", "reward", "data", "policy", "reference")  # parameters that the harness fills in


def option_name(parameter: str) -> str:
    """The option that a parameter is: `from_` is `from`, a word of Python's own."""
    return parameter.removesuffix("_") if iskeyword(parameter.removesuffix("_")) else parameter


def as_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as arguments of the plug-in: {"from": ..} -> {"from_": ..}."""
    return {f"{name}_" if iskeyword(name) else name: value for name, value in options.items()}


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `type` is the annotation as written; `default` is `NEEDED` where there is none; `about` is one line."""

    name: str
    type: str
    default: Any
    about: str

    @property
    def needed(self) -> bool:
        return self.default is NEEDED

    @property
    def default_text(self) -> str:
        """The default as one would write it in a study."""
        if self.needed:
            return "(must be given)"
        return json.dumps(self.default, ensure_ascii=False, default=str)
