"""Which settings the arms vary, and which arms differ in nothing else: the one-factor comparisons that any grid holds.

Two arms differ in a set of settings. Where their plug-ins have different names, the options that only one of them has belong
to the plug-in ("pairs"), those that both have are settings of their own ("pairs.limit"). A set is a factor when no two arms
differ in a part of it: in a grid over rho and beta, {rho} and {beta} are, {rho, beta} is not; where loss and beta change
together in every arm, {loss, beta} is one factor. Many settings at once are a factor only where all are of one part, such as
two ways of making pairs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from reports.values.questions import Level, Settings

ABSENT = "default"
MOST_KEYS = 3  # settings of several parts that vary together and are still called one factor
_MOST_TEXT = 28  # characters of a value as the name of a level
_OWN = ("name", "seed")
_SHARED = "align.training."  # one mapping for all aligners


@dataclass(frozen=True, slots=True)
class Factor:
    """Settings, and the groups of arms (places among all arms) that differ in nothing else."""

    keys: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]


def flat(arm: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """{"pairs": {"name": "bdhs"}} -> {"pairs.name": "bdhs"}, without the arm's own name and seed; lists as text."""
    found: dict[str, object] = {}
    for key, value in arm.items():
        if not prefix and key in _OWN:
            continue
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            found[prefix + key] = json.dumps(value, default=str) if isinstance(value, list) else value
    return found


def differing(one: Settings, other: Settings) -> frozenset[str]:
    """The settings in which two arms differ; "pairs" stands for another plug-in with the options that only it has."""
    renamed = [k.removesuffix(".name") for k in one if k.endswith(".name") and k in other and one[k] != other[k]]
    renamed = [p for p in renamed if not any(p.startswith(q + ".") for q in renamed)]
    found = set(renamed)
    for key in {*one, *other}:
        if one.get(key, ABSENT) == other.get(key, ABSENT) and (key in one) == (key in other):
            continue
        owner = next((p for p in renamed if key.startswith(p + ".")), None)
        both = key in one and key in other
        if owner is None or key.startswith(_SHARED) or (both and not key.endswith(".name")):
            found.add(key)
    return frozenset(found)


def factors(arms: Sequence[Settings]) -> list[Factor]:
    """Every factor of these arms, in the order in which its arms stand; arms that are alike in all settings count once."""
    edges: dict[frozenset[str], list[tuple[int, int]]] = {}
    for i, j in combinations(range(len(arms)), 2):
        edges.setdefault(differing(arms[i], arms[j]), []).append((i, j))
    kinds = [kind for kind in edges if kind and (len(kind) <= MOST_KEYS or len({key.split(".")[0] for key in kind}) == 1)]
    least = [kind for kind in kinds if not any(other and other < kind for other in edges)]
    order = {key: n for n, key in enumerate(dict.fromkeys(k for arm in arms for k in arm))}
    return [Factor(_ordered(kind, order), _groups(edges[kind])) for kind in least]


def _ordered(kind: frozenset[str], order: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(kind, key=lambda key: (order.get(key, order.get(f"{key}.name", len(order))), key)))


def _groups(edges: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Connected arms, each group in the arms' order."""
    groups: list[set[int]] = []
    for pair in edges:
        touched = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touched] + [set(pair).union(*touched)]
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def levels(factor: Factor, arms: Sequence[Settings], labels: Sequence[str], places: Sequence[int]) -> list[Level]:
    """The factor's levels over its groups; `labels` and `places` (columns of the short table) are those of the arms.

    Numbers rise, others stand as their arms do. Values that are long, or of which one group has two alike, go by the arms'
    labels, and then each group has levels of its own.
    """
    values = {i: _values(factor.keys, arms[i]) for group in factor.groups for i in group}
    texts = {i: ", ".join(_text(value) for value in found) for i, found in values.items()}
    told = _tell(factor, texts)
    if not told or (len(factor.groups) == 1 and any(_number(own) is None for own in values.values())):
        texts = {i: labels[i] for i in texts}
    found: dict[str, list[int | None]] = {}
    numbers: dict[str, float | None] = {}
    for n, group in enumerate(factor.groups):
        for i in group:
            found.setdefault(texts[i], [None] * len(factor.groups))[n] = places[i]
            numbers[texts[i]] = _number(values[i])
    numeric = all(number is not None for number in numbers.values()) and len(set(numbers.values())) == len(numbers)
    made = [Level(text, numbers[text] if numeric else None, tuple(columns)) for text, columns in found.items()]
    return sorted(made, key=lambda level: level.number or 0.0) if numeric else made


def _tell(factor: Factor, texts: Mapping[int, str]) -> bool:
    """The values' texts name the levels: short, and no two alike within a group."""
    return all(len(text) <= _MOST_TEXT for text in texts.values()) and all(
        len({texts[i] for i in group}) == len(group) for group in factor.groups
    )


def _values(keys: Sequence[str], arm: Settings) -> tuple[object, ...]:
    return tuple(arm.get(key, arm.get(f"{key}.name", ABSENT)) for key in keys)


def _number(values: Sequence[object]) -> float | None:
    """Of a single value that is a number."""
    (first, *more) = values
    return float(first) if not more and isinstance(first, int | float) and not isinstance(first, bool) else None


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def contexts(factor: Factor, arms: Sequence[Settings], labels: Sequence[str]) -> tuple[str, ...]:
    """What distinguishes the groups of a factor, in words; labels of their first arms where that would be long."""
    firsts = [group[0] for group in factor.groups]
    if len(firsts) == 1:
        return ("",)
    pairs = combinations(firsts, 2)
    keys = sorted({key for i, j in pairs for key in differing(arms[i], arms[j])} - set(factor.keys))
    texts = [", ".join(_setting(key, arms[i]) for key in keys) for i in firsts]
    fits = all(len(text) <= _MOST_TEXT for text in texts) and len(set(texts)) == len(texts)
    return tuple(texts) if fits else tuple(labels[i] for i in firsts)


def _setting(key: str, arm: Settings) -> str:
    """'beta 0.1'; of a plug-in its name alone."""
    value = _text(_values([key], arm)[0])
    return value if f"{key}.name" in arm else f"{key.rsplit('.', 1)[-1]} {value}"
