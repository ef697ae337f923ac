"""Foreign libraries import others for features that nobody here asks for: seconds and a hundred MiB in every process.

Inside `imported_later`, modules of the given names are stand-ins. What is taken from them by name works as ever: it imports
the real module when it is called or looked into; nothing is an instance of a class whose module nobody has imported; a function
that one of them was to mark, as a decorator, is marked when the real module is imported. Outside, all import the real modules.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_CHANGING = threading.RLock()  # of what Python imports


@contextmanager
def imported_later(*names: str) -> Iterator[None]:
    """Let modules of these names, with all below them, be imported when they are used; those that are there stay."""
    with _CHANGING:
        finder = _Finder([name for name in names if name not in sys.modules])
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
            _remove(finder)


def import_nltk() -> None:
    """NLTK without what its statistics and classifiers use: 0.4 s and 50 MiB."""
    with imported_later("scipy", "sklearn"):
        import_module("nltk")


class _Finder(MetaPathFinder, Loader):
    """Finds stand-ins for modules that could be imported."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names, self.standing = names, dict[str, _StandIn]()
        self.owed: dict[str, list[Callable[[], object]]] = {}  # module -> what to do once it is there

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        below = any(name.startswith(f"{top}.") for top in self._names)
        if below or (name in self._names and PathFinder.find_spec(name, path) is not None):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.standing[spec.name] = _StandIn(spec.name, self)
        return self.standing[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


def _remove(finder: _Finder) -> None:
    for name, module in finder.standing.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
        parent, _, own = name.rpartition(".")
        if vars(sys.modules.get(parent, module)).get(own) is module:
            delattr(sys.modules[parent], own)
        module.is_open = False
    if finder.owed:
        sys.meta_path.insert(0, _Paying(finder.owed))


class _StandIn(ModuleType):
    """`is_open`: while the real module is not to be imported."""

    def __init__(self, name: str, finder: _Finder) -> None:
        super().__init__(name)
        self.finder, self.is_open = finder, True

    def __getattr__(self, name: str) -> Any:  # Any: what a foreign module holds
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(self, name) if self.is_open else getattr(import_module(self.__name__), name)


class _Name:
    """A function, a class or a value of a module that is not imported yet."""

    def __init__(self, module: _StandIn, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, *words: Any, **options: Any) -> Any:  # Any: what a foreign module holds
        if not self._module.is_open:
            return self._real()(*words, **options)
        if len(words) != 1 or options or not callable(words[0]):
            raise ImportError(f"{self._module.__name__}.{self._name} is used while it is imported")
        owed = self._module.finder.owed.setdefault(self._module.__name__, [])
        owed.append(lambda: self._real()(words[0]))  # a decorator that marks a function and returns it
        return words[0]

    def __getattr__(self, name: str) -> Any:  # Any: what a foreign module holds
        if self._module.is_open or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __instancecheck__(self, value: object) -> bool:
        return self._module.__name__ in sys.modules and not self._module.is_open and isinstance(value, self._real())

    def __or__(self, other: object) -> Any:  # Any: in an annotation
        return Any

    __ror__ = __or__

    def _real(self) -> Any:  # Any: what a foreign module holds
        return getattr(import_module(self._module.__name__), self._name)


class _Paying(MetaPathFinder):
    """Does what is owed to modules right after they are imported."""

    def __init__(self, owed: dict[str, list[Callable[[], object]]]) -> None:
        self._owed = owed

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        owed = self._owed.pop(name, [])
        spec = PathFinder.find_spec(name, path) if owed else None
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_pay(module: ModuleType) -> None:
                run(module)
                for pay in owed:
                    pay()

            spec.loader.exec_module = run_and_pay  # type: ignore[method-assign]
        return spec
