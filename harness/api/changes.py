"""Arguments of the Python interface: as changes of the command line, and as the call that gives the same run again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Changes = Mapping[str, Any] | Sequence[str]


def as_texts(changes: Changes) -> list[str]:
    """Changes as the command line has them: `key=value`, the value in YAML."""
    import yaml

    if not isinstance(changes, Mapping):
        return list(changes)
    flow = {key: yaml.safe_dump(value, default_flow_style=True, width=10**9) for key, value in changes.items()}
    return [f"{key}={text.strip().removesuffix('...').strip()}" for key, text in flow.items()]


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
