"""The plug-in in a module: the one object that a decorator of the registry marked; and what an entry point leads to."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import ModuleType

from harness.core.errors import ConfigError


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
        names = ", ".join(str(getattr(v, "__name__", v)) for v in own)
        raise ConfigError(
            f"{module.__name__} has {len(own)} objects marked @registry.{kind}{f' ({names})' if names else ''}; "
            f"it must have one. Mark one; an entry point may also name the object: {module.__name__}:NAME."
        )
    return own[0]
