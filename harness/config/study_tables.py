"""The study's tables and findings as configurations: rows in studies/tables and studies/findings, what they are made of in
studies/real.yaml or small.yaml.

A row names its pairs and its aligner by block, with changes behind it where there are any: `[dpo, {loss: ipo}]`. So
`study:table6` is LLaVA-1.6-7B on COCO, and `study:table6 --mini` the same rows on the miniature world. A row that needs a
block which one of the two does not have is left out there, and named. A finding (`study:finding-rho`, `study:ablation-gamma`)
trains every row with three seeds and names the arm that the others are tested against.

A note of `open` or `departures` is a text, or a text (`default`) with the options that it speaks of, `settings` of the plug-ins
`of`: a report compares these with what ran. Without `default` it lists their values.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean

PREFIX = "study:"
FOLDER = Path(__file__).parent / "studies"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, a tenth of the time, where PyYAML was built with it
SEEDS = (0, 1, 2)  # of a finding; tables have one run an arm, as the paper
_NO_STUDY = {  # the paper's tables without a study -> where they are, as docs/study.md says
    "table1": "lists preference sets: they are sources of pairs (`python -m harness list sources`).",
    "table4": "shows corruptions by GPT-4: the source `corruption` writes them (`python -m harness list corruption`).",
    "table10": "trains nothing: `python -m harness annotators study:table10` measures its annotators.",
    "table13": "is the prompt for corruptions: the source `corruption` has a paraphrase of it (its option `template`).",
    "table14": "is the annotator's prompt: the judge `chat` has a paraphrase of it.",
}
_SEEDS_OF_A_FINDING = {
    "default": "0, 1 and 2 of every arm: of subsamples, draws and training; the paper has one run an arm and prints no seed",
    "settings": ["seed"],
}


class TableNotes(BaseModel):
    """What a report says of a table of the study besides its rows. Changes nothing that is computed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rows: dict[str, str] = Field(default_factory=dict, description="arm or reward model -> row of the paper's table")
    same_prompts: list[list[str]] = Field(default_factory=list, description="rows that are compared on the same prompts")
    not_run: dict[str, str] = Field(default_factory=dict, description="rows of the paper's table that are not run, and why")
    finding: str = Field(default="", description="what the paper says of the question that the study asks")
    open: dict[str, str] = Field(default_factory=dict, description="what the paper leaves open, and the default taken")
    departures: dict[str, str] = Field(
        default_factory=dict, description="where this project departs from what the paper prints"
    )
    settings: dict[str, list[str]] = Field(
        default_factory=dict, description="settings that a note of `open` or `departures` is about, e.g. bdhs.temperature"
    )
    shipped: dict[str, str] = Field(default_factory=dict, description="parts of the study as it is shipped, each as JSON")
    other_rows: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="last part of another model.path -> the paper's rows with that checkpoint, as `rows`"
    )
    grids: dict[str, list[float]] = Field(default_factory=dict, description="values that the paper searched, by setting")


def names() -> list[str]:
    """All tables, in their order."""
    return sorted((p.stem for p in (FOLDER / "tables").glob("*.yaml")), key=lambda name: int(name.removeprefix("table")))


def findings() -> list[str]:
    """All findings and ablations."""
    return sorted((p.stem for p in (FOLDER / "findings").glob("*.yaml")), key=lambda name: (name.startswith("ablation"), name))


def tree(name: str, mini: bool) -> tuple[dict[str, Any], list[str]]:
    """A table or finding as plain values, and its rows that are left out. Raises ConfigError for one that does not exist."""
    known = [*names(), *findings()]
    if name in _NO_STUDY:
        raise ConfigError(f"Table {name.removeprefix('table')} {_NO_STUDY[name]}")
    if name not in known:
        raise ConfigError(f"There is no table {name!r} of the study.{did_you_mean(name, known)} Known: {', '.join(known)}.")
    made = _miniature() if mini else _read(FOLDER / "real.yaml")
    is_table = name in names()
    blocks, rows = made.pop("blocks"), _read(FOLDER / ("tables" if is_table else "findings") / f"{name}.yaml")
    made = {"name": f"{name}-mini" if mini else name, "seed": 0, "published": rows.pop("published"), **made}
    not_run: dict[str, str] = dict(rows.get("not_run", {}))
    for part in ("reward_models", "arms"):
        made[part] = [arm for row in rows.get(part, []) if (arm := _arm(row, blocks, not_run)) is not None]
    rewards = [None, *(model["name"] for model in made["reward_models"])]
    orphans = [arm["name"] for arm in made["arms"] if arm["align"].get("reward") not in rewards]
    made["arms"] = [arm for arm in made["arms"] if arm["name"] not in orphans]
    not_run |= dict.fromkeys(orphans, "its reward model is left out")
    named = rows.get("rows", {})
    as_rows = {arm: row for arm, row in named.items() if arm not in not_run}
    not_run = {f"{named[row]} ({row})" if row in named else row: why for row, why in not_run.items()}
    left_out = [f"{row}: {why}" for row, why in not_run.items()]
    if not is_table:
        _as_finding(made, rows, left_out)
    if not made["arms"] and not made["reward_models"]:
        raise ConfigError(f"No row of {name} can be run on the miniature world:\n  " + "\n  ".join(left_out))
    made["table"] = {
        "rows": as_rows,
        "same_prompts": rows.get("same_prompts", []),
        "not_run": not_run,
        "finding": rows.get("paper", ""),
        "other_rows": rows.get("other_rows", {}),
        "grids": made.pop("grids", {}),
        **_notes(made.pop("open"), rows.get("open", {}), made.pop("departures", {}), _read(FOLDER / "departures.yaml")),
    }
    return made, left_out


def _miniature() -> dict[str, Any]:
    """The miniature's blocks, and what the paper leaves open; its own notes replace the others of their name."""
    made, real = _read(FOLDER / "small.yaml"), _read(FOLDER / "real.yaml")
    return {**made, "open": {**real["open"], **made["open"]}, "grids": real["grids"]}


def _notes(open_: Mapping[str, Any], of_rows: Mapping[str, Any], *departures: Mapping[str, Any]) -> dict[str, Any]:
    """What the notes say and the settings that they are about; those of the rows' own file stand first, and in the place of
    others of their name."""
    choices = {**of_rows, **{what: note for what, note in open_.items() if what not in of_rows}}
    parts = {"open": choices, "departures": dict(pair for part in departures for pair in part.items())}
    texts, settings = dict[str, dict[str, str]](), dict[str, list[str]]()
    for part, notes in parts.items():
        texts[part] = {what: note.get("default", "") if isinstance(note, Mapping) else note for what, note in notes.items()}
        for what, note in notes.items():
            if isinstance(note, Mapping):
                names = note.get("settings", ["name"])
                settings[what] = [f"{of}.{name}" for of in note["of"] for name in names] if "of" in note else names
    return {**texts, "settings": settings}


def _as_finding(made: dict[str, Any], rows: Mapping[str, Any], left_out: list[str]) -> None:
    """Three seeds of every arm, and the arm that the others are tested against."""
    alone = len(made["arms"]) == 1 and "grid" not in made["arms"][0]
    if alone or not made["arms"]:
        raise ConfigError(f"Nothing is left to compare in {made['name']}:\n  " + "\n  ".join(left_out))
    for arm in made["arms"]:
        arm["grid"] = {**arm.get("grid", {}), "seed": list(SEEDS)}
    made["open"] = {**made["open"], "seeds": _SEEDS_OF_A_FINDING}
    made |= {"baseline": rows["baseline"]} if "baseline" in rows else {}


def _arm(row: Mapping[str, Any], blocks: Mapping[str, Any], not_run: dict[str, str]) -> dict[str, Any] | None:
    arm = dict(row)
    for part in ("pairs", "align"):
        block, changes = (row[part], {}) if isinstance(row[part], str) else row[part]
        if block not in blocks[part]:
            not_run[row["name"]] = f"the miniature world has no counterpart of {block!r}"
            return None
        arm[part] = {**copy.deepcopy(blocks[part][block]), **changes}
    if isinstance(row.get("grid"), str):
        arm["grid"] = copy.deepcopy(blocks["grid"][row["grid"]])
    return arm


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    return read
