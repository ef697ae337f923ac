"""Contract values <-> JSON text, for the store. Unknown stays null; nan and infinity are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from harness.core.evaluation import Item, Score, Span, Verdict
from harness.core.preference import PreferencePair
from harness.core.run_record import Checkpoint, ProtocolRecord


def dumps(value: Any) -> str:
    """JSON with sorted keys, so equal values are equal bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, default=_plain)


def loads(text: str) -> Any:  # Any: a JSON value
    return json.loads(text)


def _plain(value: Any) -> Any:  # Any: a JSON value
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def item(row: Mapping[str, Any]) -> Item:
    return Item(**row)


def score(row: dict[str, Any]) -> Score:
    """The row becomes the score's: most of reading a store is spent here."""
    row["spans"] = tuple(Span(**span) for span in row["spans"]) if row["spans"] else ()
    if row["verdict"] is not None:
        row["verdict"] = Verdict(**row["verdict"])
    return Score(**row)


def verdict(row: Mapping[str, Any]) -> Verdict:
    return Verdict(**row)


def checkpoint(row: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(**row)


def protocol(row: Mapping[str, str]) -> ProtocolRecord:
    return ProtocolRecord(dict(row))


def pair(row: Mapping[str, Any]) -> PreferencePair:
    return PreferencePair(**{**row, "rejected": tuple(row["rejected"])})
