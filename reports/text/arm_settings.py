"""What a column was made with: its own settings, less names and seeds, and those seeds.

Columns of equal settings and different seeds are seeds of one method. What an arm builds on, `after`, `reference` and its
reward model, is compared by its settings too, not by its name: "dpo-seed1" after "sft-seed1" is another seed of "dpo-seed0"
after "sft-seed0". A name proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.digests import value_digest
from reports.values.table import Column

Settings = Mapping[str, Any]  # YAML values
_OF_RUN = ("model", "data", "sweep")  # what an arm of another run must share beside its own settings
_NOT_MEASURED = ("name", "seed", "label", "output", "folder", "baseline", "table")  # names, and what its report needs
_NOT_TRAINED = ("name", "seed", "resources")  # of an arm: its name, and where it is carried out
_BUILT_ON = ("after", "reference")


@dataclass(frozen=True, slots=True)
class Made:
    """Digest of the settings, and the seeds in words: "3"; "0 align.training.seed 3" where an option is a seed of its own."""

    settings: str
    seeds: str


def made_with(columns: Sequence[Column], labels: Sequence[str], configs: Mapping[str, Settings]) -> list[Made | None]:
    """Of each column; None where its run's configuration does not say how its checkpoint was made.

    A run without arms has the settings and the seed that it states: its checkpoints were trained elsewhere.

    Args:
        labels: of the columns' sweeps. configs: settings by id of a run.
    """
    arms = {run: _arms(config) for run, config in configs.items()}
    return [_made(configs[c.run_id], arms[c.run_id], label, c.trained) for c, label in zip(columns, labels, strict=True)]


def _made(config: Settings, arms: Mapping[str, Made], label: str, trained: bool) -> Made | None:
    if config.get("arms"):
        return arms.get(label) if trained else None
    stated = {key: value for key, value in config.items() if key not in _NOT_MEASURED}
    return Made(value_digest([label, _plain(stated)]), str(config.get("seed", ""))) if config else None


def _arms(config: Settings) -> dict[str, Made]:
    """All arms by name; one is built on those before it."""
    known: dict[str, Made] = {}
    shared = _plain({key: config.get(key) for key in _OF_RUN})
    for part in ("reward_models", "arms"):
        arms = config.get(part)
        for arm in arms if isinstance(arms, list) else []:
            if isinstance(arm, Mapping):
                known[str(arm.get("name"))] = _arm(arm, known, config.get("seed", 0), shared)
    return known


def _arm(arm: Mapping[str, Any], known: Mapping[str, Made], seed: object, shared: object) -> Made:
    seeds: dict[str, object] = {}
    own = {str(key): _plain(value, f"{key}.", seeds) for key, value in arm.items() if key not in _NOT_TRAINED}
    for place, key in [(own, key) for key in _BUILT_ON] + [(own.get("align"), "reward")]:
        if isinstance(place, dict) and isinstance(place.get(key), str) and place[key] in known:
            place[key] = known[place[key]].settings
    drawn = arm["seed"] if arm.get("seed") is not None else seed
    words = " ".join([str(drawn), *(f"{path} {seeds[path]}" for path in sorted(seeds))])
    return Made(value_digest([own, shared]), words)


def _plain(value: Any, path: str = "", seeds: dict[str, object] | None = None) -> Any:  # Any: a YAML value
    """The value with text for keys and without unset ones; its seeds are moved to `seeds` where that is given."""
    if isinstance(value, list):
        return [_plain(one, f"{path}{n}.", seeds) for n, one in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if seeds is not None:
        seeds |= {f"{path}seed": value["seed"]} if value.get("seed") is not None else {}
    kept = {key: one for key, one in value.items() if one is not None and (seeds is None or key != "seed")}
    return {str(key): _plain(one, f"{path}{key}.", seeds) for key, one in kept.items()}
