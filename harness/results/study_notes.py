"""Notes of a report on its study: prompts that arms share, rows that are not run, our own choices, what is swept in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.schema import Arm, BenchmarkConfig, RunConfig, TableNotes
from harness.core.edge.text import count
from harness.core.run_record import BenchmarkResult, StudyNotes
from reports.text.formatting import title_of

# Methods that Appendix A's grids are of, and whose grid of beta a loss shares.
_SEARCHED = ("dpo", "online_dpo", "mixed_dpo", "online_bdhs")
_BETA_OF = {"avg_dpo": "dpo", "hinge": "slic"}


def study_notes(
    config: RunConfig, groups: Sequence[Mapping[str, Any]], results: Mapping[str, BenchmarkResult] | None = None
) -> StudyNotes:
    """Sentences; `groups` as in `SharedPrompts`, `results` one of each benchmark's title that was swept."""
    table = config.table or TableNotes()
    swept = results or {}
    asked = [(spec, _part(spec, swept.get(spec.title))) for spec in config.sweep]
    unlike = [group for group in groups if group["meant"] and group["common"] < group["most"]]
    return StudyNotes(
        rows=tuple(f"{arm}: {row}" for arm, row in table.rows.items()),
        shared=tuple(f"Arms share {_of(group)} prompts: {', '.join(group['arms'])}." for group in groups),
        unlike=tuple(
            f"Meant to be compared on the same prompts, but these arms share {_of(group)}: {', '.join(group['arms'])}."
            for group in unlike
        ),
        not_run=tuple(f"{row}: {why}" for row, why in table.not_run.items()),
        open=(*_searched(config.arms, table.grids), *(f"{what}: {default}" for what, default in table.open.items())),
        finding=(table.finding,) if table.finding else (),
        partial=tuple(f"{title_of(spec.title)} {part}" for spec, part in asked if part),
    )


def _part(spec: BenchmarkConfig, result: BenchmarkResult | None) -> str:
    """Which part of a benchmark is asked, in words; "" for all of it. A limit that leaves nothing out is not mentioned."""
    images, limit = spec.options.get("limit_images"), spec.limit
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


def _searched(arms: Sequence[Arm], grids: Mapping[str, Sequence[float]]) -> list[str]:
    """The value that the arms took of every grid, and whether it lies in it; nothing of a grid that no arm has a value of."""
    found = []
    for setting, values in grids.items():
        taken: dict[Any, list[str]] = {}
        for arm in arms:
            if (value := _number(_value(arm, setting))) is not None:
                taken.setdefault(value, []).append(arm.name)
        if taken:
            parts = [f"{value:g}{_outside(value, values)} ({', '.join(names)})" for value, names in taken.items()]
            said = "; ".join(parts) if len(taken) > 1 else parts[0].partition(" (")[0]
            found.append(f"{setting}: {said}; Appendix A searched {', '.join(f'{v:g}' for v in values)}, not which a row took")
    return found


def _number(value: Any) -> Any:  # Any: a YAML value
    """1e-6 without a dot is text in YAML; options of numbers take it as the number that it says."""
    return float(value) if isinstance(value, str) else value


def _outside(value: Any, values: Sequence[float]) -> str:
    return "" if value in values else ", outside the paper's grid"


def _value(arm: Arm, setting: str) -> Any:  # Any: a number of the configuration, or None
    if arm.align.name not in _SEARCHED:
        return None
    options = arm.align.options
    name, _, loss = setting.partition(" of ")
    if not loss:
        return options.get("training", {}).get(name)
    preference = options if arm.align.name == "dpo" else options.get("dpo", {})
    own = preference.get("loss", "dpo")
    return preference.get(name) if isinstance(own, str) and _BETA_OF.get(own, own) == loss else None
