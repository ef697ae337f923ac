"""How hard is the world? Base scores against world settings: python -m harness.miniworld.model.calibrate.

Writes small worlds that differ in one setting, lets a checkpoint answer POPE and CHAIR on each, and prints a table in
Markdown. The first row is the default world; docs/miniworld.md keeps the table of the shipped checkpoint.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core import registry
from harness.core.evaluation import Metric, Request
from harness.core.plugins import Benchmark, Model, in_order
from harness.core.stats import metrics
from harness.miniworld.model.paths import checkpoint_folder
from harness.miniworld.world.scenes import WorldSettings
from harness.miniworld.world.write import write_world
from harness.storage.data_folder import DataFolder

COLUMNS = (
    ("pope", "accuracy", "random"), ("pope", "accuracy", "popular"), ("pope", "accuracy", "adversarial"),
    ("pope", "yes_rate", "adversarial"), ("chair", "chair_i", ""), ("chair", "chair_s", ""), ("chair", "recall", ""),
    ("chair", "length", ""),
)  # fmt: skip


def scores(model: Model, folder: Path) -> dict[tuple[str, str, str], float | None]:
    """(benchmark, metric, group) -> value, of one checkpoint on the world in `folder`."""
    data = DataFolder(folder)
    found: dict[tuple[str, str, str], float | None] = {}
    for name in ("pope", "chair"):
        benchmark: Benchmark = registry.make("benchmark", name, {})
        for metric in _measure(benchmark, model, data):
            found[name, metric.name, metric.group] = metric.value
    return found


def _measure(benchmark: Benchmark, model: Model, data: DataFolder) -> tuple[Metric, ...]:
    items = benchmark.load(data)
    requests = [Request(data.path(item.image), benchmark.prompt(item), benchmark.decoding()) for item in items]
    pairs = [pair for batch in model.generate(requests) for pair in batch]
    answers = in_order(pairs, len(items))
    return metrics(items, [benchmark.score(item, answer) for item, answer in zip(items, answers)], benchmark.formulas)


def variations(images: int) -> list[tuple[str, WorldSettings]]:
    """The default world and worlds that differ from it in one setting."""
    base = WorldSettings(train_images=2, val_images=images, preference_captions=1, preference_yes_no=1)
    return [
        ("default", base),
        ("other images (seed 1)", replace(base, seed=1)),
        ("nothing faint", replace(base, faint_share=0.0)),
        ("30 % faint", replace(base, faint_share=0.30)),
        ("no label faults", replace(base, label_fault_share=0.0)),
        ("nothing off-scene", replace(base, off_scene_share=0.0)),
        ("all with something off-scene", replace(base, off_scene_share=1.0)),
        ("noise 25 in place of 9", replace(base, noise=25.0)),
    ]


def table(rows: list[tuple[str, dict[tuple[str, str, str], float | None]]]) -> str:
    """Markdown; shares in per cent, lengths as they are."""
    heads = [f"{benchmark} {metric.replace('_', ' ')}{f' {group}' if group else ''}" for benchmark, metric, group in COLUMNS]
    lines = ["| world | " + " | ".join(heads) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, found in rows:
        cells = [_cell(found.get(column), column[1]) for column in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | None, metric: str) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if metric == "length" else f"{100 * value:.1f}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m harness.miniworld.model.calibrate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=checkpoint_folder())
    parser.add_argument("--images", type=int, default=WorldSettings().val_images, help="val images of each world")
    parser.add_argument("--only", type=int, default=None, help="evaluate only the first N worlds")
    options = parser.parse_args(arguments)
    model: Any = registry.make("model", "transformers", {"path": str(options.checkpoint)})
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, settings) in enumerate(variations(options.images)[: options.only]):
            folder = Path(scratch) / str(number)
            write_world(folder, settings)
            rows.append((name, scores(model, folder)))
    sys.stdout.write(table(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
