"""Notes of a report on its study: prompts that arms share, rows that are not run, our own choices, what is swept in part.

Rows and choices are those of the study as it is shipped; where a setting that ran is another one, the note says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.schema import BenchmarkConfig, RunConfig
from harness.config.study_tables import TableNotes
from harness.core import registry
from harness.core.edge.text import count
from harness.core.errors import HarnessError
from harness.core.run_record import BenchmarkResult, StudyNotes
from harness.results.study_settings import (
    Change,
    Compared,
    Setting,
    is_trained,
    last_part,
    nearest_in_front,
    parts_of,
    shipped_parts,
    shown,
)
from reports.text.formatting import title_of

# Methods that Appendix A's grids are of, and whose grid of beta a loss shares.
_SEARCHED = ("dpo", "online_dpo", "mixed_dpo", "online_bdhs")
_BETA_OF = {"avg_dpo": "dpo", "hinge": "slic"}
_NOT_COMPARED = (
    "The settings of this run are not compared with the study's: it was made before studies kept their own (`shipped`), so a "
    "setting that was changed may contradict these notes."
)
_SAME_DRAWS = (
    "Arms that repeat the random draws of the arm they go on from (rejected answers, answers in training, order of pairs), so "
    "that both may have trained on the same pairs: {}. `rounds` draws anew in each round where this version begins the run; an "
    "arm's own `round: 2` does so, too."
)
_IMAGES = ("limit_images", "describe")  # options that take the first images of a benchmark
_OTHER_BASE = "another base checkpoint, a run of its own: this table with"


def study_notes(config: RunConfig, groups: Sequence[Mapping[str, Any]]) -> StudyNotes:
    """Sentences; `groups` as in `SharedPrompts`. `partial` is left out: it depends on what was swept (`partial_sweep`)."""
    table = config.table or TableNotes()
    compared = Compared(parts_of(config) if config.table is not None else {}, shipped_parts(table))
    unlike = [group for group in groups if group["meant"] and group["common"] < group["most"]]
    rows, not_run = _rows(table, compared)
    unknown = (_NOT_COMPARED,) if not table.shipped and (table.rows or table.open) else ()
    return StudyNotes(
        rows=(*unknown, *rows),
        shared=tuple(
            f"Arms share {_of(group)} prompts: {', '.join(group['arms'])}." for group in groups if group not in unlike
        ),
        unlike=(
            *(
                f"Meant to be compared on the same prompts, but these arms share {_of(group)}: {', '.join(group['arms'])}."
                for group in unlike
            ),
            *repeated_draws(config),
        ),
        not_run=tuple(not_run),
        departures=tuple(_said(table.departures, table, compared)),
        open=(*_searched(compared, table.grids), *_said(table.open, table, compared)),
        finding=(table.finding,) if table.finding else (),
    )


def repeated_draws(config: RunConfig) -> tuple[str, ...]:
    """A sentence on arms that do once more what the arm they go on from did, with the same random draws: rounds as earlier
    versions made them, or arms put behind each other with `after`."""
    arms = {arm.name: arm for arm in config.arms}
    behind = [(arm, arms[arm.after]) for arm in config.arms if arm.after in arms]
    found = [
        f"{arm.name} after {before.name}"
        for arm, before in behind
        if arm.pairs == before.pairs and arm.align == before.align and config.draws_of(arm) == config.draws_of(before)
    ]
    return (_SAME_DRAWS.format(", ".join(found)),) if found else ()


def partial_sweep(config: RunConfig, results: Mapping[str, BenchmarkResult]) -> tuple[str, ...]:
    """The benchmarks of which only a part is asked; `results`: one of each benchmark's title that was swept."""
    asked = [(spec, _part(spec, results.get(spec.title))) for spec in config.sweep]
    return tuple(f"{title_of(spec.title)} {part}" for spec, part in asked if part)


def _said(notes: Mapping[str, str], table: TableNotes, compared: Compared) -> list[str]:
    """The notes that concern a part of this study, each with what was changed."""
    found = []
    for what, text in notes.items():
        keys = table.settings.get(what)
        words = text if keys is None else compared.said(text, keys)
        found += [f"{what}: {words}"] if words else []
    return found


def _rows(table: TableNotes, compared: Compared) -> tuple[list[str], list[str]]:
    """The rows of the paper's table that the arms stand for, with what was changed in each, and those that are not run."""
    path, was = (_path(parts) for parts in (compared.mine, compared.shipped))
    others = table.other_rows.get(last_part(path), {})
    rows = {**{arm: row for arm, row in table.rows.items() if not others}, **others}
    found, there = list[str](), set[str]()
    if was and last_part(path) != last_part(was):
        found.append(f"changed here: the base checkpoint is {path}, that of the study {was}")
    found += _apart_from_arms(compared) if "model" in compared.shipped else []
    for part in filter(is_trained, compared.mine):
        name = part.partition(".")[2]
        if arm := nearest_in_front(name, rows):
            there.add(arm)
            changed = "; ".join(map(_changed, compared.changes(part))) if compared.shipped else ""
            found.append(f"{name}: {rows[arm]}" + (f"; changed here: {changed}" if changed else ""))
    not_run = {row: why for row, why in table.not_run.items() if row not in others.values()}
    if others:
        not_run |= dict.fromkeys(table.rows.values(), f"{_OTHER_BASE} model.path={was}")
    lines = [f"{row}: {why}" for row, why in not_run.items()]
    return found, lines + [f"{row} ({arm}): left out of this run" for arm, row in rows.items() if arm not in there]


def _apart_from_arms(compared: Compared) -> list[str]:
    """What was changed of the model and of what is swept; the base checkpoint has a line of its own."""
    parts = [part for part in compared.mine if not is_trained(part)]
    there = {compared.twin(part) for part in parts}
    found = [f"changed here: {part.partition('.')[2]} is swept" for part in parts if not compared.twin(part)]
    found += [
        f"changed here: {part.partition('.')[2]} is not swept"
        for part in compared.shipped
        if not is_trained(part) and part not in there
    ]
    changes = [change for part in parts if compared.twin(part) for change in compared.changes(part)]
    return found + [f"changed here: {_changed(change)}" for change in changes if change.setting.place != "model.path"]


def _path(parts: Mapping[str, Sequence[Setting]]) -> str:
    return next((str(s.value) for s in parts.get("model", ()) if s.name == "path"), "")


def _changed(change: Change) -> str:
    return f"{change.setting.place} {shown(change.setting.value)} instead of {shown(change.was)}"


def _part(spec: BenchmarkConfig, result: BenchmarkResult | None) -> str:
    """Which part of a benchmark is asked, in words; "" for all of it. A limit that leaves nothing out is not mentioned."""
    images, limit = next((spec.options[key] for key in _IMAGES if spec.options.get(key) is not None), None), spec.limit
    if result is not None:
        limit = None if _holds_all(result, limit) else limit
        fewer = isinstance(images, int) and len({item.image for item in result.items}) < images
        images = None if fewer and limit is None and spec.items is None else images
    parts = [f"over its first {count(images, 'image')}"] if images is not None else []
    parts += [f"over {count(len(spec.items), 'chosen item')}"] if spec.items is not None else []
    parts += [f"over its first {count(limit, 'item')}"] if limit is not None else []
    return " and ".join(parts)


def _holds_all(result: BenchmarkResult, limit: int | None) -> bool:
    """Whether a limit left no item out: fewer were asked, or as many as the benchmark's file has rows."""
    n = len(result.items)
    return limit is None or n < limit or result.protocol.facts.get("rows") == f"{n:,}"


def _of(group: Mapping[str, Any]) -> str:
    return f"{group['common']:,} of {group['most']:,}"


def _searched(compared: Compared, grids: Mapping[str, Sequence[float]]) -> list[str]:
    """The value that the arms took of every grid, and whether it lies in it; nothing of a grid that no arm has a value of."""
    arms = {part.removeprefix("arms."): settings for part, settings in compared.mine.items() if part.startswith("arms.")}
    found = []
    for setting, values in grids.items():
        taken: dict[tuple[Any, str], list[str]] = {}
        for arm, settings in arms.items():
            align = _of_aligner(settings)
            if (value := _value(align, setting)) is not None:
                taken.setdefault((value, _stopped(align, setting)), []).append(arm)
        if taken:
            parts = [f"{v:g}{stop}{_outside(v, values)} ({', '.join(names)})" for (v, stop), names in taken.items()]
            said = "; ".join(parts) if len(taken) > 1 else parts[0].rpartition(" (")[0]
            found.append(f"{setting}: {said}; Appendix A searched {', '.join(f'{v:g}' for v in values)}, not which a row took")
    return found


def _of_aligner(settings: Sequence[Setting]) -> dict[str, Any]:
    """An arm's own settings of its aligner by name, without those of its judge and the like."""
    name = next((s.value for s in settings if s.place == "align.name"), "")
    return {s.name: s.value for s in settings if s.of == name and s.place.startswith("align.")}


def _outside(value: Any, values: Sequence[float]) -> str:
    return "" if value in values else ", outside the paper's grid"


def _stopped(align: Mapping[str, Any], setting: str) -> str:
    """What ends a training before its epochs, where it does so first."""
    steps = align.get("training.max_steps")
    return f", at most {count(steps, 'step')} (max_steps)" if setting == "epochs" and isinstance(steps, int) else ""


def _value(align: Mapping[str, Any], setting: str) -> Any:  # Any: a number of the configuration, or None
    """The value of a grid's setting ("epochs", "beta of ipo") among an arm's settings; None where the arm has none."""
    name, _, of = setting.partition(" of ")
    if align.get("name") not in _SEARCHED:
        return None
    if not of:
        return align.get(f"training.{name}")
    inside = "" if align.get("name") == "dpo" else "dpo."
    loss = align.get(f"{inside}loss")
    own = registry.canonical("loss", loss) if isinstance(loss, str) else ""
    if _BETA_OF.get(own, own) != of:
        return None
    value = align.get(f"{inside}{name}")
    return _default(own, name) if value is None else value


def _default(loss: str, name: str) -> Any:  # Any: a number
    try:
        return next((option.default for option in registry.options("loss", loss) if option.name == name), None)
    except HarnessError:
        return None
