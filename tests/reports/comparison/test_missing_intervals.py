"""Where a number has no interval, every form of a report says why; slices without a question are not drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core import registry
from reports.comparison.compare import compare
from reports.page.tables import slices
from reports.text.plain_table import warnings


@pytest.fixture
def few(make):
    return make.record("few", n_images=4)


FEW = "no interval: fewer than 5 images count"


def test_a_table_of_four_images_says_why_it_has_no_intervals(few, compared) -> None:
    (line,) = [one for one in warnings(compare([few])) if FEW in one]
    assert line.startswith("POPE accuracy, ") and line.endswith(f" of base and aligned have {FEW}.")
    assert not any("no interval" in one for one in warnings(compared))


@pytest.mark.parametrize("name", ["report.html", "report.md", "table.tex"])
def test_every_form_says_it(few, compared, name: str) -> None:
    names = {"report.html": "html", "report.md": "markdown", "table.tex": "latex"}
    write = registry.get("report", names[name])
    assert FEW in write(compare([few])) and FEW not in write(compared)


def test_metrics_csv_has_the_reason_beside_the_empty_interval(few) -> None:
    row = registry.get("report", "csv")(compare([few])).splitlines()[1]
    assert FEW in row


def test_a_slice_without_a_question_is_not_drawn(record) -> None:
    def without_random(result):
        if result.benchmark != "pope":
            return result
        items = tuple(i for i in result.items if i.truth["split"] != "random")
        kept = {i.id for i in items}
        return replace(result, items=items, scores=tuple(s for s in result.scores if s.item_id in kept))

    sweeps = tuple(replace(sweep, results=tuple(map(without_random, sweep.results))) for sweep in record.sweeps)
    ((_, first, rest), *_) = slices(compare([replace(record, sweeps=sweeps)]))
    drawn = " ".join(map(str, (*first, *rest)))
    assert ">adversarial<" in drawn and ">random<" not in drawn
