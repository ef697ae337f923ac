"""The last words of a command."""

from __future__ import annotations

from dataclasses import replace

from harness.commands._terminal import show_comparison
from reports.comparison.compare import compare
from reports.text.explored import explored
from reports.text.interval_note import P_BESIDE, reading_note
from reports.text.missing_items import what_to_do
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


def test_what_must_be_known_of_the_numbers_stands_above_the_table_once(make, capsys):
    """Of the arms of a run: with their names where it is not of all; of several runs: with their ids."""
    old, own = "POPE was measured by version 1 of the benchmark; here is version 2.", "Trained by the rewards of rm."
    arms = [make.record("a", seed=1), make.record("b", seed=2)]
    arms = [
        replace(arm, run_id="one", notes=(old, *more), caveats=(old, *more))
        for arm, more in zip(arms, ((own,), ()), strict=True)
    ]
    show_comparison(compare(arms))
    lines = capsys.readouterr().out.splitlines()
    table = next(i for i, line in enumerate(lines) if line.startswith("metric "))
    assert (
        [line for line in lines if old in line or own in line]
        == [old, f"a: {own}"]
        == [*filter({old, f"a: {own}"}.__contains__, lines[:table])]
    )
    show_comparison(compare([*arms, replace(make.record("c", seed=3), run_id="two")]))
    assert [line for line in capsys.readouterr().out.splitlines() if old in line] == [f"one: {old}"]


def test_other_notes_stand_under_the_table_the_first_of_many(make, capsys):
    noted = replace(make.record(), notes=tuple(f"note {n}" for n in range(20)), caveats=("note 19",))
    show_comparison(compare([noted]))
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("Notes on the trainings:")
    assert lines[start + 1 : start + 17] == [f"  note {n}" for n in range(16)] and lines[start + 17].startswith(
        "  3 more notes"
    )
    assert lines.index("note 19") < start and sum("note 19" in line for line in lines) == 1


def test_a_run_that_is_refused_under_its_name_is_not_said_to_be_given_again(make):
    def lost(result):
        return replace(result, answers=result.answers[1:], scores=result.scores[1:], missing={result.items[0].id: "busy"})

    record = with_results(make.record(), lost)
    again, closed = (what_to_do(compare([replace(record, can_continue=kept)])) for kept in (True, False))
    assert "run the same command again" in again and "refused under the same name" not in again
    assert all(cause in again for cause in ("labels", "questions", "images", "a judge", "plug-ins"))
    assert "run the same command again" not in closed and "under another one (`name=...`" in closed
    assert what_to_do(compare([make.record()])) == ""
