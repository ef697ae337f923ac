"""The last words of a command."""

from __future__ import annotations

from dataclasses import replace

from harness.commands._terminal import show_comparison
from reports.comparison.compare import compare
from reports.text.explored import explored
from reports.text.interval_note import P_BESIDE, reading_note
from reports.text.plain_table import _narrow, _wide
from reports.values.table import Unit
from tests.reports.conftest import with_results


def test_several_seeds_of_one_method_are_one_line(make, capsys):
    show_comparison(compare([make.record("bdhs", seed=n) for n in (1, 2, 3)]))
    said = capsys.readouterr().out
    assert len([line for line in said.splitlines() if line.startswith("bdhs (3 seeds)")]) == 1
    assert "variation of seeds and of images" in said


def test_one_run_has_no_seeds_to_put_together(make, capsys):
    show_comparison(compare([make.record()]))
    assert "variation of seeds" not in capsys.readouterr().out


def test_published_rows_stand_under_the_table_and_are_marked(make, capsys):
    show_comparison(compare([make.record()], published=["Table 2"]))
    said = capsys.readouterr().out
    assert "published, Table 2: " in said and "for orientation only" in said


def test_headings_stand_behind_an_empty_line_and_begin_at_the_margin(make, capsys):
    def unclear(result):
        return replace(result, scores=tuple(replace(score, flag="unclear") for score in result.scores))

    show_comparison(compare([with_results(make.record(), unclear)]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("Flagged answers, part of the numbers above:") - 1] == ""


def test_marks_and_odd_digits_are_explained_under_the_table(make, capsys):
    several = [make.record(f"arm {n}", make.Habits(0.14, 0.7, 0.1 + n / 50, 16), seed=n) for n in range(3)]
    show_comparison(compare(several))
    said = capsys.readouterr().out
    assert "\u25b2 significantly better, \u25bc significantly worse, \u25c6 significant change." in said
    odd = any(row.shown_unit.digits > Unit.of(row.unit).digits for row in compare(several).short.headline)
    assert ("A row has more digits where" in said) is odd


def test_a_difference_that_is_unknown_is_not_called_inconclusive(make):
    row = compare([make.record()]).short.headline[0]
    base, cell = row.cells[0], replace(row.cells[1], significant="")
    told = {"inconclusive": cell.difference, "unknown": replace(cell.difference, value=None), "": None}
    for word, difference in told.items():
        assert _wide(replace(row, cells=(base, replace(cell, difference=difference))))[-1] == word


def test_an_interval_without_0_that_is_not_significant_has_its_p_beside_it(make):
    made = compare([make.record(f"arm {n}", make.Habits(0.14, 0.7, 0.1 + n / 50, 16), seed=n) for n in range(2)])
    row = made.short.headline[0]
    moved = replace(row.cells[1].difference, value=-0.009, low=-0.021, high=-0.001)
    open_ = replace(row.cells[1], difference=moved, p_holm=0.07, significant="")
    around, lost = replace(open_, difference=replace(moved, high=0.001)), replace(open_, significant="worse")
    shown = [_narrow(replace(row, cells=(row.cells[0], cell)))[-1].partition(" (")[2] for cell in (open_, around, lost)]
    assert [text.replace("\u2212", "-") for text in shown] == [
        "-0.9 [-2.1, -0.1], p 0.070)", "-0.9 [-2.1, +0.1])", "-0.9 [-2.1, -0.1]) \u25bc",
    ]  # fmt: skip
    told = replace(made.short, rows=(replace(row, cells=(*row.cells[:2], open_)),))
    assert P_BESIDE in reading_note(told) and P_BESIDE not in reading_note(replace(told, rows=()))


def test_tests_outside_the_headline_table_are_told_as_a_sentence(make):
    """One of two passes at 5 %: 0.01, not 0.2."""
    (row, *_) = [row for row in compare([make.record()]).short.rows if not row.headline]
    rows = [replace(row, cells=(row.cells[0], replace(row.cells[1], p_fdr=p))) for p in (0.01, 0.2)]
    said = explored(replace(compare([make.record()]).short, rows=tuple(rows)))
    assert said.startswith("Of 2 tests outside the headline table, 1 is significant at a false discovery rate of 5 %")
    assert "Holm" in said
