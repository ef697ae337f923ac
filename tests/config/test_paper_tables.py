"""The shipped tables beside the paper's, row by row: pairs, sizes, aligners, losses, settings, columns and printed values.

`data/paper_tables.yaml` holds what the paper prints. Where it prints a grid only, a table's value must lie in it and be the
same for all arms of the table.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import schema as config
from harness.config import study_tables as study
from harness.config.schema import Arm, RunConfig
from reports.published.published_rows import COLUMNS, published
from reports.published.reward_rows import published_rewards

PAPER: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "paper_tables.yaml").read_text())
TABLES: dict[str, dict[str, Any]] = PAPER["tables"]
ROWS = [(table, row) for table, content in TABLES.items() for row in content["rows"]]
RUN = [pytest.param(t, row, id=f"{t}: {row['paper']}") for t, row in ROWS if "arm" in row]
NOT_RUN = [pytest.param(t, row, id=f"{t}: {row['paper']}") for t, row in ROWS if "arm" not in row]
ANNOTATORS = {"34b": "llava-hf/llava-v1.6-34b-hf", "7b": "llava-hf/llava-v1.6-vicuna-7b-hf"}
POVID = {"name": "povid", "image_folder": "coco/train2014"}
GRID = ("learning_rate", "projector_learning_rate", "epochs", "batch_size")


@cache
def shipped(table: str) -> RunConfig:
    return config.load_table(table, mini=False)[0]


def arm_of(table: str, row: dict[str, Any]) -> Arm:
    return next(arm for arm in shipped(table).arms if arm.name == row["arm"])


def preference_options(arm: Arm) -> dict[str, Any]:
    """{loss, beta, loss_options} of an offline or an online method."""
    return arm.align.options if arm.align.name == "dpo" else arm.align.options["dpo"]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_rows_of_the_paper_in_their_order(table: str) -> None:
    made, rows = shipped(table), TABLES[table]["rows"]
    assert [arm.name for arm in made.arms] == [row["arm"] for row in rows if "arm" in row]
    assert made.published == [TABLES[table]["published"]]
    assert made.table is not None and made.table.same_prompts == TABLES[table]["same_prompts"]
    assert made.table.rows == {row["arm"]: row["paper"] for row in rows if "arm" in row}


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_the_miniature_lacks_is_named_as_in_the_paper(table: str) -> None:
    made, left_out = config.load_table(table, mini=True)
    assert made.table is not None
    papers = {row["arm"]: row["paper"] for row in TABLES[table]["rows"] if "arm" in row}
    run = {arm.name for arm in made.arms}
    assert made.table.rows == {arm: row for arm, row in papers.items() if arm in run}
    told = [f"{row} ({arm})" for arm, row in papers.items() if arm not in run]
    assert all(any(line.startswith(f"{row}: ") for line in left_out) for row in told) and set(told) <= set(made.table.not_run)


@pytest.mark.parametrize("table", TABLES)
def test_the_sweep_of_a_table_is_the_paper_s_columns(table: str) -> None:
    assert [spec.name for spec in shipped(table).sweep] == PAPER["benchmarks"]


@pytest.mark.parametrize(("table", "row"), NOT_RUN)
def test_a_row_that_cannot_be_run_is_named_with_its_reason(table: str, row: dict[str, Any]) -> None:
    notes = shipped(table).table
    assert notes is not None
    why = notes.not_run[row.get("reason", row["paper"])]
    told = re.findall(r"([\w][\w -]*?) (\d+\.\d+)", why)
    assert {name: float(value) for name, value in told} == row.get("quoted", {})


@pytest.mark.parametrize(("table", "row"), RUN)
def test_the_pairs_of_a_row_are_the_paper_s(table: str, row: dict[str, Any]) -> None:
    pairs = arm_of(table, row).pairs
    parts = (
        [pairs.options[k] for k in ("first", "second")] if pairs.name == "union" else [{"name": pairs.name, **pairs.options}]
    )
    assert "+".join(part["name"] for part in parts) == row["source"]
    assert [part.get("limit") for part in parts] == [row["size"]] * len(parts)
    if (bdhs := parts[-1])["name"] in ("bdhs", "povid_noise", "corruption"):
        assert bdhs["from"] == row.get("from", POVID)
    if bdhs["name"] == "corruption":  # GPT-4, which sees the text only
        assert bdhs["model"]["model"] == PAPER["corruptor"] and bdhs.get("template", "") == ""
    if bdhs["name"] == "bdhs":
        wanted = PAPER["bdhs"] | {k: row[k] for k in ("rho_th", "noise_steps", "guided") if k in row}
        assert {key: bdhs.get(key) for key in wanted} == wanted
        assert bdhs.get("noise_steps", 0) == row.get("noise_steps", 0) and bdhs.get("guided", True) == row.get("guided", True)
    if bdhs["name"] == "povid_noise":
        assert bdhs.get("noise_steps", 500) == PAPER["noise_steps"]


@pytest.mark.parametrize(("table", "row"), RUN)
def test_the_method_of_a_row_is_the_paper_s(table: str, row: dict[str, Any]) -> None:
    align = arm_of(table, row).align
    assert align.name == row["method"] and align.reward == row.get("reward")
    if "annotator" in row:
        assert align.judge is not None and align.judge.options["model"]["path"] == ANNOTATORS[row["annotator"]]
    if align.name == "mixed_dpo":
        assert align.options["p"] == PAPER["mixed"]["p"]
    if align.name == "online_bdhs":
        assert align.options["bdhs"] == PAPER["bdhs"]
    if "loss" in row:
        options = preference_options(arm_of(table, row))
        assert options.get("loss", "dpo") == row["loss"]
        assert options["beta"] in PAPER["grids"]["beta"][{"avg_dpo": "dpo"}.get(row["loss"], row["loss"])]
        assert row["loss"] != "avg_dpo" or options["loss_options"] == PAPER["avg_dpo"]


@pytest.mark.parametrize("table", TABLES)
def test_all_arms_of_a_table_train_alike_with_values_of_appendix_a(table: str) -> None:
    trainings = [a.align.options["training"] for a in shipped(table).arms if a.align.name not in ("rloo", "ppo")]
    assert all(training == trainings[0] for training in trainings)
    assert all(trainings[0][key] in PAPER["grids"][key] for key in GRID) and trainings[0]["lora"] == PAPER["lora"]


@pytest.mark.parametrize("name", ["ppo-povid", "ppo-vlfeedback", "rloo-povid", "rloo-vlfeedback"])
def test_reinforcement_has_the_printed_settings(name: str) -> None:
    align = arm_of("table8", {"arm": name}).align
    given = {**align.options, **align.options["training"], **align.options.get("sampling", {})}
    wanted = PAPER["printed"][align.name]
    assert {key: given.get(key) for key in wanted} == wanted and given["lora"] == PAPER["lora"]


@pytest.mark.parametrize("table", ["table7", "table8"])
def test_reward_models_have_the_printed_settings_and_the_paper_s_data(table: str) -> None:
    wanted = PAPER["printed"]["reward_model"]
    for model in shipped(table).reward_models:
        training = model.align.options["training"]
        assert {key: training.get(key) for key in wanted} == wanted
        assert model.pairs.name == TABLES.get(table, {}).get("reward_models", {}).get(model.name, model.pairs.name)


@pytest.mark.parametrize("table", TABLES)
def test_the_values_shown_beside_are_those_printed(table: str) -> None:
    shown = {row.method: [row.values[column] for column in COLUMNS] for row in published([TABLES[table]["published"]])}
    printed = {row["paper"]: row["values"] for row in TABLES[table]["rows"] if "values" in row}
    assert list(COLUMNS) == PAPER["columns"]
    assert {name: shown[name] for name in printed} == printed
    assert {name for name in shown if not name.startswith(("LLaVA-1.6-7B (base)", "base, as"))} == set(printed)


def test_table_7_has_the_papers_reward_models_and_its_values_beside() -> None:
    made, paper = shipped("table7"), PAPER["table7"]
    trained = {row["model"]: row["parts"] for row in paper["rows"] if "model" in row} | paper["not in the paper"]
    assert {model.name: _parts(model) for model in made.reward_models} == trained and not made.arms
    assert made.table is not None
    assert made.table.rows == {row["model"]: row["paper"] for row in paper["rows"] if "model" in row}
    beside = published_rewards(made.published)
    assert [(row.method, list(row.values.values())) for row in beside] == [(r["paper"], r["values"]) for r in paper["rows"]]
    assert list(beside[0].values) == paper["columns"] and published(made.published) == ()


def test_table_7_names_the_rows_of_the_other_backbone_with_what_gives_them() -> None:
    notes = shipped("table7").table
    assert notes is not None
    other = [row["paper"] for row in PAPER["table7"]["rows"] if "model" not in row]
    assert list(notes.not_run) == other and all("model.path=llava-hf/llava-1.5-7b-hf" in why for why in notes.not_run.values())
    assert "RLHF-V alone" in notes.open["rows that the paper does not have"]


def _parts(model: Arm) -> list[str]:
    options = model.pairs.options
    return [options[part]["name"] for part in ("first", "second")] if model.pairs.name == "joined" else [model.pairs.name]


def test_every_table_but_that_of_reward_models_is_compared() -> None:
    assert sorted([*TABLES, "table7"]) == sorted(study.names())


def test_the_shipped_example_has_the_papers_recipe() -> None:
    study_file = Path(__file__).parents[2] / "examples" / "llava-1.6-7b.yaml"
    (arm,) = config.parse(yaml.safe_load(study_file.read_text()), "the example").arms
    training = arm.align.options["training"]
    assert {name: training[name] in PAPER["grids"][name] for name in GRID} == dict.fromkeys(GRID, True)
    assert training["lora"] == PAPER["lora"] and arm.align.options["beta"] in PAPER["grids"]["beta"]["dpo"]
    assert arm.pairs.options.items() >= PAPER["bdhs"].items()
