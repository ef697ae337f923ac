"""Changes of a study on the command line: `key.path=value`, where a path goes through lists by number, label or name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config import yaml_text
from harness.config.option_faults import plugins_of
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean
from harness.core.options.types import is_prompt

_IN_WORDINGS = re.compile(r"\.wordings\.\d+$")


def changed(tree: dict[str, Any], overrides: Sequence[str], faults: list[str]) -> dict[str, Any]:
    """The same tree after the changes; those that cannot be made, or that would undo one before, are added to `faults`."""
    made: dict[tuple[str, ...], str] = {}  # place that was set -> the change that did
    for override in overrides:
        try:
            place = _override(tree, override)
        except ConfigError as error:
            faults.append(str(error))
            continue
        undone = [(at, one) for at, one in made.items() if at[: len(place)] == place and one != override]
        faults += [_undone(before, override, at == place) for at, before in undone]
        made[place] = override
    return tree


def _undone(before: str, change: str, same_key: bool) -> str:
    """What to say of a change that does nothing, since a later one sets its key again, or all that the key is in."""
    if same_key:
        return f"{change!r} sets what {before!r} before it sets. Keep one of the two."
    key = change.partition("=")[0]
    return f"{change!r} replaces all of {key}, and with it {before!r} before it. Give it first, or leave one of the two out."


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


def _override(tree: dict[str, Any], text: str) -> tuple[str, ...]:
    """Make a change; its place in the tree, where entries of lists are numbers."""
    path, equals, raw = text.partition("=")
    if not equals or not path:
        raise ConfigError(f"{text!r} is not of the form key.path=value.")
    *parents, last = path.split(".")
    place: Any = tree
    where = []
    for part in parents:
        where.append(str(_index(place, part, text)) if isinstance(place, list) else part)
        place = _step(place, part, text)
    is_prompt_text = _is_prompt(tree, ".".join(where), last)
    if not raw.strip() and not is_prompt_text:
        raise ConfigError(f"{text!r} gives no value, as an unset variable of the shell does. Write {path}=null for none.")
    value = (yaml_text.parse_prompt if is_prompt_text else yaml_text.parse)(raw, f"The value in {text!r}")
    if isinstance(place, list):
        number = _index(place, last, text)
        place[number] = value
        return (*where, str(number))
    if not isinstance(place, dict):
        raise ConfigError(f"{text!r}: {'.'.join(parents)} has no keys below it.")
    place[last] = value
    return (*where, last)


def _is_prompt(tree: Mapping[str, Any], where: str, option: str) -> bool:
    """Whether a model reads the text of this option of the plug-in at a place: a blank or a `#` is then a part of it."""
    place = _IN_WORDINGS.sub("", where)
    kind, spec = next(((kind, spec) for kind, at, spec in plugins_of(tree) if at == place), ("", {}))
    name = spec.get("name")
    if not isinstance(name, str):
        return False
    try:
        table = registry.options(kind, name)
    except ConfigError:  # reported with the plug-in's other options
        return False
    return any(one.name == option and is_prompt(one.type) for one in table)


def _step(place: Any, part: str, text: str) -> Any:  # Any: a YAML value
    if isinstance(place, list):
        return place[_index(place, part, text)]
    if isinstance(place, dict):
        return place.setdefault(part, {})
    raise ConfigError(f"{text!r}: there is nothing below {part!r}.")


def _index(place: list[Any], part: str, text: str) -> int:
    """A place in a list: its number, or the label or name of what stands there."""
    if re.fullmatch(r"[0-9]{1,9}", part) and int(part) < len(place):  # isdigit also takes digits that int does not
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
