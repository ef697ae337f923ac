"""Do the pairs of a source have the form that files, training and reports rely on? Asked before any is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from reprlib import repr as short
from typing import Any

from harness.core.edge.foreign import refused_as
from harness.core.errors import DataError
from harness.core.plugin_forms.contract import others_errors
from harness.core.plugin_forms.values import is_in_form, plain_text, stored_form
from harness.core.plugins import Data, Model, Source
from harness.core.preference import PreferencePair

_END: Any = object()  # a source may yield None
_CORRECT = "Correct the source and run the same command again; answers of the model are stored."


def pairs_in_form(name: str, source: Source, data: Data, model: Model, seed: int) -> list[PreferencePair]:
    """All pairs that the source makes. Raises DataError for what is not a pair of texts, for an id that two pairs have, and for
    whatever the source raises that is not an error of ours."""
    found, places = list[PreferencePair](), dict[str, int]()
    with others_errors(source, DataError, f"The source {name} fails", _CORRECT):
        made = iter(source.pairs(data, model, seed))
    while True:
        with others_errors(source, DataError, f"The source {name} fails after {len(found):,} pairs", _CORRECT):
            pair = next(made, _END)
        if pair is _END:
            return found
        found.append(_in_form(name, len(found) + 1, pair))
        if (before := places.setdefault(found[-1].id, len(found))) != len(found):
            both = f"pairs {before:,} and {len(found):,} both have the id {short(pair.id)}"
            raise DataError(f"The source {name}: {both}. Draws and answers of a training go by the id. {_CORRECT}")


def report_in_form(name: str, source: Source) -> dict[str, Any]:  # Any: JSON values
    """What a source reports of its yield; of no use for training, so that what cannot be stored becomes null or text."""
    with others_errors(source, DataError, f"The source {name}: report() fails", _CORRECT):
        found: object = source.report()
    return _storable(found) if isinstance(found, Mapping) else {}


def _in_form(name: str, n: int, pair: object) -> PreferencePair:
    where = f"The source {name}: pair {n:,}"
    if not isinstance(pair, PreferencePair):
        raise DataError(f"{where} is {short(pair)}, not a PreferencePair. {_CORRECT}")
    for field in ("id", "prompt", "chosen", "source", "context"):
        if not isinstance(value := getattr(pair, field), str):
            raise DataError(f"{where} has {short(value)} as `{field}`, which is not text. {_CORRECT}")
    if isinstance(pair.rejected, str) or not _are_texts(pair.rejected):
        raise DataError(f"{where} has {short(pair.rejected)} as `rejected`; give a tuple of texts, also of one. {_CORRECT}")
    for field in ("image", "image_digest"):
        value = getattr(pair, field)
        if not isinstance(value, str) and not _are_texts(value):
            hint = " (a path in the data folder, as text)" if isinstance(value, Path) else ""
            raise DataError(
                f"{where} has {short(value)} as `{field}`, which is not text{hint}, nor a tuple of texts. {_CORRECT}"
            )
    if not isinstance(pair.meta, Mapping):
        raise DataError(f"{where} has {short(pair.meta)} as `meta`, which is not a mapping. {_CORRECT}")
    with refused_as(DataError, f"{where} has a `meta` that cannot be kept", _CORRECT):  # it may hold itself
        meta = pair.meta if is_in_form(pair.meta) else _storable(pair.meta)
    lists = [key for key in ("rejected", "image", "image_digest") if isinstance(getattr(pair, key), list)]
    texts: dict[str, Any] = {key: tuple(getattr(pair, key)) for key in lists}
    return replace(pair, meta=meta, **texts) if texts or meta is not pair.meta else pair


def _are_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _storable(value: Any) -> Any:  # Any: a JSON value
    """As the store keeps it; a number that is not finite is unknown, and what has no such form is its text."""
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {plain_text(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    try:
        return stored_form(value)
    except ValueError:
        return str(value)
