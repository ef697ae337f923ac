"""Arguments of the Python interface: as changes of the command line, and as the call that gives the same run again."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.api.turns import environment_put_back
from harness.core.edge.foreign import refused_by_system
from harness.core.edge.text import shown
from harness.core.errors import ConfigError, HarnessError

Changes = Mapping[str, Any] | Sequence[str]


def as_texts(changes: Changes) -> list[str]:
    """Changes as the command line has them: `key=value`, the value in YAML. Raises ConfigError for what has no such text."""
    import yaml

    if not isinstance(changes, Mapping):
        several = isinstance(changes, Iterable) and not isinstance(changes, str)
        each = list(changes) if several else []  # a generator gives once
        if not several or not all(isinstance(change, str) for change in each):
            raise ConfigError(f"changes is {shown(changes)}. Give a mapping {{key: value}} or a list of texts 'key=value'.")
        return each
    values = {key: plain(value, f"the change of {key}") for key, value in changes.items()}
    flow = {key: yaml.safe_dump(value, default_flow_style=True, width=10**9) for key, value in values.items()}
    return [f"{key}={text.strip().removesuffix('...').strip()}" for key, text in flow.items()]


def plain(value: Any, what: str) -> Any:  # Any: a YAML value
    """As `_plain`. Raises ConfigError also for a list or mapping that holds itself."""
    try:
        return _plain(value, what)
    except RecursionError as error:
        raise ConfigError(f"{what} is nested too deep: a list or mapping in it may hold itself.") from error


def _plain(value: Any, what: str) -> Any:  # Any: a YAML value
    """The value in types that YAML has: numbers of numpy and torch become Python's, arrays and tuples lists, paths texts.

    Raises ConfigError, with `what` the value is of, for a type that has no such form.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str | os.PathLike):
        return str(value)
    if isinstance(value, Mapping):
        return {_plain(key, what): _plain(one, what) for key, one in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(one, what) for one in value]
    listed = value.tolist() if hasattr(value, "tolist") else value  # numpy, torch and pandas
    if listed is value or type(listed) is type(value):
        raise ConfigError(
            f"{what} is {shown(value)}, of the type {type(value).__name__}. "
            "Give a number, a text, true or false, None, or a list or mapping of these."
        )
    return _plain(listed, what)


def text_of(value: Any, what: str) -> str:
    """A text, or a path as one. Raises ConfigError for anything else."""
    made = plain(value, what)
    if not isinstance(made, str):
        raise ConfigError(f"{what} is {shown(value)}, of the type {type(value).__name__}. Give a text.")
    return made


def folder_of(value: Any, what: str) -> Path:
    """A folder by its path. Raises ConfigError for a home folder of nobody."""
    path = Path(text_of(value, what))
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{what} is {path}: there is no user {path.parts[0].removeprefix('~')!r} here. Give the path."
        ) from error


def listed(value: Any, what: str) -> list[str]:
    """A list of texts; a text is the list of it alone, and not one of its letters. Raises ConfigError for anything else."""
    made = plain(value, what)
    made = [made] if isinstance(made, str) else made
    if not isinstance(made, list) or not all(isinstance(one, str) for one in made):
        raise ConfigError(f"{what} is {shown(value)}, of the type {type(value).__name__}. Give a text or a list of texts.")
    return made


def chosen(value: Any, what: str) -> list[str] | None:
    """The same of an argument that chooses some of many: None chooses all. Raises ConfigError for an empty list, which is more
    often a choice that came to nothing than all of them."""
    made = listed(value, what) if value is not None else None
    if made == []:
        raise ConfigError(f"{what} is an empty list. Name at least one, or leave {what} out for all.")
    return made


def study_of(value: Any, what: str) -> str | dict[str, Any] | None:
    """A study or another configuration: a file, a mapping, or None. Raises ConfigError for anything else."""
    made = plain(value, what)
    if made is not None and not isinstance(made, str | dict):
        raise ConfigError(
            f"{what} is {shown(value)}, of the type {type(value).__name__}. Give the path of a file, or a mapping."
        )
    return made


def yes_or_no(value: Any, what: str) -> bool:
    """True or false. Raises ConfigError for anything else."""
    made = plain(value, what)
    if not isinstance(made, bool):
        raise ConfigError(f"{what} is {shown(value)}, of the type {type(value).__name__}. Give True or False.")
    return made


@contextmanager
def own_errors() -> Iterator[None]:
    """What the operating system refuses inside becomes our own error, with the words of the command line; environment variables
    that the call has set are taken back."""
    try:
        with environment_put_back():
            yield
    except OSError as error:
        if told := refused_by_system(error):
            raise HarnessError(told) from error
        raise


def is_unknown(value: object) -> bool:
    """Whether it is what stands for nothing: None, NaN of any kind, or `pandas.NA`."""
    return value is None or (not isinstance(value, str) and str(value) in ("nan", "<NA>", "NaT"))


def as_call(function: Callable[..., Any], *values: Any, **named: Any) -> str:
    """The call with these arguments as Python text, less those at their default: `harness.sweep('miniworld', limit=6)`.

    The leading arguments in `values` stand without their names as far as none before them is left out.
    """
    parts = list[str]()
    skipped = False
    for name, value in inspect.signature(function).bind(*values, **named).arguments.items():
        default = inspect.signature(function).parameters[name].default
        given = str(value) if isinstance(value, Path) else value
        if given == default or (default == () and not given):
            skipped = True
            continue
        is_named = skipped or name in named
        parts.append(f"{name}={given!r}" if is_named else repr(given))
    return f"harness.{function.__name__}({', '.join(parts)})"
