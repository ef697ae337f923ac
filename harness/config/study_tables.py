"""The study's tables as configurations: rows in studies/tables, what they are made of in studies/real.yaml or small.yaml.

A row names its pairs and its aligner by block, with changes behind it where there are any: `[dpo, {loss: ipo}]`. So
`study:table6` is LLaVA-1.6-7B on COCO, and `study:table6 --mini` the same rows on the miniature world. A row that needs a
block which one of the two does not have is left out there, and named.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean

PREFIX = "study:"
FOLDER = Path(__file__).parent / "studies"


def names() -> list[str]:
    """All tables, in their order."""
    return sorted((p.stem for p in (FOLDER / "tables").glob("*.yaml")), key=lambda name: int(name.removeprefix("table")))


def tree(name: str, mini: bool) -> tuple[dict[str, Any], list[str]]:
    """A table as plain values, and its rows that had to be left out. Raises ConfigError for one that does not exist."""
    if name not in names():
        raise ConfigError(f"There is no table {name!r} of the study.{did_you_mean(name, names())} Known: {', '.join(names())}.")
    made = _read(FOLDER / ("small.yaml" if mini else "real.yaml"))
    blocks, rows = made.pop("blocks"), _read(FOLDER / "tables" / f"{name}.yaml")
    made = {"name": f"{name}-mini" if mini else name, "seed": 0, "published": rows.pop("published"), **made}
    not_run: dict[str, str] = dict(rows.get("not_run", {}))
    for part in ("reward_models", "arms"):
        made[part] = [arm for row in rows.get(part, []) if (arm := _arm(row, blocks, not_run)) is not None]
    rewards = [None, *(model["name"] for model in made["reward_models"])]
    orphans = [arm["name"] for arm in made["arms"] if arm["align"].get("reward") not in rewards]
    made["arms"] = [arm for arm in made["arms"] if arm["name"] not in orphans]
    not_run |= dict.fromkeys(orphans, "its reward model is left out")
    left_out = [f"{row}: {why}" for row, why in not_run.items()]
    if not made["arms"] and not made["reward_models"]:
        raise ConfigError(f"No row of {name} can be run on the miniature world:\n  " + "\n  ".join(left_out))
    made["table"] = {
        "same_prompts": rows.get("same_prompts", []),
        "not_run": not_run,
        "open": made.pop("open"),
        "grids": made.pop("grids", {}),
    }
    return made, left_out


def _arm(row: Mapping[str, Any], blocks: Mapping[str, Any], not_run: dict[str, str]) -> dict[str, Any] | None:
    arm = dict(row)
    for part in ("pairs", "align"):
        block, changes = (row[part], {}) if isinstance(row[part], str) else row[part]
        if block not in blocks[part]:
            not_run[row["name"]] = f"the miniature world has no counterpart of {block!r}"
            return None
        arm[part] = {**copy.deepcopy(blocks[part][block]), **changes}
    return arm


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
