"""The tables of the study as they were run, from the reports of their run folders, as Markdown for docs/study.md.

    python -m harness run study:table6 --mini --output runs      (and the others)
    python -m tests.campaigns.full_tables runs

Read from each report.json, so that no store is opened. One table a run: arms by the paper's columns.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.published.published_rows import COLUMNS
from reports.text.formatting import ARROWS, between, detectable_text, number

Document = Mapping[str, Any]  # report.json


def full_table(report: Document) -> str:
    """Base: value [95 % interval]; arms: value (difference to the first column [95 %]), with ▲ or ▼ where Holm's p < 0.05."""
    rows = sorted((row for row in report["rows"] if row["published_as"]), key=lambda row: COLUMNS.index(row["published_as"]))
    header = ["", *(f"{row['published_as']} (n = {row['cells'][0]['n']:,})" for row in rows)]
    lines = [
        [column["label"], *(_cell(row["cells"][i], row["unit"]) for row in rows)] for i, column in enumerate(report["columns"])
    ]
    if len(report["columns"]) > 1:
        lines.append(["detectable with 80 %", *(_detectable(row) for row in rows)])
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *lines))


def reward_table(report: Document) -> str:
    """Reward models by whose held-out pairs, in percent; "" where there are none."""
    found = report["reward_accuracy"]
    tested = list(dict.fromkeys(name for shares in found.values() for name in shares))
    header = ["reward model", *(f"pairs of {name}" for name in tested)]
    lines = [[model, *(number(shares.get(name), "share") for name in tested)] for model, shares in found.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *lines)) if found else ""


def section(name: str, report: Document) -> str:
    """A run's table, and below it what arms share, which rows are left out, and which differences are significant."""
    study, verdict = report["study"], report["verdict"]
    unlike = [line.partition(": ")[2] for line in study["unlike"]]  # its arms
    said = [line for line in study["shared"] if line.partition(": ")[2] not in unlike]
    said += [*study["unlike"], *(f"Not run: {line}." for line in study["not_run"])]
    said += [verdict[what].partition(" Outside the headline table")[0] for what in ("improved", "worse")]
    tables = [table for table in (full_table(report), reward_table(report)) if table]
    return "\n\n".join([f"### {name}", *tables, "\n".join(f"- {line}" for line in said if line)])


def sections(output: Path) -> list[str]:
    """Of all finished tables of an output folder, in the paper's order."""
    found = dict[int, tuple[str, Document]]()
    for path in output.glob("table*-mini-*/report.json"):
        number_of = re.match(r"table(\d+)-mini", path.parent.name)
        report = json.loads(path.read_text(encoding="utf-8"))
        if number_of and not report["incomplete"]:
            found[int(number_of[1])] = (f"Table {number_of[1]}", report)
    return [section(*found[key]) for key in sorted(found)]


def _cell(cell: Mapping[str, Any] | None, unit: str) -> str:
    if cell is None or cell["value"] is None:
        return "unknown"
    value, difference = number(cell["value"], unit), cell["difference"]
    if difference is None:
        return f"{value} {between(cell['low'], cell['high'], unit)}".strip()
    mark = f" {ARROWS[cell['significant']]}" if cell["significant"] else ""
    moved = (
        f"{number(difference['value'], unit, signed=True)} {between(difference['low'], difference['high'], unit, signed=True)}"
    )
    return f"{value} ({moved}){mark}"


def _detectable(row: Mapping[str, Any]) -> str:
    tested = [c for c in row["cells"] if c is not None and c["difference"] is not None and c["difference"]["error"] is not None]
    known: Sequence[float] = [math.inf if c["detectable"] is None else c["detectable"] for c in tested]
    return detectable_text(max(known), row["unit"]) if known else ""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("output", type=Path, help="folder of the runs")
    print("\n\n".join(sections(options.parse_args().output)))


if __name__ == "__main__":
    main()
