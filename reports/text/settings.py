"""The settings of a run, from the YAML that its record keeps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml

from harness.core.run_record import RunRecord


def settings_of(record: RunRecord) -> Mapping[str, Any]:  # Any: a YAML value
    """Top-level keys of a run's configuration; none where its text is no mapping."""
    return _read(record.config_yaml)


@lru_cache(maxsize=64)
def _read(text: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
