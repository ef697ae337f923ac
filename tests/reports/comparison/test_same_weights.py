"""One checkpoint under two names is said to be one, is not tested against itself and counts once in corrections."""

from dataclasses import replace

import pytest

from reports.comparison.compare import compare
from reports.tables import metric_table
from reports.tables.same_weights import repeats, same_weights
from reports.values.table import Column
from tests.reports.questions.test_questions import study

SAME = "are the same checkpoint (the same weights, with the same scores)"


def twin_of(record):
    """The same weights and scores under another name."""
    base, aligned = record.sweeps
    return replace(
        record, run_id="twin", name="twin", sweeps=(base, replace(aligned, checkpoint=replace(aligned.checkpoint, id="twin")))
    )


@pytest.fixture
def runs(make):
    return make.record("first"), make.record("other", make.Habits(0.20, 0.70, 0.16, 17))


def test_the_same_weights_under_two_names_leave_all_other_numbers_as_they_are(runs):
    first, other = runs
    alone, made = compare([first, other]), compare([first, twin_of(first), other])
    assert [column.label for column in made.columns] == ["base", "first", "twin", "other"]
    for one, row in zip(alone.rows, made.rows, strict=True):
        assert row.cells == (one.cells[0], one.cells[1], one.cells[1], one.cells[2])
        assert {(i, j) for i, j in row.order if 2 not in (i, j)} == {(i + (i == 2), j + (j == 2)) for i, j in one.order}
        assert {j for i, j in row.order if i == 2} == {j for i, j in row.order if i == 1}
    assert made.verdict.same.startswith(f"first and twin {SAME}") and alone.verdict.same == ""


def test_the_same_weights_with_other_scores_are_tested(runs):
    first, other = runs
    base, aligned = twin_of(first).sweeps
    made = compare([first, replace(twin_of(first), sweeps=(base, replace(aligned, results=other.sweeps[1].results)))])
    assert made.verdict.same == "" and all(row.cells[2].p_holm is not None for row in made.rows if row.cells[2].difference.p)


def test_arms_with_the_same_weights_are_not_tested_against_each_other_and_count_once(make):
    few, many = make.Habits(0.14, 0.74, 0.10, 16), make.Habits(0.34, 0.72, 0.30, 18)
    arms = study(make, [("small", many, {"pairs.limit": 80}), ("half", many, {"pairs.limit": 400}), ("full", few, {})])
    base, half = arms[1].sweeps
    same = replace(half, checkpoint=arms[0].sweeps[1].checkpoint, results=arms[0].sweeps[1].results)
    (question,) = compare([arms[0], replace(arms[1], sweeps=(base, same)), arms[2]]).questions
    (alone,) = compare([arms[0], arms[2]]).questions
    assert question.not_tested == (f"400 against 80: they {SAME}",)
    for first in (0, 1):
        tests = {(t.benchmark, t.key): (t.difference.p, t.p_holm) for t in question.tests if (t.first, t.second) == (first, 2)}
        assert tests == {(t.benchmark, t.key): (t.difference.p, t.p_holm) for t in alone.tests}


def test_which_columns_repeat_is_found_once_for_the_tables_the_sentence_and_the_direct_tests(make, monkeypatch):
    asked = []
    monkeypatch.setattr(
        metric_table, "repeats", lambda sweeps, places, names: asked.append(names) or repeats(sweeps, places, names)
    )
    few, many = make.Habits(0.14, 0.74, 0.10, 16), make.Habits(0.34, 0.72, 0.30, 18)
    made = compare(study(make, [("half", many, {"pairs.limit": 400}), ("full", few, {})]))
    assert made.questions and asked == [[name] for name in made.benchmarks]


def test_the_sentence_names_every_column_that_repeats_another_on_some_benchmark():
    columns = [Column(label, "", "", "", "", "", True) for label in ("base", "first", "twin", "other")]
    said = same_weights(columns, {"pope": {2: 1}, "chair": {2: 1, 3: 1}, "mme": {}})
    assert said.startswith(f"first, twin and other {SAME}") and said.count(SAME) == 1
