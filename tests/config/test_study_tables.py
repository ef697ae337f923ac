"""The study's tables: every row is a valid arm on the real model, and on the miniature world the same or named as left out."""

from __future__ import annotations

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
    rows = [*(arm.name for arm in (*small.reward_models, *small.arms)), *small.table.not_run]
    assert sorted(rows) == sorted([*(arm.name for arm in (*real.reward_models, *real.arms)), *real.table.not_run])
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
