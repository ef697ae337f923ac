"""Name -> plug-in. The name is the file's name, so resolving it imports one module and listing imports none.

Built-ins: `benchmarks/pope.py` holds a class decorated with `@registry.benchmark`. Third-party plug-ins: an entry point of the
group `harness.benchmark` whose name is the plug-in's name and whose value is the module or the object itself.
A repeated name is an error that names both places. A failing import fails that name only.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from harness.core.edge.foreign import refused_as
from harness.core.edge.plugin_modules import files_as_loaded, guest_of, listed, marked_in, syntax_tree, with_files
from harness.core.edge.processes import without_collecting
from harness.core.errors import ConfigError, HarnessError, RepeatedPlugin, UnknownPlugin
from harness.core.nearest import did_you_mean
from harness.core.options.option import Option, as_parameters
from harness.core.options.source import read_options
from harness.core.options.types import faults_of, options_of, typed, with_own_defaults
from harness.core.plugin_forms.contract import require_contract, require_seed
from harness.core.plugins import Aligner, Annotator, Benchmark, Judge, Loss, Model, ReportWriter, Source

T = TypeVar("T")

PACKAGES = {
    "benchmark": "benchmarks",
    "judge": "benchmarks.judges",
    "loss": "alignment.losses",
    "source": "alignment.sources",
    "aligner": "alignment.aligners",
    "model": "harness.models",
    "report": "reports.writers",
}
GROUPED = ("loss", "benchmark", "source", "aligner")  # kinds whose package holds groups; a name is still that of a file
ALIASES = {("loss", "sigmoid"): "dpo", ("loss", "slic"): "hinge"}  # names of the same plug-in in other tools
_MARK = "__harness_plugin__"
_OWN = "One of your own is found by an entry point of the group harness.{kind} (docs/python.md, Your own benchmark)."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plug-in lives: a built-in module, or a third-party entry point."""

    kind: str
    name: str
    where: str
    load: Callable[[], object]
    guest: bool = False


def _decorator(kind: str) -> Callable[[T], T]:
    def mark(plugin: T) -> T:
        setattr(plugin, _MARK, kind)
        return plugin

    return mark


benchmark = _decorator("benchmark")
judge = _decorator("judge")
loss = _decorator("loss")
source = _decorator("source")
aligner = _decorator("aligner")
model = _decorator("model")


def report(file_name: str) -> Callable[[T], T]:
    """Marks a writer, and names the file of the run's folder it writes."""

    def mark(writer: T) -> T:
        vars(writer)["file_name"] = file_name
        return _decorator("report")(writer)

    return mark


def names(kind: str) -> list[str]:
    """All names of a kind, sorted; imports none of them."""
    return sorted(_places(kind))


def guests(kind: str) -> list[Place]:
    """The plug-ins of a kind that other distributions have added; imports none of them."""
    return [place for place in _places(kind).values() if place.guest]


def guest_files(kind: str, name: str) -> str:
    """Digest of the files of a plug-in that another distribution has added; "" for one of ours.

    Raises ConfigError where they have changed since this process loaded them.
    """
    place = _places(kind).get(name)
    return files_as_loaded(place.where) if place is not None and place.guest else ""


@overload
def get(kind: Literal["benchmark"], name: str) -> Callable[..., Benchmark]: ...
@overload
def get(kind: Literal["judge"], name: str) -> Callable[..., Judge | Annotator]: ...
@overload
def get(kind: Literal["model"], name: str) -> Callable[..., Model]: ...
@overload
def get(kind: Literal["source"], name: str) -> Callable[..., Source]: ...
@overload
def get(kind: Literal["aligner"], name: str) -> Callable[..., Aligner]: ...
@overload
def get(kind: Literal["loss"], name: str) -> Loss: ...
@overload
def get(kind: Literal["report"], name: str) -> ReportWriter: ...
@overload
def get(kind: str, name: str) -> Any: ...  # Any: the kind is known at run time only
def get(kind: str, name: str) -> Any:  # Any: see the overloads
    """The plug-in of that name: a class or a function.

    Raises UnknownPlugin with the nearest name, RepeatedPlugin, or ConfigError when its module does not import.
    """
    place = _place(kind, name)
    try:
        return place.load()
    except HarnessError:
        raise
    except Exception as error:  # a third-party module may raise anything
        what = f"{error}" if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise ConfigError(f"The {kind} {name!r} ({place.where}) does not import: {what}.") from error


def options(kind: str, name: str) -> tuple[Option, ...]:
    """The options of a plug-in; of a built-in one without importing it. Raises as `get` does."""
    place = _place(kind, name)
    found = None if place.guest else read_options(place.where, kind)
    return options_of(get(kind, name)) if found is None else found


@overload
def make(kind: Literal["benchmark"], name: str, options: dict[str, Any], **given: Any) -> Benchmark: ...
@overload
def make(kind: Literal["judge"], name: str, options: dict[str, Any], **given: Any) -> Judge | Annotator: ...
@overload
def make(kind: Literal["model"], name: str, options: dict[str, Any], **given: Any) -> Model: ...
@overload
def make(kind: Literal["source"], name: str, options: dict[str, Any], **given: Any) -> Source: ...
@overload
def make(kind: Literal["aligner"], name: str, options: dict[str, Any], **given: Any) -> Aligner: ...
@overload
def make(kind: str, name: str, options: dict[str, Any], **given: Any) -> Any: ...  # Any: the kind is known at run time only
def make(kind: str, name: str, options: dict[str, Any], **given: Any) -> Any:  # Any: see the overloads
    """Build a plug-in: `options` come from the user and are checked against its signature; `given` from us.

    Raises ConfigError for options that it does not take or cannot use, and where what it makes lacks what its kind must offer.
    """
    plugin = get(kind, name)
    require_seed(kind, name, table := options_of(plugin))
    checked = with_own_defaults(check_options(kind, name, plugin, options), table)
    accepted = inspect.signature(plugin).parameters
    with refused_as(ConfigError, f"The {kind} {name!r} does not take these options"), without_collecting():
        made = plugin(**as_parameters(checked), **{k: v for k, v in given.items() if k in accepted})
    require_contract(kind, name, made)
    return with_files(made, guest_files(kind, name))


def offers(kind: str, name: str, capability: type) -> bool:
    """Whether what a plug-in makes has a capability of methods alone; asked of its class, so nothing is made."""
    plugin = get(kind, name)
    return inspect.isclass(plugin) and issubclass(plugin, capability)


def check_options(kind: str, name: str, plugin: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with values converted to the plug-in's types.

    Raises ConfigError naming all that are unknown (with the nearest), missing or of another type.
    """
    table = options_of(plugin)
    faults = faults_of(options, table, f"The {kind} {name!r}")
    if faults:
        raise ConfigError("\n".join(faults))
    return typed(options, table)


def describe(kind: str, name: str) -> str:
    """First docstring line: of a built-in's file, without importing it; of what a third-party entry point loads.

    A third-party plug-in that does not load is described by the reason.
    """
    place = _places(kind)[name]
    spec = None if place.guest else importlib.util.find_spec(place.where)
    if spec is not None and spec.origin is not None:
        doc = ast.get_docstring(syntax_tree(Path(spec.origin).read_text(encoding="utf-8")))
    else:
        try:
            doc = inspect.getdoc(get(kind, name))
        except ConfigError as error:
            return f"(unusable: {error})"
    return doc.splitlines()[0] if doc else ""


@cache
def _installed() -> tuple[EntryPoint, ...]:
    """Our entry points of every installed package, read once: a hundred small files. One that is found twice counts once."""
    found = (point for package in distributions() for point in package.entry_points if point.group.startswith("harness."))
    return tuple(dict.fromkeys(found))


def canonical(kind: str, name: str) -> str:
    """Our name of a plug-in that other tools call otherwise."""
    return ALIASES.get((kind, name), name)


def _place(kind: str, name: str) -> Place:
    places = _places(kind)
    name = canonical(kind, name)
    if name not in places:
        known = ", ".join(sorted(places)) or "none"
        own = "" if (hint := did_you_mean(name, places)) else f" {_OWN.format(kind=kind)}"
        raise UnknownPlugin(f"There is no {kind} named {name!r}.{hint} Known: {known}.{own}")
    return places[name]


def _places(kind: str) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for module in _modules(PACKAGES[kind], kind in GROUPED):
        name = module.rpartition(".")[2]
        found[name] = Place(kind, name, module, _builtin(kind, module))
    for point in (p for p in _installed() if p.group == f"harness.{kind}"):
        if point.name in found:
            raise RepeatedPlugin(
                f"Two {kind} plug-ins are named {point.name!r}: {found[point.name].where} and {point.value}. "
                "Rename or uninstall one of them."
            )
        found[point.name] = Place(kind, point.name, point.value, partial(guest_of, point, _MARK, kind), guest=True)
    return found


def _modules(package: str, grouped: bool) -> Iterator[str]:
    """Modules of a package, or of its groups, by full name; those with a leading underscore are none."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for own_name, is_package in listed(folder):
            name = f"{package}.{own_name}"
            if not is_package:
                yield name
            elif grouped and name not in PACKAGES.values():  # the package of another kind: benchmarks.judges
                yield from _modules(name, False)


def _builtin(kind: str, module_name: str) -> Callable[[], object]:
    def load() -> object:
        with without_collecting():
            module = importlib.import_module(module_name)
        return marked_in(module, _MARK, kind)

    return load
