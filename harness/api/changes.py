"""Arguments of the Python interface as the command line has them: `key.path=value`, the value in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Changes = Mapping[str, Any] | Sequence[str]


def as_texts(changes: Changes) -> list[str]:
    """Changes as the command line has them: `key=value`, the value in YAML."""
    import yaml

    if not isinstance(changes, Mapping):
        return list(changes)
    flow = {key: yaml.safe_dump(value, default_flow_style=True, width=10**9) for key, value in changes.items()}
    return [f"{key}={text.strip().removesuffix('...').strip()}" for key, text in flow.items()]
