"""Do two words mean nearly the same? The yardstick of AMBER, by a name that the protocol keeps.

"exact"             equal words only: no download, and the default
"spacy:MODEL"       cosine of a spaCy model's vectors; the official one is spacy:en_core_web_lg
"file:NAME"         a JSON file of the data folder, {"word|word": similarity from -1 to 1}; absent pairs are 0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks._files.question_rows import read_json
from harness.core.edge.text import shown
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data

_MOST = 1.001  # a cosine in single precision may be a little above 1
Measure = Callable[[str, str], float]


def measure(name: str, data: Data) -> Measure:
    """The similarity function of that name; each pair of words is asked once."""
    kind, _, rest = name.partition(":")
    if kind == "exact" and not rest:
        return lambda one, other: float(one == other)
    if kind == "spacy" and rest:
        return _remembered(_spacy(rest))
    if kind == "file" and rest:
        return _from_file(read_json(data, rest), rest)
    raise ConfigError(f"There is no word similarity {name!r}; choose exact, spacy:MODEL or file:NAME.")


def _from_file(table: Any, name: str) -> Measure:
    if not isinstance(table, dict) or not table:
        raise DataError(f'{name} should be an object {{"word|word": similarity}}, but is {shown(table)}. Correct it.')
    known: dict[tuple[str, ...], float] = {}
    for pair, value in table.items():
        words = tuple(sorted(pair.split("|")))
        if len(words) != 2 or not all(words):
            raise DataError(f'{name}: the key {shown(pair)} is not two words, "word|word". Correct it.')
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _MOST:  # nan too
            stated = f"the similarity of {shown(pair)} is {shown(value)}"
            raise DataError(f"{name}: {stated}, not a number from -1 to 1. Correct it.")
        if known.setdefault(words, float(value)) != value:
            both = f"{known[words]:g} and {value:g}"
            raise DataError(f"{name} has two similarities of {' and '.join(words)}: {both}. Remove one of them.")
    return lambda one, other: 1.0 if one == other else known.get(tuple(sorted((one, other))), 0.0)


def _spacy(model: str) -> Measure:
    import spacy

    try:
        pipeline = spacy.load(model)
    except OSError as error:
        hint = f"Install it with `python -m spacy download {model}` or use similarity: exact."
        raise ConfigError(f"spaCy has no model {model!r}. {hint}") from error
    parsed: dict[str, Any] = {}  # parsing a word costs a hundred times more than comparing two

    def similarity(one: str, other: str) -> float:
        for word in (one, other):
            if word not in parsed:
                parsed[word] = pipeline(word)
        return float(parsed[one].similarity(parsed[other]))

    return similarity


def _remembered(measured: Measure) -> Measure:
    known: dict[tuple[str, str], float] = {}

    def similarity(one: str, other: str) -> float:
        pair = (one, other)
        if pair not in known:
            known[pair] = measured(one, other)
        return known[pair]

    return similarity
