"""Changes of a study on the command line: `key.path=value`, where a path goes through lists by number, label or name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.config import yaml_text
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean


def changed(tree: dict[str, Any], overrides: Sequence[str], faults: list[str]) -> dict[str, Any]:
    """The same tree after the changes; those that cannot be made are added to `faults`."""
    for override in overrides:
        try:
            _override(tree, override)
        except ConfigError as error:
            faults.append(str(error))
    return tree


def _override(tree: dict[str, Any], text: str) -> None:
    path, equals, raw = text.partition("=")
    if not equals or not path:
        raise ConfigError(f"{text!r} is not of the form key.path=value.")
    value = yaml_text.parse(raw, f"The value in {text!r}")
    *parents, last = path.split(".")
    place: Any = tree
    for part in parents:
        place = _step(place, part, text)
    if isinstance(place, list):
        place[_index(place, last, text)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise ConfigError(f"{text!r}: {'.'.join(parents)} has no keys below it.")


def _step(place: Any, part: str, text: str) -> Any:  # Any: a YAML value
    if isinstance(place, list):
        return place[_index(place, part, text)]
    if isinstance(place, dict):
        return place.setdefault(part, {})
    raise ConfigError(f"{text!r}: there is nothing below {part!r}.")


def _index(place: list[Any], part: str, text: str) -> int:
    """A place in a list: its number, or the label or name of what stands there."""
    if part.isdigit() and int(part) < len(place):
        return int(part)
    for key in ("label", "name"):
        for number, entry in enumerate(place):
            if isinstance(entry, dict) and entry.get(key) == part:
                return number
    names = [str(entry[key]) for key in ("label", "name") for entry in place if isinstance(entry, dict) and key in entry]
    raise ConfigError(
        f"{text!r}: {part!r} is neither a place in a list of {len(place)} (the first is 0) nor a name in it."
        f"{did_you_mean(part, names)}"
    )
