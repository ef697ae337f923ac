"""Any column as the baseline: differences, seeds that are paired, and the words of the conclusion."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytest import approx

from harness.core.errors import ConfigError
from reports.comparison.compare import compare
from reports.text.plain_table import text_table
from reports.writers.markdown import write
from tests.reports.comparison.test_methods import arms_of_one_run


def row(table, benchmark="chair", key="chair_i"):
    return next(r for r in table.rows if (r.benchmark, r.key) == (benchmark, key))


@pytest.fixture
def arms(make):
    """Two methods, each with the seeds 1 and 2, beside one base."""
    plain = [make.record("plain", make.Habits(0.3, 0.8, 0.24, 20), seed=n) for n in (1, 2)]
    return [*plain, *(make.record("matched", seed=n) for n in (1, 2))]


def by_label(records):
    made = compare(records)
    return {column.label: row(made).cells[i].value for i, column in enumerate(made.columns)}


def test_the_named_column_stands_first_and_differences_turn_their_sign(record, compared):
    forth, back = compared, compare([record], baseline="aligned")
    assert [(c.label, c.is_baseline) for c in back.columns] == [("aligned", True), ("base", False)]
    one, other = (row(made).cells[1].difference for made in (forth, back))
    assert other.value == approx(-one.value) and (other.low, other.high) == approx((-one.high, -one.low))
    assert other.p == approx(one.p, rel=0.2) and row(back).cells[0].difference is None


def test_arms_are_tested_against_each_other_and_corrected_together(make):
    records = [make.record("one", seed=1), make.record("two", make.Habits(0.3, 0.8, 0.3, 20), seed=2)]
    made = compare(records, baseline="two")
    assert [c.label for c in made.columns] == ["two", "base", "one"]
    cell = row(made).cells[2]
    values = by_label(records)
    assert cell.difference.value == approx(values["one"] - values["two"])
    assert cell.p_holm >= cell.difference.p > 0 and {flip.column for flip in made.flips} == {"base", "one"}


def test_a_method_is_the_baseline_with_all_its_seeds_paired_seed_by_seed(arms):
    values, made = by_label(arms), compare(arms, baseline="plain")
    assert [(c.label, len(c.places), c.is_baseline) for c in made.short.columns] == [
        ("plain", 2, True), ("base", 0, False), ("matched", 2, False)
    ]  # fmt: skip
    shifts = [values[f"matched seed {n}"] - values[f"plain seed {n}"] for n in (1, 2)]
    cell = row(made.short).cells[2]
    assert cell.difference.value == approx(np.mean(shifts)) and cell.value == approx(
        np.mean([values["matched seed 1"], values["matched seed 2"]])
    )
    (found,) = [r for r in made.seeds if (r.method, r.key) == ("matched", "chair_i")]
    assert found.difference.between_seed_sd == approx(np.std(shifts, ddof=1))


def test_pairs_of_seeds_do_not_depend_on_the_order_of_runs(arms):
    one, two, three, four = arms
    turned = row(compare([two, one, three, four], baseline="plain").short).cells[2].difference
    straight = row(compare(arms, baseline="plain").short).cells[2].difference
    assert (turned.value, turned.low, turned.high) == approx((straight.value, straight.low, straight.high))


def test_the_base_is_compared_with_the_mean_of_the_seeds(arms):
    values = by_label(arms)
    cell = row(compare(arms, baseline="plain").short).cells[1]
    assert cell.difference.value == approx(values["base"] - (values["plain seed 1"] + values["plain seed 2"]) / 2)
    assert cell.difference.low < cell.difference.value < cell.difference.high


def test_the_baseline_itself_has_a_mean_over_its_seeds_and_no_difference(arms):
    values, made = by_label(arms), compare(arms, baseline="plain")
    cell = row(made.short).cells[0]
    assert cell.value == approx((values["plain seed 1"] + values["plain seed 2"]) / 2) and cell.difference is None
    assert [r.difference for r in made.seeds if r.method == "plain"] == [None] * len(made.short.rows)
    assert text_table(made)


def test_one_seed_as_the_baseline_leaves_the_others_of_its_method(arms, make):
    made = compare([*arms, make.record("plain", make.Habits(0.3, 0.8, 0.24, 20), seed=3)], baseline="plain seed 1")
    assert [c.label for c in made.short.columns] == ["plain seed 1", "base", "plain", "matched"]
    assert [len(c.places) for c in made.short.columns] == [0, 0, 2, 2]


@pytest.mark.parametrize("seeds", [(1, 3), (1,)])
def test_other_seeds_than_the_baseline_s_are_refused(make, arms, seeds):
    others = [make.record("matched", seed=n) for n in seeds]
    with pytest.raises(ConfigError, match=r"plain has 2 training seeds, and matched not the same ones(.|\n)*'plain seed 1'"):
        compare([*arms[:2], *others], baseline="plain")


def test_an_unknown_baseline_is_named_with_the_columns(record):
    with pytest.raises(
        ConfigError, match=r"No column is named 'alinged'(.|\n)*Did you mean 'aligned'\? Columns: base, aligned"
    ):
        compare([record], baseline="alinged")


def test_arms_of_one_run_are_paired_by_their_seeds(make):
    plain, matched = make.Habits(0.3, 0.8, 0.24, 20), make.Habits(0.14, 0.74, 0.10, 16)
    made = {
        f"{name}-seed{n}": (h, {"seed": n, "pairs": name})
        for name, h in (("plain", plain), ("matched", matched))
        for n in (0, 1)
    }
    records = arms_of_one_run(make, {name: own for name, (_, own) in made.items()}, {name: h for name, (h, _) in made.items()})
    values, made = by_label(records), compare(records, baseline="plain")
    shifts = [values[f"matched-seed{n}"] - values[f"plain-seed{n}"] for n in (0, 1)]
    assert row(made.short).cells[2].difference.value == approx(np.mean(shifts))


def test_the_conclusion_names_what_differences_are_to_and_claims_nothing_of_alignment(record, compared, arms):
    alone = compare([replace(record, sweeps=record.sweeps[:1])])
    assert "Differences are to" not in alone.verdict.scope + compared.verdict.scope
    back = compare([record], baseline="aligned").verdict
    assert back.headline.startswith("More hallucination with base than with aligned: CHAIRi")
    assert back.scope.startswith("Differences are to aligned. ")
    several = compare(arms, baseline="plain").verdict
    assert several.scope.startswith(
        "Differences are to plain. Intervals and tests cover the variation of images and training seeds"
    )


def test_arms_are_told_from_the_base_by_their_run_and_not_by_a_note_in_their_checkpoint(record):
    base, aligned = record.sweeps
    plain = replace(record, sweeps=(base, replace(aligned, checkpoint=replace(aligned.checkpoint, aligner=""))))
    made = compare([plain], baseline="aligned")
    assert [c.trained for c in made.columns] == [True, False] and "one training seed" in made.subtitle
    assert made.verdict.scope.startswith("Differences are to aligned. ")


# ---------------------------------------------------------------- prompt wordings, put together as seeds are


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


def test_benchmarks_of_other_items_whose_labels_end_like_wordings_are_told_that_the_form_is_reserved(make) -> None:
    def of_its_own(sweep):
        first, second, *others = sweep.results
        items = tuple(replace(item, id=f"second/{item.id}") for item in second.items)
        scores = tuple(replace(score, item_id=f"second/{score.item_id}") for score in second.scores)
        return replace(sweep, results=(first, replace(second, items=items, scores=scores), *others))

    run = in_wordings(make)
    made = compare([replace(run, sweeps=tuple(map(of_its_own, run.sweeps)))])
    assert (
        "of POPE the wordings were asked other items; labels that end in -wording1, -wording2 are reserved"
        in made.verdict.unknown
    )
    assert rows_of(made, "pope-wording1")["accuracy"].cells[1].value is not None
    assert "asked other items" not in write(compare([run]))
