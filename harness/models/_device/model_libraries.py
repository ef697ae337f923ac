"""The libraries that models are made of, imported without what they bring along for others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from harness.core.edge.later_imports import imported_later
from harness.core.edge.processes import without_collecting

# A compiler, sharded tensors, and the matching of boxes by losses for detection: 1.2 s of CPU and 90 MiB a process.
_COMPILER, _SHAPES = "torch._dynamo", "torch.fx.experimental.symbolic_shapes"
_LATER = (_COMPILER, _SHAPES, "scipy")
_MODELS = ("transformers.modeling_utils", "transformers.masking_utils", "transformers.generation.utils")
# What torch asks about sizes and conditions that may be symbols, and the answer for plain ones.
_SAME = (
    "expect_true",
    "guard_or_false",
    "guard_or_true",
    "guard_size_oblivious",
    "guarding_hint_or_throw",
    "statically_known_true",
)
_OF_PLAIN: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(_SAME, lambda value: value),
    "is_nested_int": lambda size: False,
    "has_guarding_hint": lambda size: True,
    "sym_eq": lambda one, other: tuple(one) == tuple(other) if isinstance(one, (tuple, list)) else one == other,
    "sym_and": lambda *conditions: all(conditions),
    "sym_or": lambda *conditions: any(conditions),
}


@cache
def import_model_libraries() -> None:
    """What every model of transformers is built on. A version that cannot be imported so is imported whole."""
    with without_collecting():
        try:
            with imported_later(*_LATER), _marked_later():
                for name in _MODELS:
                    import_module(name)
        except Exception:  # it does something else with these modules than was known when this was written
            import_module(_MODELS[0])


@cache
def import_model_kinds() -> None:
    """`transformers.models`, which reads 1,600 files for the names in them (0.3 s of CPU). `import transformers` has just done
    so and keeps what it found, under the name of the folder; `transformers.models` names a file in it."""
    utils: Any = import_module("transformers.utils.import_utils")
    names = "create_import_structure_from_path"
    scan = getattr(utils, names, None)
    if scan is None:  # another version
        return

    def kept(path: Any) -> Any:  # Any: as transformers has it
        return scan(Path(path).parent if Path(path).name == "__init__.py" else path)

    setattr(utils, names, kept)
    try:
        import_module("transformers.models")
    finally:
        setattr(utils, names, scan)


@contextmanager
def _marked_later() -> Iterator[None]:
    """`torch.compiler.disable` imports the compiler to mark a function; torch's own variant does so when it is called."""
    own = torch.compiler.disable
    lazy: Callable[..., Any] | None = getattr(torch, "_disable_dynamo", None)
    if lazy is None:
        yield
        return

    def disable(fn: Any = None, recursive: bool = True, **reason: Any) -> Any:  # Any: as torch has it
        return lazy(fn, recursive)

    torch.compiler.disable = disable
    try:
        yield
    finally:
        torch.compiler.disable = own


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """For code that asks torch's compiler at every operation, as operations on tensors without values do: whether to leave it
    alone, and what holds for sizes that may be symbols.

    These imports take a second; a compiler that is not there compiles nothing and has no symbols. Whatever else is asked of it
    imports it.
    """
    asked: list[Any] = []

    def disable(fn: Any, recursive: bool = True, **options: Any) -> Any:  # Any: as torch has it
        if options != {"wrapping": False}:  # not torch's own question, whose answer it remembers
            return import_module(_COMPILER).disable(fn, recursive, **options)
        asked.append(fn)
        return fn

    about_sizes = {name: _of_plain(name, answer) for name, answer in _OF_PLAIN.items()}
    absent = [_Absent(_COMPILER, disable=disable), _Absent(_SHAPES, **about_sizes), _Absent("sympy", Basic=_NoSymbol)]
    try:
        yield
    finally:
        for module in absent:
            module.leave()
        for fn in asked:
            vars(fn).pop("__dynamo_disable", None)


def _of_plain(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """The function of that name: `answer` for values that are no symbols, else the real one's."""

    def function(*values: Any) -> Any:  # Any: as torch has it
        return (answer if all(map(_is_plain, values)) else getattr(import_module(_SHAPES), name))(*values)

    return function


def _is_plain(value: object) -> bool:
    return type(value) in (bool, int) or (isinstance(value, (tuple, list)) and all(map(_is_plain, value)))


class _NoSymbol:
    """What nothing is an instance of while there are no symbols."""


class _Absent(ModuleType):
    """Stands for a module until something is asked that it does not know. A module that is there stays."""

    def __init__(self, name: str, **known: Any) -> None:
        super().__init__(name)
        self.known = tuple(known)
        vars(self).update(known)
        sys.modules.setdefault(name, self)

    def leave(self) -> None:
        """What was taken from it by its own name is the real module's from now on."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        for name in self.known:
            vars(self).pop(name, None)

    def __getattr__(self, name: str) -> Any:  # Any: what the module has
        if name.startswith("__") and (name, self.__name__) != ("__path__", _COMPILER):  # of an import of one that it knows
            raise AttributeError(name)
        self.leave()
        return getattr(import_module(self.__name__), name)
