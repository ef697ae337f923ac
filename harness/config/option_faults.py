"""Faults of a study as lines: keys and values that the schema refuses, and those in its plug-ins, found without importing one:
unknown names and options, values of another type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.config.yaml_text import base_hint
from harness.core import registry
from harness.core.edge.files import unknown_home
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean, nearest
from harness.core.options.option import Option
from harness.core.options.secrets import ADVICE, secret_in
from harness.core.options.source import training_options
from harness.core.options.types import faults_of, slip, truth_hint

SOURCES_INSIDE = ("first", "second", "from")  # options of a source that hold another one
# keys of a plug-in's mapping that are the study's, not the plug-in's own
OWN_KEYS = {"benchmark": ("name", "judge", "judge_repeats", "limit", "items", "label"), "aligner": ("name", "judge", "reward")}
_PLACES_SHOWN = 3
_QUOTES = ": write it without quotes."  # the advice for a text that is plainly a number
_SHOULD = "input should be "  # pydantic's
Spec = tuple[str, str, Mapping[str, Any]]  # kind, place in the study, mapping


def option_faults(tree: Mapping[str, Any], changes: Sequence[str] = ()) -> list[str]:
    """All faults, each with its place; a mapping that the schema refuses is passed over here.

    changes: `key.path=value` that were made to it; one that renames a plug-in is explained where the others' options stay.
    """
    faults: list[str] = []
    renamed = {path.removesuffix(".name") for path in (c.partition("=")[0] for c in changes) if path.endswith(".name")}
    for kind, where, spec in plugins_of(tree):
        name = spec.get("name")
        if not isinstance(name, str):
            continue
        try:
            table = registry.options(kind, name)
        except ConfigError as error:
            faults.append(f"{where}: {error}")
            continue
        options = {str(k): v for k, v in spec.items() if k not in OWN_KEYS.get(kind, ("name",))}
        if kind == "judge" and not isinstance(options.get("model", {}), Mapping):
            faults.append(f"{where}.model: write a mapping, such as {{path: ...}}, not {options['model']!r}")
        keys = [key for key in (*OWN_KEYS.get(kind, ()), *(["wordings"] if kind == "benchmark" else [])) if key != "name"]
        faults += [f"{where}: {fault}" for fault in _typed(options, table, f"the {kind} {name!r}", keys)]
        faults += _slips(where, options, table)
        if where in renamed and any(option not in {known.name for known in table} for option in options):
            faults.append(
                f"{where}: `{where}.name={name}` changes the name alone, the options of the one before stay. Give all of it: "
                f"'{where}={{name: {name}, ...}}'."
            )
        free = {option: value for option, value in options.items() if option not in (*SOURCES_INSIDE, "model")}
        if place := secret_in({option: value for option, value in free.items() if not isinstance(value, str)}):
            faults.append(f"{where}.{place}: {ADVICE}")
        training = options.get("training")
        faults += _training_beside(where, options, table) if kind == "aligner" else []
        if kind == "aligner" and isinstance(training, Mapping):
            faults += [f"{where}: {fault}" for fault in _typed(training, training_options(), "the option 'training'")]
            faults += _slips(f"{where}.training", training, training_options())
    return [*faults, *_repeats_without_judge(tree), *_unknown_homes(tree)]


def _typed(options: Mapping[str, Any], table: Sequence[Option], who: str, keys: Sequence[str] = ()) -> list[str]:
    """`faults_of`, and of a text such as 010 why it is not read as a number."""
    faults = faults_of(options, table, who, keys)
    for name, value in options.items():
        if isinstance(value, str) and (hint := base_hint(value)):
            start = f"{who}: {name} is {value!r}, which is text"
            faults = [f.removesuffix(_QUOTES).removesuffix(".") + f"{hint}." if f.startswith(start) else f for f in faults]
    return faults


def _unknown_homes(tree: Mapping[str, Any]) -> list[str]:
    """Folders of the study that no home can be found for."""
    places = {name: tree.get(name) for name in ("data", "output")}
    places |= {f"{where}.path": spec.get("path") for kind, where, spec in plugins_of(tree) if kind == "model"}
    return [f"{at}: {why}" for at, path in places.items() if isinstance(path, str) and (why := unknown_home(path))]


def _slips(where: str, options: Mapping[str, Any], table: Sequence[Option]) -> list[str]:
    """Values that are refused in a study, and still read from stored runs."""
    return [f"{where}.{one.name} {fault}." for one in table if one.name in options and (fault := slip(options[one.name], one))]


def _training_beside(where: str, options: Iterable[str], table: Sequence[Option]) -> list[str]:
    """Unknown options of an aligner that are, or nearly are, settings of the training loop."""
    known = {option.name for option in table}
    strange = [name for name in options if name not in known]
    settings = [option.name for option in training_options()] if strange else []
    meant = [(name, near) for name in strange for near in nearest(name, settings, cutoff=0.8)]
    return [f"{where}.{name}: {near} is a setting of the training loop. Write {where}.training.{near}." for name, near in meant]


def _repeats_without_judge(tree: Mapping[str, Any]) -> list[str]:
    specs = [(n, spec) for n, spec in enumerate(_list(tree.get("sweep"))) if isinstance(spec, Mapping)]
    return [
        f"sweep.{n} has judge_repeats but no judge" for n, spec in specs if spec.get("judge_repeats") and not spec.get("judge")
    ]


def plugins_of(tree: Mapping[str, Any]) -> Iterator[Spec]:
    """Every plug-in that a study names, those inside others too."""
    yield from _one("model", "model", tree.get("model"))
    for part in ("reward_models", "arms"):
        for n, arm in enumerate(_list(tree.get(part))):
            if isinstance(arm, Mapping):
                yield from _one("source", f"{part}.{n}.pairs", arm.get("pairs"))
                yield from _one("aligner", f"{part}.{n}.align", arm.get("align"))
    for n, spec in enumerate(_list(tree.get("sweep"))):
        yield from _one("benchmark", f"sweep.{n}", spec)


def _one(kind: str, where: str, spec: Any) -> Iterator[Spec]:
    if not isinstance(spec, Mapping):
        return
    yield kind, where, spec
    if "judge" in OWN_KEYS.get(kind, ()):
        yield from _one("judge", f"{where}.judge", spec.get("judge"))
    if kind == "source":
        for part in SOURCES_INSIDE:
            yield from _one("source", f"{where}.{part}", spec.get(part))
    if kind in ("judge", "source") and isinstance(spec.get("model"), Mapping):
        yield from _one("model", f"{where}.model", {"name": "transformers", **spec["model"]})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def all_faults(faults: Sequence[str], where: str) -> str:
    """All faults as one message; `where`: what they are in."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return "\n".join([f"{count} in {where}:", *(f"  - {fault}" for fault in faults)])


def schema_faults(error: ValidationError, tree: Any, model: type[BaseModel]) -> list[str]:
    """What a schema refuses, a line each with its place in the `tree` of values; a key of several forms has one line."""
    lines = dict.fromkeys(_schema_fault(one, tree, model) for one in error.errors())
    forms: dict[tuple[str, str], list[str]] = {}  # (what stands before the form, what behind it) -> the forms
    for before, form, behind in lines:
        forms.setdefault((before, behind), []).append(form)
    return [f"{before}{' or '.join(own)}{behind}" for (before, behind), own in forms.items()]


def _schema_fault(error: Any, tree: Any, model: type[BaseModel]) -> tuple[str, str, str]:
    """A line in three parts, the second being the form that is wanted ("a valid integer"), "" where there is none."""
    place = ".".join(_place(error["loc"], tree)) or "(top)"
    value = repr(error.get("input"))
    shown = value if len(value) <= 80 else f"{value[:80]}..."
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1], model)
        near = did_you_mean(str(error["loc"][-1]), known) or f" Known: {', '.join(known)}."
        return f"{place}: unknown key.{_as_an_option(error['loc'], tree) or near}", "", ""
    if error["type"] == "missing":
        return f"{place}: is missing", "", ""
    if error["type"] in ("model_type", "dict_type"):  # pydantic names its own classes
        return f"{place}: write a mapping, such as {{name: ..., option: value}}, not {shown}", "", ""
    if error["type"] == "string_pattern_mismatch":  # all of ours are names of runs, arms and labels
        return f"{place}: use letters, digits, dots, dashes and underscores, a letter or a digit first, not {shown}", "", ""
    if error["type"] == "too_short":  # a list or a mapping; all of ours need one entry
        return f"{place}: must not be empty", "", ""
    if error.get("input") in (None, ""):  # `data:` or `data=` without anything behind it
        return f"{place}: is empty. Give it a value, or leave the key out", "", ""
    what = f"{error['msg'][0].lower()}{error['msg'][1:]}"
    should = _SHOULD if what.startswith(_SHOULD) else ""
    given = error.get("input")
    quoted = "; put it in quotes" if error["type"] == "string_type" and isinstance(given, (int, float)) else ""
    hint = f" ({truth_hint(given)})" if error["type"] == "string_type" and isinstance(given, bool) else ""
    base = base_hint(given) if isinstance(given, str) and error["type"] != "string_type" else ""
    return f"{place}: {should}", what.removeprefix(should) + hint, f", not {shown}{'' if hint else quoted or base}"


def _as_an_option(loc: Sequence[int | str], tree: Any) -> str:
    """Where a key that stands at the top belongs: to an arm, or to a plug-in of the study that takes it; "" of all others."""
    key = str(loc[0])
    found = dict(_takers(key, tree)) if len(loc) == 1 and isinstance(tree, Mapping) else {}
    if not found:
        return ""
    *more, last = list(found)[:_PLACES_SHOWN]
    return f" It is {next(iter(found.values()))}: write {', '.join(more) + ' or ' if more else ''}{last}."


def _takers(key: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(place of the key in the study, whose key it is there)."""
    arms = [arm for arm in _list(tree.get("arms")) if isinstance(arm, Mapping)]
    if key in ("pairs", "align", "after", "reference", "resources", "seeds"):
        yield from ((f"arms.{arm.get('name')}.{key}", "a key of an arm") for arm in arms)
    for kind, where, spec in plugins_of(tree):
        name, (part, _, rest) = spec.get("name"), where.partition(".")
        if not isinstance(name, str) or name not in registry.names(kind):
            continue
        place = f"{part}.{_named(tree, part, rest)}" if rest else part
        taken = {option.name for option in registry.options(kind, name)}
        if key in taken or (kind == "benchmark" and key in ("judge", "judge_repeats", "limit", "items")):
            yield f"{place}.{key}", f"an option of {name}"
        if kind == "aligner" and key in {option.name for option in training_options()}:
            yield f"{place}.training.{key}", "a setting of the training loop"


def _named(tree: Mapping[str, Any], part: str, rest: str) -> str:
    """A place below a list with the label or the name of what stands there for its number."""
    number, dot, behind = rest.partition(".")
    entry = tree[part][int(number)]
    return f"{entry.get('label') or entry.get('name') or number}{dot}{behind}"


def _place(loc: Sequence[int | str], tree: Any) -> Iterator[str]:
    """The part of pydantic's place that is one in the values: behind a plain value it goes on with names of its own types."""
    for part in loc:
        if not isinstance(tree, Mapping) and not (isinstance(tree, list) and isinstance(part, int)):
            return
        yield str(part)
        tree = (tree if isinstance(tree, Mapping) else dict(enumerate(tree))).get(part)


def _known_keys(loc: Iterable[int | str], model: Any) -> list[str]:
    """Field names of the model that contains a location."""
    for part in (name for name in loc if not isinstance(name, int)):
        annotation = model.model_fields[part].annotation
        arguments = getattr(annotation, "__args__", ())
        model = next((a for a in (annotation, *arguments) if isinstance(a, type) and issubclass(a, BaseModel)), model)
    return list(model.model_fields)
