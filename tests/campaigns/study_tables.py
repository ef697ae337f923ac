"""Every table and finding of the study on the miniature world, to the end: its pairs, trainings, sweeps and report.

    nice -n 19 python -m tests.campaigns.study_tables --output /tmp/study      (all of them; prints the tables of docs/study.md)
    python -m tests.campaigns.study_tables --output /tmp/study --only finding-rho table6
    python -m tests.campaigns.study_tables --output /tmp/real --real          (the real tables on small files and tiny models)

One process, one thread. The world, the answers of the base and whatever else two studies have in common are made once, in the
output folder; a campaign that was stopped goes on. A study as it comes (`run study:finding-rho --mini`) is larger: 240 or 800
prompts and three epochs an arm. `--size`: reduced (REDUCED below), larger, or slice, the size of the test suite.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import schema, study_tables
from harness.config.schema import RunConfig
from harness.core.errors import ConfigError
from harness.run.data import open_data
from reports.text.plain_table import text_table, warnings
from reports.values.comparison import Comparison
from tests.run.real_layout import on_tiny_models, write_real_layout


@dataclass(frozen=True)
class Size:
    """How much of a study is run.

    `prompts`: those that stand for a full set and for its 5k subset; `sizes`: points of figure 7; `training`: of every arm;
    `tokens`: longest sampled answer; `sweep`: options of each benchmark.
    """

    prompts: tuple[int, int]
    sizes: tuple[int, ...]
    training: Mapping[str, Any]
    tokens: int
    sweep: Mapping[str, Mapping[str, int]]
    seeds: tuple[int, ...] = (0, 1, 2)


REDUCED = Size(
    prompts=(48, 32),
    sizes=(8, 32),
    training={"learning_rate": 2e-4, "epochs": 2, "batch_size": 8},
    tokens=40,
    sweep={"pope": {"limit_images": 20}, "mmhal_bench": {"limit": 30}, "object_halbench": {"limit": 40}},
)
LARGER = Size(
    prompts=(160, 120),
    sizes=(30, 120),
    training=REDUCED.training,
    tokens=40,
    sweep={"pope": {}, "mmhal_bench": {}, "object_halbench": {}},
)
SLICE = Size(
    prompts=(8, 8),
    sizes=(4, 8),
    training={"learning_rate": 2e-4, "max_steps": 1, "batch_size": 4},
    tokens=8,
    sweep={"pope": {"limit_images": 2}, "object_halbench": {"limit": 2}},
    seeds=(0, 1),
)
SIZES = {"reduced": REDUCED, "larger": LARGER, "slice": SLICE}


def reduced(name: str, size: Size, output: Path) -> RunConfig:
    """A table or finding on the miniature world at that size. Raises ConfigError where no row of it can be run there."""
    tree, _ = study_tables.tree(name, mini=True)
    for arm in (*tree["reward_models"], *tree["arms"]):
        _shrink(arm, size)
    tree["sweep"] = [{**spec, **size.sweep[spec["name"]]} for spec in tree["sweep"] if spec["name"] in size.sweep]
    return schema.parse({**tree, "output": str(output)}, f"study:{name}")


def _shrink(arm: dict[str, Any], size: Size) -> None:
    full, subset = size.prompts
    for part in (arm["pairs"], arm["pairs"].get("first"), arm["pairs"].get("second")):
        if part and "limit" in part:
            part["limit"] = full if part["limit"] == 800 else subset
    align = arm["align"]
    kept = {key: value for key, value in align["training"].items() if key not in ("epochs", "learning_rate", "batch_size")}
    align["training"] = {**kept, **size.training}
    for options in (arm["pairs"], align.get("sampling"), align.get("bdhs")):
        if options and "max_new_tokens" in options:
            options["max_new_tokens"] = min(options["max_new_tokens"], size.tokens)
    grid = arm.get("grid", {})
    grid |= {"pairs.limit": list(size.sizes)} if "pairs.limit" in grid else {}
    grid |= {"seed": list(size.seeds)} if "seed" in grid else {}


def told(name: str, comparison: Comparison, seconds: float) -> str:
    """A study's table and conclusion, as Markdown."""
    header, rows = text_table(comparison)
    lines = [header, ["---"] * len(header), *rows]
    table = "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
    verdict = comparison.verdict
    said = [*warnings(comparison), verdict.headline, *verdict.sentences, *comparison.study.finding]
    words = "\n".join(f"- {sentence}" for sentence in said if sentence)
    return f"### {name}\n\n{table}\n\n{words}\n\n({seconds:.0f} s of CPU)\n"


def real_layout(output: Path) -> tuple[Path, Path]:
    """A data folder in the published formats, and a tiny random LLaVA-1.6, made where they are not there yet."""
    from tests import tiny_models

    data, checkpoint = output / "data", output / "tiny-llava-1.6"
    if not checkpoint.is_dir():
        write_real_layout(data, open_data("miniworld", output).folder)
        tiny_models.save_llava_next(checkpoint)
    return data.resolve(), checkpoint.resolve()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--output", type=Path, required=True, help="folder of all runs, kept")
    options.add_argument("--only", nargs="*", default=[*study_tables.findings(), *study_tables.names()], help="studies to run")
    options.add_argument("--size", choices=SIZES, default="reduced", help="how much of a miniature study is run")
    options.add_argument("--real", action="store_true", help="the real studies, on small files in the published formats")
    given = options.parse_args()
    import torch

    from harness.run import pipeline

    torch.set_num_threads(1)
    size = SIZES[given.size]
    (given.output / "tables").mkdir(parents=True, exist_ok=True)
    places = real_layout(given.output) if given.real else None
    for name in given.only:
        try:
            config = on_tiny_models(name, *places, given.output) if places else reduced(name, size, given.output)
        except ConfigError as error:
            print(f"### {name}\n\n{error}\n", flush=True)
            continue
        started = time.process_time()
        outcome = pipeline.run(config, f"python -m tests.campaigns.study_tables --only {name}")
        assert outcome is not None
        text = told(name, outcome.comparison, time.process_time() - started)
        (given.output / "tables" / f"{name}.md").write_text(text, encoding="utf-8")
        print(text, flush=True)


if __name__ == "__main__":
    main()
