"""Do the values of options have the types that a plug-in's signature names? YAML's own types are what users write.

Two values are read as what they plainly are: 5e-7, which YAML reads as text, where a number belongs; and a whole number where
text belongs (`year: 2014`). Everything else that does not fit is a fault that says what to write.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from harness.core.nearest import did_you_mean
from harness.core.options.option import GIVEN, NEEDED, Option, option_name

_LARGEST = 2**63  # torch, numpy and SQLite take whole numbers below it
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "map": "a mapping of names to values",
    "none": "null",
}
_KINDS = {"bool": "bool", "int": "int", "float": "float", "str": "str", "None": "none", "Path": "str", "PromptText": "str"}
_KINDS |= {"Sequence": "list", "list": "list", "tuple": "list", "Iterable": "list", "set": "list", "frozenset": "list"}
_KINDS |= {"Mapping": "map", "dict": "map", "Names": "list"}


def options_of(plugin: Any) -> tuple[Option, ...]:
    """The options in the signature of a class, dataclass or function, without explanations."""
    found = []
    for name, parameter in inspect.signature(plugin).parameters.items():
        if name in GIVEN or name.startswith("_") or parameter.kind is parameter.VAR_POSITIONAL:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            found.append(Option("*", "Any", None, ""))
            continue
        annotation = parameter.annotation
        written = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        written = "Any" if annotation is parameter.empty else written
        found.append(
            Option(option_name(name), written, NEEDED if parameter.default is parameter.empty else parameter.default, "")
        )
    return tuple(found)


def faults_of(options: Mapping[str, Any], table: Sequence[Option], who: str, keys: Sequence[str] = ()) -> list[str]:
    """Everything wrong with options beside the table of those that there are: unknown, of another type, missing.

    `who` begins each sentence: "The source 'bdhs'". `keys`: what every plug-in of the kind takes besides, for hints.
    """
    faults = []
    names = [option.name for option in table]
    strange = [] if "*" in names else [str(name) for name in options if name not in names]
    if strange:
        hints = "".join(did_you_mean(name, [*names, *keys]) for name in strange)
        takes = ", ".join(names) or "none"
        besides = f"; besides {', '.join(keys)}" if keys else ""
        faults.append(f"{who} has no option {', '.join(map(repr, strange))}.{hints} It takes: {takes}{besides}.")
    by_name = {option.name: option for option in table}
    for name, value in options.items():
        if name in by_name:
            _, fault = read(value, by_name[name].type)
            faults += [f"{who}: {name} {fault}."] if fault else []
    missing = [option for option in table if option.needed and option.name not in options]
    faults += [f"{who} needs the option {o.name!r}{f' ({o.about})' if o.about else ''}." for o in missing]
    return faults


def typed(options: Mapping[str, Any], table: Iterable[Option]) -> dict[str, Any]:
    """The options with values converted to their types; those that do not fit stay as they are."""
    types = {option.name: option.type for option in table}
    return {name: read(value, types.get(name, "Any"))[0] for name, value in options.items()}


def read(value: Any, annotation: str) -> tuple[Any, str]:
    """(the value converted to the annotation's type, ""), or (the value, what is wrong with it)."""
    parts, kinds = _alternatives(annotation), kinds_of(annotation)
    if "any" in kinds:
        return value, ""
    own = _kind(value)
    if own == "int" and abs(value) >= _LARGEST:
        return value, "is too large a number"
    if own in kinds and own not in ("float", "list"):
        return value, ""
    if own == "float" and "float" in kinds:
        return (value, "") if math.isfinite(value) else (value, f"is {value}, which is not a finite number")
    if own == "list" and "list" in kinds:
        return _list(value, parts[kinds.index("list")])
    if own == "int" and "float" in kinds:
        return value, ""
    if own == "int" and "str" in kinds and abs(value) < 10**18:
        return str(value), ""
    if own == "str" and "float" in kinds and _NUMBER.fullmatch(value.strip()) and "e" in value.lower():
        number = float(value)  # YAML reads 5e-7 as text, for want of a point
        return (number, "") if math.isfinite(number) else (value, f"is {value}, which is not a finite number")
    return value, _fault(value, own, kinds)


def with_own_defaults(options: Mapping[str, Any], table: Iterable[Option]) -> dict[str, Any]:
    """The options, beside them copies of the lists and mappings that are defaults: a plug-in that changes its own would give
    the next one that is made in this process other options."""
    kinds = (list, dict, set)
    own = {o.name: deepcopy(o.default) for o in table if isinstance(o.default, kinds) and o.name not in options}
    return {**own, **options}


def kinds_of(annotation: str) -> list[str]:
    """Which of YAML's types an annotation admits: bool, int, float, str, list, map, none, or any."""
    return [_KINDS.get(part.split("[", 1)[0].rsplit(".", 1)[-1], "any") for part in _alternatives(annotation)]


def is_prompt(annotation: str) -> bool:
    """Whether a text of this option is read by a model: `PromptText`."""
    return _has(annotation, "PromptText")


def is_names(annotation: str) -> bool:
    """Whether an option is a list in which nothing stands twice: `Names`."""
    return _has(annotation, "Names")


def slip(value: Any, option: Option) -> str:
    """What is wrong with a value of the right type that nobody means: a repeated name, an empty prompt; "" where nothing is."""
    if isinstance(value, list) and is_names(option.type):
        twice = [name for n, name in enumerate(value) if name in value[:n]]
        return f"names {str(twice[0])!r} twice; name each once" if twice else ""
    if isinstance(value, str) and not value.strip() and is_prompt(option.type) and str(option.default).strip():
        return "is empty, and the model would be asked nothing; give a text, or leave it out"
    return ""


def _has(annotation: str, alias: str) -> bool:
    """Whether an alternative of an annotation is one of the names in `option`, with its module in front or not."""
    return any(part.rsplit(".", 1)[-1] == alias for part in _alternatives(annotation))


def words_for(annotation: str) -> str:
    """A type in words: "a whole number or null"."""
    kinds = kinds_of(annotation)
    return "any value" if "any" in kinds else " or ".join(dict.fromkeys(_WORDS[kind] for kind in kinds))


def _list(values: Any, annotation: str) -> tuple[Any, str]:
    inner = annotation.split("[", 1)[1].rsplit("]", 1)[0].removesuffix(", ...") if "[" in annotation else "Any"
    inner = "str" if is_names(annotation) else inner
    if "," in inner:
        return values, ""
    found = [read(value, inner) for value in values]
    fault = next((fault for _, fault in found if fault), "")
    if fault:
        return values, f"holds an entry that {fault}"
    return type(values)(value for value, _ in found), ""


def _fault(value: Any, own: str, kinds: Sequence[str]) -> str:
    shown = str(value) if len(str(value)) <= 60 else f"{str(value)[:60]}..."
    wanted = " or ".join(dict.fromkeys(_WORDS[kind] for kind in kinds))
    if own == "str":
        hint = _number_hint(value.strip()) if {"int", "float"} & set(kinds) else ""
        hint = f": write [{shown}]" if "list" in kinds else hint
        return f"is {shown!r}, which is text; it must be {wanted}{hint}"
    if own == "float" and "int" in kinds and math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"is {shown}; it must be {wanted}: write {int(value)}"
    if own == "bool" and "str" in kinds:
        return f"is {shown}; it must be {wanted} ({truth_hint(value)})"
    return f"is {shown if own != 'none' else 'null'}; it must be {wanted}"


def truth_hint(value: bool) -> str:
    """What to write where text was meant and YAML read a truth value."""
    words = "on, yes and true as true" if value else "off, no and false as false"
    return f"in quotes: YAML reads {words}"


def _number_hint(text: str) -> str:
    """How to write the number that a text plainly is; YAML takes 1e9 for text."""
    if not _NUMBER.fullmatch(text):
        return ""
    if "e" not in text.lower():
        return ": write it without quotes"
    number = float(text)
    is_whole = abs(number) < 1e15 and number == int(number)
    return f": write {int(number)}" if is_whole else ""


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "none" if value is None else "bool"
    for python, kind in ((int, "int"), (float, "float"), (str, "str"), (Mapping, "map"), ((list, tuple), "list")):
        if isinstance(value, python):
            return kind
    return "other"


def _alternatives(annotation: str) -> list[str]:
    """ "Sequence[str] | str | None" -> its three parts; bars inside brackets do not part."""
    parts, depth = [""], 0
    for character in annotation:
        depth += (character == "[") - (character == "]")
        if character == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
