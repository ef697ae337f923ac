"""JSON for machines. The same config and seed give the same bytes, apart from the one key "timings".

So: sorted keys, floats rounded to 10 digits, no clock, no run id, no absolute path.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from harness.core import registry
from harness.core.files import storable
from harness.core.stats import VERSION
from reports.text.formatting import P_KEYS, rounded_p
from reports.values.comparison import Comparison, Curve
from reports.values.details import Flip
from reports.values.gate import Gate
from reports.values.table import as_stored

# a path of two or more parts that starts at the root; not the tail of a URL or of a relative path
_ABSOLUTE = re.compile(r"""(?<![\w/:.~<>\-\u2026])/(?:[^\s/'",:;]+/)+([^\s/'",:;]*)""")


@registry.report("report.json")
def write(comparison: Comparison) -> str:
    """All numbers of the report, flips as lists of item ids."""
    runs = [_run(run) for run in _plain(comparison.runs)]
    document = {
        "title": comparison.title,
        "statistics": VERSION,
        "subtitle": list(comparison.subtitle),
        "columns": [_without(column, "run_id") for column in _plain(comparison.columns)],
        "incomplete": list(comparison.incomplete),
        **{key: _plain(getattr(comparison, key)) for key in _SAME},
        **({"short": _short(comparison)} if comparison.short.by_method else {}),
        **({"audit": _plain(comparison.audit)} if comparison.audit is not None else {}),
        **({"gate": _gate(comparison.gate)} if comparison.gate is not None else {}),
        "flips": _flips(comparison.flips),
        "training": _curves(comparison.training),
        "runs": [run for run, _ in runs],
        "timings": {
            "runs": [times for _, times in runs],
            "training": _curves(comparison.training_times),
            "costs": _plain(comparison.costs),
            "reward_model_costs": list(comparison.reward_costs),
        },
    }
    return json.dumps(_cleaned(document), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


_SAME = (
    "rows",
    "verdict",
    "protocols",
    "protocol_differences",
    "protocol_unknown",
    "failures",
    "seeds",
    "judge_noise",
    "questions",
    "objects",
    "confusions",
    "length_curves",
    "captions",
    "reliability",
    "published",
    "study",
    "reward_accuracy",
    "reward_pairs",
    "reward_pairs_left_out",
    "rater_checks",
    "reward_notes",
    "published_rewards",
)


def _short(comparison: Comparison) -> dict[str, Any]:
    """The table with the seeds of each method in one column; `rows` has every checkpoint."""
    columns = [_without(column, "run_id", "run_name", "checkpoint", "digest") for column in _plain(comparison.short.columns)]
    return {"columns": columns, "rows": _plain(comparison.short.rows)}


def _gate(gate: Gate) -> dict[str, Any]:
    """Without the cells that stand among `rows`."""
    found: dict[str, Any] = _plain(gate)
    checkpoints = [c | {"rules": [_without(rule, "shown") for rule in c["rules"]]} for c in found["checkpoints"]]
    return found | {"checkpoints": checkpoints}


def _plain(value: Any) -> Any:  # Any: a JSON value
    """Dataclasses as mappings, tuples as lists."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _probability(p: Any) -> Any:  # Any: a JSON value
    return rounded_p(p) if isinstance(p, float) and math.isfinite(p) else _cleaned(p)


def _cleaned(value: Any) -> Any:  # Any: a JSON value
    if isinstance(value, dict):
        return {_without_paths(key): _probability(inner) if key in P_KEYS else _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, str):
        return _without_paths(value)
    if isinstance(value, float):
        return as_stored(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else str(value)


def _without_paths(text: str) -> str:
    return storable(_ABSOLUTE.sub("\u2026/\\1", text))


def _run(run: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run without its id and what the notes tell, too, and its timings apart; a source's report may hold timings too."""
    pairs, pair_times = _split_times(run["pairs_report"])
    kept = _without(run, "run_id", "caveats", "can_continue", "timings") | {"pairs_report": pairs}
    return kept, {"stages": run["timings"], "pairs": pair_times}


def _split_times(report: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    times = {k: v for k, v in report.items() if k.startswith("time") or k.endswith(("_s", "seconds"))}
    return {k: v for k, v in report.items() if k not in times}, times


def _without(mapping: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}


def _flips(flips: tuple[Flip, ...]) -> dict[str, Any]:
    """benchmark -> column -> gained / lost -> item ids."""
    found: dict[str, Any] = {}
    for flip in flips:
        column = found.setdefault(flip.benchmark, {}).setdefault(flip.column, {"gained": [], "lost": []})
        column[flip.kind].append(flip.item.id)
    return found


def _curves(curves: tuple[Curve, ...]) -> list[dict[str, Any]]:
    return [{"name": c.name, "run": c.column, "step": list(c.x), "value": list(c.y)} for c in curves]
