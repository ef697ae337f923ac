"""The plug-in in a module: the one object that a decorator of the registry marked, what an entry point leads to, and its files.

The digest of a plug-in's files is of its module and of all that this imports from its own package.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import pkgutil
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from harness.core.digests import file_digest, value_digest
from harness.core.errors import ConfigError
from harness.core.plugin_forms.values import plain_text
from harness.core.plugins import Model

T = TypeVar("T")

_FILES = "__harness_plugin_files__"
_parsing = threading.Lock()
_loaded = dict[str, str]()  # digest of a plug-in's files, as this process first met them


def listed(folder: str) -> tuple[tuple[str, bool], ...]:
    """(name, whether it is a package) of the modules in a folder; those with a leading underscore are left out. It is listed
    again where it was changed: a study asks for a thousand options, and for each one a name is looked up."""
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError:  # in a zip file
        changed = 0
    return _listed(folder, changed)


@cache
def _listed(folder: str, changed: int) -> tuple[tuple[str, bool], ...]:
    return tuple((info.name, info.ispkg) for info in pkgutil.iter_modules([folder]) if not info.name.startswith("_"))


def guest_of(point: EntryPoint, mark: str, kind: str) -> object:
    """The plug-in of another distribution. An entry point names the object, or a module that holds one marked object.

    Raises ConfigError where it leads to no plug-in; whatever an import may raise passes through.
    """
    found = point.load()
    if isinstance(found, ModuleType):
        return marked_in(found, mark, kind)
    if not callable(found):
        raise ConfigError(f"The {kind} {point.name!r}: {point.value} is not a class or a function but {found!r:.60}.")
    return found


def marked_in(module: ModuleType, mark: str, kind: str) -> object:
    """The object of a module, or of a package's own modules, that is marked as a plug-in of a kind.

    What the module imports from elsewhere does not count: it may build on another plug-in. Raises ConfigError unless it is one.
    """
    marked = {id(v): v for v in vars(module).values() if getattr(v, mark, None) == kind}  # one that has two names counts once
    places = {key: str(getattr(v, "__module__", "")) for key, v in marked.items()}
    own = [v for key, v in marked.items() if places[key] == module.__name__]
    own = own or [v for key, v in marked.items() if places[key].startswith(f"{module.__name__}.")]
    own = [v for v in own if mark in vars(v)] or own  # a class has the mark of those that it builds on
    if len(own) != 1:
        if (folders := getattr(module, "__path__", None)) and module.__file__ is None:
            raise ConfigError(
                f"{module.__name__} is here the folder {', '.join(folders)}, which has no __init__.py and hides the module of "
                f"that name that the entry point of the {kind} means. Start Python in another folder."
            )
        names = ", ".join(str(getattr(v, "__name__", v)) for v in own)
        names = names or ", ".join(f"{name}: @registry.{other}" for name, other in _marked_otherwise(module, mark))
        raise ConfigError(
            f"{module.__name__} has {len(own)} objects marked @registry.{kind}{f' ({names})' if names else ''}; "
            f"it must have one. Mark one; an entry point may also name the object: {module.__name__}:NAME."
        )
    return own[0]


def _marked_otherwise(module: ModuleType, mark: str) -> list[tuple[str, str]]:
    """(name, kind) of what the module itself marks as a plug-in of another kind."""
    named = [(name, getattr(value, mark, None)) for name, value in vars(module).items() if value.__class__ is not ModuleType]
    return [(name, kind) for name, kind in named if isinstance(kind, str)]


def files_as_loaded(where: str) -> str:
    """Digest of an entry point's files. Raises ConfigError where this process may still have what they were before."""
    digest = files_digest(where.partition(":")[0].strip())
    if _loaded.setdefault(where, digest) != digest:
        raise ConfigError(f"The files of the plug-in {where} have changed since this process loaded them. Start Python again.")
    return digest


def with_files(made: T, files: str) -> T:
    """The same object, which knows the digest of its plug-in's files, "" for one of ours."""
    if files:
        try:
            object.__setattr__(made, _FILES, files)
        except AttributeError:  # it has slots
            setattr(type(made), _FILES, files)
    return made


def files_of(made: object) -> str:
    """Digest of the files of what the registry made, where another distribution has added it; "" for one of ours."""
    return str(getattr(made, _FILES, ""))


def facts_of(model: Model) -> dict[str, str]:
    """What a model answers under: its own facts, and its files where another distribution has added it."""
    return as_facts(own_facts(model))


def own_facts(model: Model) -> dict[str, Any]:  # Any: see `as_facts`
    """The same as the model gives them: they are in the keys of its answers, so that no other form may be made of them."""
    files, own = files_of(model), model.facts()
    return {**own, "files of the plug-in": files[:12]} if files else own


def as_facts(own: Mapping[Any, Any]) -> dict[str, str]:  # Any: what another's plug-in gives
    """Facts of a protocol, which are text: numbers and lists of another distribution's plug-in as they are printed."""
    return {plain_text(name): plain_text(value) for name, value in own.items()}


def files_digest(module: str) -> str:
    """Digest of a module's file and those of all that it imports, anywhere in its text, from its own package."""
    own, left, found = module.partition(".")[0], [module], dict[str, str]()
    while left:
        name = left.pop()
        spec = _spec(name) if name not in found and name.partition(".")[0] == own else None
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            continue
        found[name] = file_digest(Path(spec.origin))
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        left += [name.rpartition(".")[0], *_imported(Path(spec.origin), package)]
    return value_digest(found)


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a class or a value that is imported from a module
        return None


def syntax_tree(source: str | bytes) -> ast.Module:
    """Of a file's text, in one thread at a time: Python 3.11 counts the depth of all trees in work as that of one, and a
    SystemError ("AST constructor recursion depth mismatch") ended a sweep of several checkpoints on a fleet."""
    with _parsing:
        return ast.parse(source)


def _imported(file: Path, package: str) -> Iterator[str]:
    """Names of modules, and of what is taken out of them."""
    for node in ast.walk(syntax_tree(file.read_bytes())) if file.suffix == ".py" else ():
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            named = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(named, package) if node.level else named
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
