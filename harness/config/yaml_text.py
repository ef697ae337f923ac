"""YAML or JSON text -> plain values: safe tags only, no key twice, nothing that its aliases make grow beyond all use.

Aliases are written out: two places that name one anchor hold equal values, not one value, so that a change of one of them
leaves the other as it is.

A file `*.json` is read as JSON, which is no part of the YAML 1.1 that is read here (tabs, "\\ud83d\\ude00"); one that is not
JSON, such as one with comments, as YAML.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import yaml

from harness.core.edge.files import expanded, instead_of_file
from harness.core.edge.foreign import words_of
from harness.core.edge.text import printable
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean

_MOST_VALUES = 100_000
_MOST_BYTES = 4_000_000


class _Loader(yaml.SafeLoader):
    """Dates, 0123 and 1:30 stay text, and a key that stands twice is an error: the first of the two would do nothing."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        """Keys are looked at here, as they are written; later what `<<` brings stands among them."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in seen:
                both = ", or give both as `<<: [*one, *other]`, where the first counts" if key.tag.endswith(":merge") else ""
                first = f"(first in line {seen[key.value]})"
                raise ConfigError(f"line {line} sets {key.value!r} again {first}. Keep one of them{both}")
            seen[key.value] = line
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Bring in what `<<` names, counted first: nested merges grow as nested aliases do."""
        merged = [value for key, value in node.value if key.tag.endswith(":merge")]
        inside = [one for value in merged for one in (value.value if isinstance(value, yaml.SequenceNode) else [value])]
        count = len(node.value)
        for one in (one for one in inside if isinstance(one, yaml.MappingNode)):
            self.flatten_mapping(one)
            count += len(one.value)
            if count > _MOST_VALUES:
                line = node.start_mark.line + 1
                raise ConfigError(f"line {line}: `<<` brings in more than {_MOST_VALUES:,} values. Shorten it")
        super().flatten_mapping(node)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """A number that its tag asks for: written in base 8 or 60 of YAML 1.1 it would be another one than YAML 1.2's."""
        text, is_int = str(node.value), node.tag.endswith(":int")
        if not (_INT.match(text) or (not is_int and (_FLOAT.match(text) or _PLAIN.match(text)))):
            line, kind = node.start_mark.line + 1, "int" if is_int else "float"
            raise ConfigError(f"line {line}: `!!{kind} {text}` is not a plain decimal number{base_hint(text)}")
        return super().construct_yaml_int(node) if is_int else super().construct_yaml_float(node)


# PyYAML's numbers without those of other bases: 0123 would be 83, in base 8, and 1:30 would be 90, in base 60.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0b[01][01_]*)$")
_FLOAT = re.compile(
    r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_PLAIN = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$")
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)
_OURS = {"tag:yaml.org,2002:int": _INT, "tag:yaml.org,2002:float": _FLOAT}

_Loader.yaml_implicit_resolvers = {
    first: [(tag, _OURS.get(tag, pattern)) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_file(path: Path) -> Any:  # Any: a YAML value, checked by the schema
    """The value of a YAML file. Raises ConfigError with file, line and what is wrong."""
    path = expanded(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} has more than {_MOST_BYTES:,} bytes; it is not a study.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        if str(path).startswith("study:"):
            raise ConfigError(f"{path} is a table of the study, which `run` takes alone. Give a YAML file.") from error
        if path.is_symlink():
            raise ConfigError(f"{path} {instead_of_file(path)}. Give a configuration file (YAML).") from error
        change = "" if path.suffix else f" To change a key of the study, write {path}=VALUE."
        raise ConfigError(f"There is no configuration file {path}.{change}{_instead(path)}") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path} is a folder; give a configuration file (YAML).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x}). Save it as UTF-8.") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {words_of(error)}.") from error
    return _json(text, str(path)) if path.suffix.lower() == ".json" else parse(text, str(path))


def _json(text: str, where: str) -> Any:  # Any: a JSON value, checked by the schema
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        text.encode()
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return _yaml_for_json(text, where, error)
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ConfigError(f"{where} has {half}, half of a character that JSON writes as two. Write both halves.") from error
    except ConfigError as error:
        raise ConfigError(f"{where} {error}.") from error
    except (RecursionError, ValueError) as error:  # nested too deep, numbers of thousands of digits
        raise ConfigError(f"{where} is not usable JSON: {words_of(error)}.") from error
    _check_size(value, where)
    return value


def _yaml_for_json(text: str, where: str, error: json.JSONDecodeError) -> Any:  # Any: a YAML value
    """A file that is not JSON, read as YAML; where it is neither, what JSON says of it."""
    try:
        return parse(text, where)
    except ConfigError as other:
        if "is not YAML" not in str(other):
            raise
        place = f"line {error.lineno}, column {error.colno}"
        raise ConfigError(f"{where}, {place} is not JSON: {error.msg[0].lower()}{error.msg[1:]}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ConfigError(f"sets {key!r} twice in one mapping. Keep one of them")
        made[key] = value
    return made


def _no_constant(name: str) -> Any:  # Any: as json's own
    raise ConfigError(f"holds {name}, which is not JSON and no number that a setting can have")


def _instead(path: Path) -> str:
    """What to give in the place of a file that is not there."""
    folder = path.parent if path.parent.is_dir() else Path()
    there = sorted(str(one) for one in folder.glob("*.y*ml"))
    here = f" YAML files in {folder.absolute()}: {', '.join(there[:10])}{', ...' if len(there) > 10 else ''}." if there else ""
    return (
        f"{did_you_mean(str(path), there)}{here} Examples are in the folder `examples` of the repository mm-align-harness; an "
        "installed package does not have them."
    )


def base_hint(text: str) -> str:
    """What to say of a text that YAML 1.1 takes for a number in base 8 or 60; "" of any other."""
    digits = text.strip().lstrip("+-").replace("_", "")
    if re.fullmatch(r"0[0-9]+", digits):
        return f": YAML 1.1 reads a leading zero as base 8, YAML 1.2 does not; write {int(digits)} if that is meant"
    if re.fullmatch(r"[0-9]+(:[0-9]{1,2})+(\.[0-9]*)?", digits):
        return ": YAML 1.1 reads it in base 60, YAML 1.2 as text; write the number itself"
    return ": write it as a decimal number" if re.fullmatch(r"0o[0-7]+", digits) else ""


def parse(text: str, where: str) -> Any:  # Any: a YAML value, checked by the schema
    """The value of YAML text; `where` is what errors call it."""
    try:
        value = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark, what = error.problem_mark or error.context_mark, error.problem or error.context or "not YAML"
        place = f"{where}, line {mark.line + 1}, column {mark.column + 1}" if mark is not None else where
        raise ConfigError(f"{place} is not YAML: {printable(what)}.") from error
    except ConfigError as error:
        raise ConfigError(f"{where}, {error}.") from error
    except Exception as error:  # numbers of thousands of digits, unhashable keys, text nested too deep
        raise ConfigError(f"{where} is not usable YAML: {words_of(error)}.") from error
    _check_size(value, where)
    return unshared(value, where)


def parse_prompt(text: str, where: str) -> Any:  # Any: a YAML value
    """The value of a word of the command line that is part of a prompt. Text without quotes is that text, with its blanks,
    line breaks and `#`: the shell has taken the quotes that its user typed, and YAML would drop them."""
    value = parse(text, where)
    if not isinstance(value, str) or text.lstrip().startswith(("!", "&", "*")):
        return value
    node = yaml.compose(text, _Loader)
    return text if isinstance(node, yaml.ScalarNode) and node.style is None else value


def unshared(value: Any, where: str) -> Any:  # Any: a YAML value
    """A copy in which no mapping or list stands at two places: `copy.deepcopy` would keep them one.

    Raises ConfigError for a value that contains itself; `where` is what the error calls it.
    """
    return _copied(value, where, ())


def _copied(value: Any, where: str, around: tuple[int, ...]) -> Any:  # Any: a YAML value
    """around: ids of the mappings and lists that the value stands in."""
    if not isinstance(value, (dict, list, tuple)):
        return copy.deepcopy(value)
    if id(value) in around:
        raise ConfigError(f"{where} has a value that contains itself. Write it out.")
    inside = (*around, id(value))
    if isinstance(value, dict):
        return {key: _copied(one, where, inside) for key, one in value.items()}
    made = (_copied(one, where, inside) for one in value)
    return tuple(made) if isinstance(value, tuple) else list(made)


def _check_size(value: Any, where: str) -> None:
    """Aliases can expand a page of text to more values than fit in memory, or to a value that contains itself."""
    waiting, count, characters = [value], 0, 0
    while waiting:
        one, count = waiting.pop(), count + 1
        if count + len(waiting) > _MOST_VALUES:
            raise ConfigError(f"{where} expands to more than {_MOST_VALUES:,} values. Shorten it, or remove its aliases.")
        if isinstance(one, (str, bytes)) and (characters := characters + len(one)) > _MOST_BYTES:
            raise ConfigError(f"{where} expands to more than {_MOST_BYTES:,} characters. Shorten it, or remove its aliases.")
        waiting += list(one.values()) if isinstance(one, dict) else list(one) if isinstance(one, (list, set)) else []
