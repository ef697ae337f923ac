"""The results table with many headline metrics: whatever the numbers of metrics and checkpoints are, it fits side by side."""

import re
from dataclasses import replace

import pytest

from reports.comparison.compare import compare
from reports.page import tables as page
from reports.text.plain_table import text_table
from reports.writers import html as html_writer
from tests.reports.in_browser import IN_BROWSER


def with_headline(made, n):
    """The comparison with its first n rows as headline."""
    rows = tuple(replace(row, headline=i < n) for i, row in enumerate(made.short.rows))
    return replace(made, rows=rows, short=replace(made.short, rows=rows))


def arms(make, n):
    """Runs of n configurations, so that none is another's seed."""
    made = (make.record(f"arm {i}", seed=i) for i in range(1, n + 1))
    return compare([replace(record, config_yaml=f"{record.config_yaml}rank: {i}\n") for i, record in enumerate(made)])


@pytest.fixture
def two_arms(make):
    return arms(make, 2)


def test_more_metrics_than_fit_stand_as_lines(two_arms):
    assert not page.metrics_are_lines(with_headline(two_arms, 6).short)
    assert page.metrics_are_lines(with_headline(two_arms, 7).short)


def test_many_metrics_of_many_checkpoints_are_cut_into_parts_by_benchmark(make):
    made = with_headline(arms(make, 7), 24).short
    assert not page.metrics_are_lines(made)
    parts = page.by_checkpoint(made)
    assert [len(metrics) for metrics, _ in parts] == [6, 6, 6, 6]
    assert [{row.benchmark for row in metrics} for metrics, _ in parts] == [{"POPE"}, {"POPE"}, {"POPE"}, {"POPE", "CHAIR"}]
    assert all(len(line.cells) == len(metrics) for metrics, lines in parts for line in lines)


def test_the_plain_table_turns_too(make):
    made = with_headline(arms(make, 5), 14)
    header, rows = text_table(made)
    assert header[0] == "metric" and len(header) == 7 and len(rows) == 14
    assert text_table(with_headline(made, 5))[0][0] == "checkpoint"


def test_p_n_effect_and_detectable_difference_of_every_checkpoint_are_on_the_page(two_arms):
    tests = html_writer.write(two_arms).partition("<summary>Tests: p, n")[2].partition("</table>")[0]
    for row in page.table(two_arms.short.headline):
        assert [label for label, _ in row.tested(two_arms.short.columns)] == [c.label for c in two_arms.short.columns[1:]]
        for cell in row.cells[1:]:
            told = (cell.p.replace("<", "&lt;"), f"{cell.n:,}", cell.effect or "–", cell.detectable or "–")
            assert "</span></td><td".join(told) in re.sub(' class="num p" data-label="[^"]*"><span>', "", tests)


def test_a_metric_has_the_number_of_items_beside_its_name(two_arms):
    assert {row.n for row in page.table(two_arms.short.headline) if row.benchmark == "CHAIR"} == {"60"}
    assert '<span class="soft n">n&nbsp;60</span>' in html_writer.write(two_arms).partition("</table>")[0]


def test_p_stands_beside_an_interval_without_0_that_is_not_significant(two_arms):
    row = two_arms.short.headline[0]
    open_ = replace(row.cells[1], significant="", p_holm=0.12, difference=replace(row.cells[1].difference, low=0.01, high=0.02))
    around = replace(open_, difference=replace(open_.difference, low=-0.01))
    (view,) = page.table([replace(row, cells=(row.cells[0], open_, around))])
    assert [cell.p_beside for cell in view.cells] == ["", "0.120", ""]


@pytest.mark.parametrize("width", [1280, 390])
class TestInABrowser:
    pytestmark = IN_BROWSER

    def test_nothing_of_the_results_is_cut_off(self, browser, tmp_path, two_arms, width):
        path = tmp_path / "report.html"
        path.write_text(html_writer.write(with_headline(two_arms, 14)))
        shown = browser.new_page(viewport={"width": width, "height": 900})
        shown.goto(path.as_uri())
        wide = "[...document.querySelectorAll('#results .wide, html')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
        assert shown.evaluate(wide) == 0
        shown.close()
