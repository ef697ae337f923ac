"""Numbers of a report that independent code found wrong, each with the right value."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from harness.core.evaluation import Score
from harness.core.stats import rank_biserial
from reports.comparison.compare import compare
from reports.comparison.length import _groups
from reports.page.objects import objects_views
from reports.values.details import ObjectCount
from reports.writers import csv as csv_writer
from reports.writers import json as json_writer

TINY = 3.2e-14


def with_p(comparison, p: float):
    """The same comparison, every difference with this p."""

    def changed(row):
        cells = tuple(
            c and (replace(c, difference=replace(c.difference, p=p), p_holm=p) if c.difference else c) for c in row.cells
        )
        return replace(row, cells=cells)

    return replace(comparison, rows=tuple(map(changed, comparison.rows)))


def test_a_tiny_p_is_not_zero_in_json_and_csv(record) -> None:
    made = with_p(compare([record]), TINY)
    cells = [
        cell for row in json.loads(json_writer.write(made))["rows"] for cell in row["cells"] if cell and cell["difference"]
    ]
    assert cells and {cell["p_holm"] for cell in cells} == {cell["difference"]["p"] for cell in cells} == {TINY}
    rows = [row for row in csv.DictReader(io.StringIO(csv_writer.write(made))) if row["p"]]
    assert rows and {float(row["p"]) for row in rows} == {float(row["p_holm"]) for row in rows} == {TINY}


def test_json_has_confusions_and_length_curves(record) -> None:
    document = json.loads(json_writer.write(compare([record])))
    assert document["confusions"] and "length_curves" in document


def test_equal_changes_are_ties_whatever_rounding_made_of_them() -> None:
    changes = np.array([0.1 + 0.2, 0.3, -0.3, -(0.1 + 0.2), 0.6])
    assert rank_biserial(changes) == pytest.approx((2.5 + 2.5 - 2.5 - 2.5 + 5) / 15)


def test_a_run_whose_arms_are_not_swept_yet_shows_its_base_as_the_base(make) -> None:
    whole, half = make.record("first"), make.record("second", seed=2)
    base = half.sweeps[0]
    other = replace(base, checkpoint=replace(base.checkpoint, digest="f" * 64))
    half = replace(half, sweeps=(other,), complete=False, config_yaml="name: second\narms:\n- name: dpo\n")
    assert [column.label for column in compare([whole, half]).columns][-1] == "second: base"
    only = replace(half, config_yaml="name: second\narms: []\n")
    assert [column.label for column in compare([whole, only]).columns][-1] == "second"


def test_answers_of_one_length_are_grouped_alike_in_any_order_of_the_file() -> None:
    said = [(10, n, Score(f"item {n}", {})) for n in range(42)] + [(n, n, Score(f"item {n + 42}", {})) for n in range(11, 65)]
    groups, backwards = _groups(said), _groups(reversed(said))
    assert [len(group) for group in groups] == [24] * 4
    assert [{entry[2].item_id for entry in group} for group in groups] == [{e[2].item_id for e in group} for group in backwards]


def test_what_stands_beside_an_invention_is_added_up_over_columns_before_it_is_cut(record) -> None:
    many = {f"a{n}": 2 for n in range(5)} | {"fork": 1}
    others = {f"b{n}": 2 for n in range(5)} | {"fork": 1}
    counts = [
        ObjectCount("chair", "cup", column, {"invented": 1.0}, seen) for column, seen in (("base", many), ("dpo", others))
    ]
    counts += [ObjectCount("chair", "cup", "ipo", {"invented": 1.0}, {"fork": 1})]
    (view,) = objects_views(replace(compare([record]), objects=tuple(counts)))
    assert view.objects[0].seen_with.split(", ")[0] == "fork"
