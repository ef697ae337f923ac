"""The study's tables: every row is a valid arm on the real model, and on the miniature world the same or named as left out."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.config import schema as config
from harness.config import study_tables as study
from harness.config.check_plugins import check_plugins
from harness.core.errors import ConfigError

TABLES = study.names()


def test_all_tables_that_can_be_run_are_there() -> None:
    assert [f"table{n}" for n in (2, 3, 5, 6, 7, 8, 9, 11, 12, 15)] == TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_valid_and_its_miniature_has_the_same_rows(name: str) -> None:
    real, left_out = config.load_table(name, mini=False)
    check_plugins(real)
    assert real.table is not None and left_out == [f"{row}: {why}" for row, why in real.table.not_run.items()]
    small, _ = config.load_table(name, mini=True)
    check_plugins(small)
    assert small.table is not None
    assert sorted(_rows(small)) == sorted(_rows(real))
    assert small.data == "miniworld" and small.name == f"{name}-mini"


@pytest.mark.parametrize("name", TABLES)
def test_no_two_arms_of_a_miniature_are_the_same(name: str) -> None:
    small, _ = config.load_table(name, mini=True)
    arms = [arm.model_dump(exclude={"name"}) for arm in (*small.reward_models, *small.arms)]
    assert all(arm not in arms[:i] for i, arm in enumerate(arms))


def test_both_annotators_of_table_11_stand_on_the_miniature_world() -> None:
    small, _ = config.load_table("table11", mini=True)
    assert [(arm.name, arm.align.judge.name) for arm in small.arms if arm.align.judge] == [
        ("annotator-7b", "keywords"), ("annotator-34b", "annotations")
    ]  # fmt: skip


def test_notes_do_not_change_which_run_it_is() -> None:
    made, _ = config.load_table("table12", mini=True)
    assert made.digest == made.model_copy(update={"table": None}).digest
    assert config.stored(made.as_yaml(), "here").table == made.table


def test_changes_reach_into_a_table() -> None:
    made, _ = config.load_table("table12", True, ["seed=3", "arms.1.align.beta=0.7"])
    assert made.seed == 3 and made.arms[1].align.options["beta"] == 0.7
    assert [arm.align.options.get("loss") for arm in made.arms] == [None, "ipo", "slic"]


def test_rows_do_not_share_their_blocks() -> None:
    made, _ = config.load_table("table12", True, ["arms.0.pairs.limit=7"])
    assert [arm.pairs.options["limit"] for arm in made.arms] == [7, 800, 800]


def test_a_table_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'table12'\?"):
        config.load_table("tabel12", True)
    result = CliRunner().invoke(app, ["run", "--mini"])
    assert isinstance(result.exception, ConfigError) and "study:table6 --mini" in str(result.exception)


def test_every_study_is_part_of_an_installed_package() -> None:
    root = Path(__file__).parents[2]
    data = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["harness"]
    packed = {path for pattern in data for path in (root / "harness").glob(pattern)}
    assert {*study.FOLDER.rglob("*.yaml")} <= packed


FINDINGS = study.findings()


def test_the_findings_and_ablations_of_the_paper_are_there() -> None:
    wanted = {"data-size", "guided", "mixing", "online", "rejected-quality", "rho"}
    assert {name.removeprefix("finding-") for name in FINDINGS if name.startswith("finding-")} == wanted
    wanted = {"embedder", "epsilon", "gamma", "mixing-p", "rho", "tries", "yes-no"}
    assert {name.removeprefix("ablation-") for name in FINDINGS if name.startswith("ablation-")} == wanted


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_trains_every_arm_with_three_seeds_and_names_what_it_is_tested_against(name: str) -> None:
    made, left_out = config.load_table(name, mini=False)
    check_plugins(made)
    methods = {arm.name.rpartition("-seed")[0] for arm in made.arms}
    assert not left_out and sorted(arm.name for arm in made.arms) == sorted(f"{m}-seed{s}" for m in methods for s in (0, 1, 2))
    assert len(methods) > 1 and {arm.seed for arm in made.arms} == {0, 1, 2}
    assert made.baseline in methods or name == "finding-data-size"  # which is read against the unaligned checkpoint
    trainings = [arm.align.options["training"] for arm in made.arms]
    assert made.table is not None and made.table.finding and all(training == trainings[0] for training in trainings)


@pytest.mark.parametrize("name", [name for name in FINDINGS if name != "ablation-embedder"])
def test_a_finding_has_the_same_arms_on_the_miniature_world(name: str) -> None:
    (real, _), (small, left_out) = (config.load_table(name, mini) for mini in (False, True))
    check_plugins(small)
    if name == "finding-data-size":  # another number of points, and no ranked answers
        assert left_out == ["ranked: the miniature world has no counterpart of 'vlfeedback-5k'"]
        return
    assert [arm.name for arm in small.arms] == [arm.name for arm in real.arms] and small.baseline == real.baseline
    arms = [arm.model_dump(exclude={"name"}) for arm in small.arms]
    assert all(arm not in arms[:i] for i, arm in enumerate(arms))


def test_the_sizes_of_figure_7_are_the_paper_s() -> None:
    made, _ = config.load_table("finding-data-size", mini=False)
    sizes = [arm.pairs.options["limit"] for arm in made.arms if arm.name.startswith("corrupted") and arm.seed == 0]
    assert sizes == [100, 500, 1000, 2000, 3000, 4000, 5000]


def test_without_a_sentence_embedder_there_is_nothing_to_compare_on_the_miniature_world() -> None:
    with pytest.raises(ConfigError, match="Nothing is left to compare in ablation-embedder-mini:\n  bag-of-words"):
        config.load_table("ablation-embedder", mini=True)


def test_all_columns_that_the_miniature_world_allows_are_swept() -> None:
    small, _ = config.load_table("table6", mini=True)
    columns = ["pope", "mmhal_bench", "llava_bench", "textvqa", "gqa", "mmvet", "object_halbench"]
    assert [spec.name for spec in small.sweep] == columns
    assert {*columns} <= {spec.name for spec in config.load(None).sweep}
    assert small.table is not None and "MMHal-V" in small.table.open  # its judge must see the image


def _rows(table: config.RunConfig) -> list[str]:
    """The names of its reward models and arms, run or not: "DPO, RLHF-V (dpo-rlhf-v)" is the arm dpo-rlhf-v."""
    assert table.table is not None
    left_out = [line.rpartition(" (")[2].removesuffix(")") for line in table.table.not_run]
    return [*(arm.name for arm in (*table.reward_models, *table.arms)), *left_out]


@pytest.mark.parametrize("number", [1, 4, 10, 13, 14])
def test_a_table_of_the_paper_without_a_study_is_told_where_it_is(number: int) -> None:
    with pytest.raises(ConfigError, match=rf"^Table {number} .*(`corruption`|`chat`|sources|annotators)"):
        config.load_table(f"table{number}", mini=False)
