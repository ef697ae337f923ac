"""A value without an interval has its reason in every form of the report."""

import csv
import io
from dataclasses import replace

import pytest

from harness.core.evaluation import Score
from reports.comparison.compare import compare
from reports.text.missing_items import interval_lines
from reports.text.plain_table import warnings
from reports.writers import csv as csv_writer
from reports.writers import html, markdown

FLAT = "no interval: all images have the same value, which shows no scatter"
FEW = "no interval: fewer than 5 images count"


def half_right(record):
    """POPE with 9 of 18 questions right about each image, for both checkpoints."""

    def scored(result):
        values = ({"tp": 1.0} if n % 2 else {"fp": 1.0} for n, _ in enumerate(result.scores))
        return replace(result, scores=tuple(Score(s.item_id, v) for s, v in zip(result.scores, values, strict=True)))

    sweeps = (replace(s, results=(scored(s.results[0]), *s.results[1:])) for s in record.sweeps)
    return replace(record, sweeps=tuple(sweeps))


def test_images_that_all_have_the_same_share_are_said_to_show_no_scatter(make):
    made = compare([half_right(make.record(n_images=12))])
    (row,) = (r for r in made.rows if (r.benchmark, r.key) == ("pope", "accuracy"))
    assert (row.cells[0].value, row.cells[0].low, row.cells[0].why) == (0.5, None, FLAT)
    line = f"POPE accuracy of base and aligned have {FLAT}."
    assert line in interval_lines(made.short) and line in warnings(made) and line in markdown.write(made)
    told = [r for r in csv.DictReader(io.StringIO(csv_writer.write(made))) if (r["metric"], r["group"]) == ("accuracy", "")]
    assert [r["why"] for r in told] == [FLAT, FLAT] and FLAT in html.write(made)


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_few_images_are_said_to_be_few_for_checkpoints_and_methods(make, seeds):
    made = compare([make.record("dpo", n_images=3, seed=n) for n in seeds])
    cells = [cell for row in made.short.rows for cell in row.cells if cell.value is not None]
    assert cells and {(cell.low, cell.why) for cell in cells} == {(None, FEW)}
    assert len(interval_lines(made.short)) == 1


@pytest.mark.parametrize(("facts", "units"), [({"intervals resample": "objects"}, "objects"), ({}, "groups of images")])
def test_the_units_that_are_too_few_are_those_that_the_benchmark_resamples(make, facts, units):
    def of_four(result):
        items = tuple(replace(item, group=f"g{n % 4}") for n, item in enumerate(result.items))
        return replace(result, items=items, protocol=replace(result.protocol, facts={**result.protocol.facts, **facts}))

    record = make.record(n_images=20)
    sweeps = tuple(replace(sweep, results=tuple(map(of_four, sweep.results))) for sweep in record.sweeps)
    made = compare([replace(record, sweeps=sweeps)])
    assert {c.why for r in made.short.headline for c in r.cells} == {f"no interval: fewer than 5 {units} count"}


def test_a_value_with_an_interval_has_no_reason(make):
    made = compare([make.record()])
    assert not [c for row in made.rows for c in row.cells if c.low is not None and c.why] and not interval_lines(made.short)
