"""A benchmark asked in several wordings is one result whose intervals hold the scatter of wordings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pytest import approx

from harness.config import schema as config
from harness.core.errors import ConfigError
from reports.comparison.compare import compare
from reports.writers.markdown import write
from tests.config.test_schema import GOOD


def in_wordings(make, seeds=(1, 2)):
    """One run whose POPE was asked once a seed, as if each were a wording."""
    runs = [make.record("run", seed=seed) for seed in seeds]

    def sweep(k: int):
        asked = [replace(run.sweeps[k].results[0], benchmark=f"pope-wording{n}") for n, run in enumerate(runs, 1)]
        return replace(runs[0].sweeps[k], results=(*asked, runs[0].sweeps[k].results[1]))

    return replace(runs[0], sweeps=(sweep(0), sweep(1)))


def rows_of(comparison, benchmark: str) -> dict[str, Any]:
    return {row.key: row for row in comparison.rows if row.benchmark == benchmark}


def test_wordings_are_put_together_as_seeds_are(make) -> None:
    made = compare([in_wordings(make)])
    seeds = compare([make.record("run", seed=seed) for seed in (1, 2)])  # the same answers as two seeds of one method
    for row in (r for r in seeds.short.rows if r.benchmark == "pope" and r.cells[1].value is not None):
        cell, same = rows_of(made, "pope")[row.key].cells[1], row.cells[1]
        assert (cell.value, cell.low, cell.high, cell.n) == approx((same.value, same.low, same.high, same.n)), row.key
        ours, theirs = cell.difference, same.difference
        assert (ours.value, ours.low, ours.high, ours.p) == approx((theirs.value, theirs.low, theirs.high, theirs.p)), row.key
        assert ours.test == "t over wordings and images"


def test_the_whole_is_in_the_headline_and_its_wordings_are_not(make) -> None:
    made = compare([in_wordings(make)])
    assert rows_of(made, "pope")["accuracy"].headline
    assert not any(row.headline for n in (1, 2) for row in rows_of(made, f"pope-wording{n}").values())
    text = write(made)
    assert "over prompt wordings too" in text and "another wording of the prompts (but for POPE)" in text


def test_wordings_that_differ_widen_the_interval(make) -> None:
    alike, apart = (rows_of(compare([in_wordings(make, seeds)]), "pope")["accuracy"].cells[1] for seeds in ((1, 1), (1, 2)))
    assert alike.high - alike.low < apart.high - apart.low


def test_seeds_and_wordings_are_both_in_the_interval(make) -> None:
    runs = [replace(in_wordings(make, seeds), run_id=f"r{n}", config_yaml=f"model: m\nseed: {n}\n") for n, seeds in
            enumerate([(1, 2), (3, 4)])]  # fmt: skip
    runs[1] = replace(runs[1], sweeps=(runs[0].sweeps[0], replace(runs[1].sweeps[1], checkpoint=replace(
        runs[1].sweeps[1].checkpoint, digest="9" * 64))))  # fmt: skip
    made = compare(runs)
    (row,) = [row for row in made.short.rows if row.benchmark == "pope" and row.key == "accuracy"]
    singles = [rows_of(compare([run]), "pope")["accuracy"].cells[1] for run in runs]
    assert row.cells[1].value == approx(sum(cell.value for cell in singles) / 2)
    assert row.cells[1].low is not None and row.cells[1].difference.p is not None


def test_a_benchmark_with_wordings_is_asked_in_each() -> None:
    spec = {"name": "pope", "wordings": [{"style": "official"}, {"style": "llava"}, {"prompt_suffix": " Yes or no?"}]}
    sweep = config.parse(GOOD | {"sweep": [spec]}).sweep
    assert [(b.title, b.options) for b in sweep] == [
        ("pope-wording1", {"style": "official"}), ("pope-wording2", {"style": "llava"}),
        ("pope-wording3", {"prompt_suffix": " Yes or no?"}),
    ]  # fmt: skip


@pytest.mark.parametrize(("wordings", "says"), [
    ([{"style": "official"}], "two or more"),
    ([{"style": "official"}, {"style": "official"}], "two or more different"),
    ("official", "two or more"),
    ([{"style": "official"}, {"limit": 3}], "limit is not how a question is worded"),
    ([{"style": "official"}, {"stile": "llava"}], "stile"),
])  # fmt: skip
def test_wordings_that_make_no_sense_are_refused(wordings: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse(GOOD | {"sweep": [{"name": "pope", "wordings": wordings}]})
