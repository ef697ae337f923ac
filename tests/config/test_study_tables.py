"""The study's tables: every row is a valid arm on the real model, and on the miniature world the same or named as left out."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.config import schema as config
from harness.config import study_tables as study
from harness.config.check_plugins import check_plugins
from harness.core.errors import ConfigError
from reports.comparison.published_rows import published

TABLES = study.names()


def test_all_tables_that_can_be_run_are_there() -> None:
    assert [f"table{n}" for n in (2, 3, 5, 6, 7, 8, 9, 11, 12, 15)] == TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_valid_and_its_miniature_has_the_same_rows(name: str) -> None:
    real, left_out = config.load_table(name, mini=False)
    check_plugins(real)
    assert not left_out
    assert len(published(real.published)) >= (3 if name not in ("table7", "table11") else 0)
    if name == "table5":
        with pytest.raises(ConfigError, match="No row of table5 can be run on the miniature world"):
            config.load_table(name, mini=True)
        return
    small, left_out = config.load_table(name, mini=True)
    check_plugins(small)
    rows = [arm.name for arm in (*small.reward_models, *small.arms)] + [told.partition(":")[0] for told in left_out]
    assert sorted(rows) == sorted(arm.name for arm in (*real.reward_models, *real.arms))
    assert small.data == "miniworld" and small.name == f"{name}-mini"


def test_changes_reach_into_a_table() -> None:
    made, _ = config.load_table("table12", True, ["seed=3", "arms.1.align.beta=0.7"])
    assert made.seed == 3 and made.arms[1].align.options["beta"] == 0.7
    assert [arm.align.options.get("loss") for arm in made.arms] == [None, "ipo", "slic"]


def test_rows_do_not_share_their_blocks() -> None:
    made, _ = config.load_table("table12", True, ["arms.0.pairs.limit=7"])
    assert [arm.pairs.options["limit"] for arm in made.arms] == [7, 400, 400]


def test_a_table_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'table12'\?"):
        config.load_table("tabel12", True)
    result = CliRunner().invoke(app, ["run", "--mini"])
    assert isinstance(result.exception, ConfigError) and "study:table6 --mini" in str(result.exception)
