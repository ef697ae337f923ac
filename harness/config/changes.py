"""Changes of a study on the command line: `key.path=value`, where a path goes through lists by number, label or name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config import yaml_text
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean

# Options of plug-ins that hold words of a prompt, such as `prompt_suffix`: a blank or a `#` of theirs is what the model reads.
_PROMPT = re.compile(r"(?:^|_)(?:prompt|suffix|prefix)$")


def changed(tree: dict[str, Any], overrides: Sequence[str], faults: list[str]) -> dict[str, Any]:
    """The same tree after the changes; those that cannot be made are added to `faults`."""
    for override in overrides:
        try:
            _override(tree, override)
        except ConfigError as error:
            faults.append(str(error))
    return tree


def refuse_twice(options: Mapping[str, object], changes: Sequence[str]) -> None:
    """Raise ConfigError where a change sets the key of an option that is given too: one of the two would do nothing.

    options: key of the study -> value, None where it is not given. "sweep.*.limit" is a key of every benchmark: a change of one
    benchmark's is no contradiction, one of the benchmark as a whole, or of all of them, is.
    """
    for change in changes:
        path = change.partition("=")[0]
        for key in (key for key, value in options.items() if value is not None):
            every = key.startswith("sweep.*.") and path.startswith("sweep.") and path.count(".") == 1
            if path == key:
                raise ConfigError(f"{change!r} sets {key} again, which is given as an option too. Give one of the two.")
            if every or key.startswith(f"{path}."):
                raise ConfigError(
                    f"{change!r} replaces all of {path}, and with it `{key.removeprefix('sweep.*.')}`, which is given as an "
                    "option too. Give one of the two."
                )


def _override(tree: dict[str, Any], text: str) -> None:
    path, equals, raw = text.partition("=")
    if not equals or not path:
        raise ConfigError(f"{text!r} is not of the form key.path=value.")
    *parents, last = path.split(".")
    parse = yaml_text.parse_prompt if _PROMPT.search(last) else yaml_text.parse
    value = parse(raw, f"The value in {text!r}")
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
