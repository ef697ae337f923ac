"""Contract values <-> JSON text, for the store. Unknown stays null; nan and infinity are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from harness.core.edge.foreign import words_of
from harness.core.errors import StoreError
from harness.core.evaluation import Item, Score, Span, Verdict
from harness.core.files import storable
from harness.core.preference import PreferencePair
from harness.core.run_record import Checkpoint, ProtocolRecord


def dumps(value: Any) -> str:
    """JSON with sorted keys, so equal values are equal bytes; see `storable` for lone surrogates."""
    return storable(json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, default=_plain))


P = ParamSpec("P")
T = TypeVar("T")


def of_a_whole_store(read: Callable[P, T]) -> Callable[P, T]:
    """Raises StoreError where what is stored is not what was written: SQLite has no checksums."""

    @wraps(read)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError) as error:
            raise StoreError(
                f"The run store is damaged: a stored value cannot be read ({words_of(error)}). Move store.sqlite away; a new "
                "one is made by the next run, and run folders that are still there are taken up."
            ) from error

    return checked


@of_a_whole_store
def loads(text: str) -> Any:  # Any: a JSON value
    return json.loads(text)


def _plain(value: Any) -> Any:  # Any: a JSON value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}  # what is inside comes here in its turn
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


@of_a_whole_store
def item(row: Mapping[str, Any]) -> Item:
    return Item(**row)


@of_a_whole_store
def score(row: dict[str, Any]) -> Score:
    """The row becomes the score's: most of reading a store is spent here."""
    row["spans"] = tuple(Span(**span) for span in row["spans"]) if row["spans"] else ()
    if row["verdict"] is not None:
        row["verdict"] = Verdict(**row["verdict"])
    return Score(**row)


@of_a_whole_store
def verdict(row: Mapping[str, Any]) -> Verdict:
    return Verdict(**row)


@of_a_whole_store
def checkpoint(row: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(**row)


@of_a_whole_store
def protocol(row: Mapping[str, str]) -> ProtocolRecord:
    return ProtocolRecord(dict(row))


@of_a_whole_store
def pair(row: Mapping[str, Any]) -> PreferencePair:
    several = {key: tuple(row[key]) for key in ("rejected", "image", "image_digest") if isinstance(row[key], list)}
    return PreferencePair(**{**row, **several})
