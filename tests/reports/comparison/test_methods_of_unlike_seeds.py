"""Methods and wordings of which a part is missing: values over all items of their own, and why something is unknown."""

from dataclasses import replace

import pytest
from pytest import approx

from harness.core.evaluation import Score
from harness.core.run_record import BenchmarkResult
from reports.comparison.compare import compare
from reports.text.missing_items import unknown_lines
from reports.text.unpaired import unpaired, unpaired_line
from tests.reports.test_baseline import in_wordings, row


def changed(record, place: int, benchmark: str, change):
    """The record with `change` made to one result of the sweep at `place`; None takes the result away."""
    results = [change(r) if r.benchmark == benchmark else r for r in record.sweeps[place].results]
    sweeps = list(record.sweeps)
    sweeps[place] = replace(sweeps[place], results=tuple(r for r in results if r is not None))
    return replace(record, sweeps=tuple(sweeps))


def without_first(result: BenchmarkResult) -> BenchmarkResult:
    """The same without the item of image 0."""
    return replace(result, items=result.items[1:], answers=result.answers[1:], scores=result.scores[1:])


def naming_nothing(result: BenchmarkResult) -> BenchmarkResult:
    empty = {"mentions": 0.0, "invented": 0.0, "has_invented": 0.0, "captions": 1.0, "found": 0.0, "truths": 5.0, "words": 3.0}
    return replace(result, scores=tuple(Score(score.item_id, empty) for score in result.scores))


@pytest.fixture
def seeds(make):
    return [make.record("dpo", seed=n) for n in (1, 2)]


def test_the_value_of_a_method_is_over_all_items_of_its_seeds_and_the_difference_over_those_of_the_baseline_too(seeds):
    whole, part = compare(seeds), compare([changed(record, 0, "chair", without_first) for record in seeds])
    before, after = (row(made.short, key="recall").cells[1] for made in (whole, part))
    assert (after.value, after.low, after.high, after.n) == (before.value, before.low, before.high, 60)
    assert (after.n_paired, after.n_left_out) == (59, 1)
    singles = [cell.difference.value for cell in row(part, key="recall").cells[1:]]
    assert after.difference.value == approx(sum(singles) / 2)
    assert "that of a method over the items that all its seeds answered" in unpaired_line(part.short)


def test_a_metric_that_one_seed_does_not_have_is_unknown_for_the_method_with_its_reason(make, seeds):
    one, two = seeds
    made = compare(
        [one, changed(two, 1, "chair", naming_nothing), make.record("other", make.Habits(0.3, 0.8, 0.3, 20), seed=3)]
    )
    cell = row(made.short).cells[1]
    assert (cell.value, cell.n, cell.why) == (None, 60, "no object was mentioned (dpo seed 2)")
    assert "CHAIRi is unknown for dpo: no object was mentioned (dpo seed 2)." in unknown_lines(made.short)
    assert "CHAIRi with dpo" in made.verdict.unknown.split("Unknown: ")[1]
    assert "; it is unknown with dpo." in made.verdict.headline


def test_a_seed_without_the_benchmark_is_named(make, seeds):
    one, two = seeds
    made = compare([one, changed(two, 1, "chair", lambda _: None)])
    assert row(made.short).cells[1].why == "not measured (dpo seed 2)"
    neither = compare(
        [
            make.record("other", make.Habits(0.3, 0.8, 0.3, 20), seed=3),
            *(changed(record, 1, "chair", lambda _: None) for record in seeds),
        ]
    )
    assert row(neither.short).cells[2] is None


def test_methods_keep_their_values_where_the_baseline_lacks_the_benchmark(seeds):
    whole, alone = compare(seeds), compare([changed(record, 0, "chair", lambda _: None) for record in seeds])
    before, after = (row(made.short).cells[1] for made in (whole, alone))
    assert (after.value, after.low, after.high) == (before.value, before.low, before.high)
    assert after.difference is None and row(alone.short).cells[0] is None
    assert "CHAIRi" in alone.verdict.unknown


def test_a_method_and_a_baseline_without_a_common_item_are_not_compared(seeds):
    def others(result: BenchmarkResult) -> BenchmarkResult:
        items = tuple(replace(item, id=f"other/{item.id}") for item in result.items)
        return replace(result, items=items, scores=tuple(replace(s, item_id=f"other/{s.item_id}") for s in result.scores))

    made = compare([changed(record, 0, "chair", others) for record in seeds])
    assert row(made.short).cells[1].value is not None
    assert unpaired(made.short) == "CHAIR with dpo: no item, so there is no difference, 120 left out"


# ---------------------------------------------------------------- wordings


def of_several(make, first: int, second: int):
    """Two runs whose POPE was asked in so many wordings."""
    one, two = (in_wordings(make, range(1, n + 1)) for n in (first, second))
    base, aligned = two.sweeps
    base = replace(base, checkpoint=replace(base.checkpoint, digest="d" * 64))
    aligned = replace(aligned, checkpoint=replace(aligned.checkpoint, digest="e" * 64))
    return one, replace(two, run_id="two", name="two", sweeps=(base, aligned))


@pytest.mark.parametrize(("first", "second"), [(3, 2), (2, 3)])
def test_runs_with_other_wordings_keep_their_values_and_are_not_compared(make, first, second):
    one, two = of_several(make, first, second)
    made, alone = compare([one, two]), compare([two])
    cells, own = row(made, "pope", "accuracy").cells, row(alone, "pope", "accuracy").cells
    assert [(c.value, c.low, c.high) for c in cells[2:]] == [(c.value, c.low, c.high) for c in own]
    assert cells[1].difference is not None and [c.difference for c in cells[2:]] == [None, None]
    assert unpaired(made.short).startswith("POPE with two: base and two: not compared, asked in other wordings than the")


def test_a_single_wording_of_several_is_unknown_with_its_reason(make):
    one, two = of_several(make, 3, 2)
    two = changed(two, 1, "pope-wording2", lambda _: None)
    assert row(compare([one, two]), "pope", "accuracy").cells[3].why == "asked in 1 of 3 wordings"


def test_wordings_of_which_one_has_no_value_are_unknown_with_its_reason(make):
    def yes_never(result: BenchmarkResult) -> BenchmarkResult:
        return replace(result, scores=tuple(replace(s, values={"tn": 1.0}) for s in result.scores))

    made = compare([changed(in_wordings(make), 1, "pope-wording2", yes_never)])
    assert row(made, "pope", "precision").cells[1].why == "the model never said yes in one of the wordings"


def test_the_value_over_wordings_is_over_all_items_of_its_own_column(make):
    run = in_wordings(make)
    less = changed(changed(run, 0, "pope-wording1", without_first), 0, "pope-wording2", without_first)
    before, after = (row(compare([one]), "pope", "accuracy").cells[1] for one in (run, less))
    assert (after.value, after.low, after.n) == (before.value, before.low, before.n)
    assert (after.n_paired, after.n_left_out) == (1079, 1)
