"""The baseline of a comparison: the first column as it stands, or any other column or method that is named.

Nothing is measured again: answers and scores of all columns are stored, so any of them can stand in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean
from harness.core.run_record import SweepResult
from reports.tables.methods import Method, pairing, without_seed
from reports.values.table import Column


def with_baseline(
    columns: Sequence[Column], sweeps: Sequence[SweepResult], found: Sequence[Method], wanted: str
) -> tuple[list[Column], list[SweepResult], list[Method]]:
    """The same columns, sweeps and methods with the wanted column, or all seeds of the wanted method, in front.

    Seeds of two methods are paired: both train on the same draw of prompts. Raises ConfigError where there is no such
    column, and where a method has other seeds than a baseline of several.
    """
    places = _places(columns, found, wanted)
    kept = [one for method in found if (one := _without(method, places)) is not None]
    _check_seeds(columns, kept, next((method for method in kept if method.places == places), None))
    order = [*places, *(i for i in range(len(columns)) if i not in places)]
    new = {old: i for i, old in enumerate(order)}
    moved = [replace(columns[old], is_baseline=i == 0) for i, old in enumerate(order)]
    methods = [replace(method, places=tuple(new[place] for place in method.places)) for method in kept]
    return moved, [sweeps[old] for old in order], methods


def _places(columns: Sequence[Column], found: Sequence[Method], wanted: str) -> tuple[int, ...]:
    """Where arms that bear the name of a method are none (other settings, one seed swept), the first of them stands for it."""
    alone = {without_seed(column.label): (i,) for i, column in reversed([*enumerate(columns)])}
    by_name = {column.label: (i,) for i, column in enumerate(columns)} | {method.name: method.places for method in found}
    if wanted in alone and wanted not in by_name:
        return alone[wanted]
    if wanted not in by_name:
        known = ", ".join(by_name)
        raise ConfigError(
            f"No column is named {wanted!r}, so it cannot be the baseline.{did_you_mean(wanted, by_name)} Columns: {known}."
        )
    return by_name[wanted]


def _without(method: Method, places: tuple[int, ...]) -> Method | None:
    """A method less the single seed that is the baseline; None where one seed is left, which is no method."""
    if method.places == places:
        return method
    left = [(place, seed) for place, seed in zip(method.places, method.seeds, strict=True) if place not in places]
    if len(left) < 2:
        return None
    return Method(method.name, tuple(place for place, _ in left), tuple(seed for _, seed in left))


def _check_seeds(columns: Sequence[Column], found: Sequence[Method], base: Method | None) -> None:
    if base is None:
        return
    inside = {place for method in found for place in method.places}
    alone = [column.label for i, column in enumerate(columns) if i not in inside and column.trained]
    unlike = [*alone, *(method.name for method in found if not pairing(base, method))]
    if unlike:
        raise ConfigError(
            f"{base.name} has {len(base.places)} training seeds, and {', '.join(unlike)} not the same ones, so their seeds "
            f"cannot be paired. Compare runs of the same seeds, or with one seed: {columns[base.places[0]].label!r}."
        )
