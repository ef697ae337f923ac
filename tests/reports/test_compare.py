"""Runs side by side: columns, rows, what is sure, what flipped, what differs."""

from dataclasses import replace

import pytest
from pytest import approx

from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item, Score, ratio
from harness.core.run_record import BenchmarkResult, ProtocolRecord, StudyNotes
from reports.comparison.compare import compare
from reports.page.cards import flip_counts
from reports.page.svg import mark
from reports.text.formatting import protocol_text
from reports.text.plain_table import text_table, warnings
from reports.text.unpaired import unpaired
from reports.values.details import ProtocolDifference
from reports.writers import html


def row(comparison, benchmark, key):
    return next(r for r in comparison.rows if (r.benchmark, r.key) == (benchmark, key))


def test_the_first_sweep_of_the_first_run_is_the_baseline(compared):
    columns = compared.columns
    assert [(c.label, c.is_baseline) for c in columns] == [("base", True), ("aligned", False)]


def test_a_base_that_runs_share_stands_there_once(make, images):
    found = compare([make.record("one"), make.record("two", seed=1)])
    assert [c.label for c in found.columns] == ["base", "one", "two"]


def test_a_base_measured_in_another_way_keeps_its_own_column(make):
    other = make.record("two", seed=1)
    base = other.sweeps[0]
    longer = tuple(replace(r, protocol=ProtocolRecord({**r.protocol.facts, "prompt": "other"})) for r in base.results)
    other = replace(other, sweeps=(replace(base, results=longer), *other.sweeps[1:]))
    assert len(compare([make.record("one"), other]).columns) == 4


def test_answers_from_files_that_are_said_to_be_one_checkpoint_but_score_otherwise_keep_their_columns(make):
    """Runs of older versions do not tell two columns of a file apart."""
    facts = ProtocolRecord({"benchmark": "pope", "answers": "from files", "answer files": "a.csv sha256 1"})
    ours, theirs = make.record("ours"), make.record("theirs", seed=1)
    sweeps = [replace(s, results=tuple(replace(r, protocol=facts) for r in s.results)) for s in ours.sweeps]
    sweeps[1] = replace(sweeps[1], checkpoint=sweeps[0].checkpoint)
    records = [replace(ours, sweeps=tuple(sweeps[:1])), replace(theirs, sweeps=tuple(sweeps[1:]))]
    assert [c.label for c in compare(records).columns] == ["ours", "theirs"]
    assert [c.label for c in compare([records[0], replace(records[0], run_id="2")]).columns] == ["ours"]


def test_labels_replace_the_names_of_runs(make):
    found = compare([make.record("one"), make.record("two", seed=1)], labels=["A", "B"])
    assert [c.label for c in found.columns] == ["base", "A", "B"]


def test_checkpoints_that_were_only_evaluated_go_by_the_names_of_their_runs(make):
    ours, theirs = make.record("ours"), make.record("theirs", seed=1)
    records = [replace(ours, sweeps=ours.sweeps[1:]), replace(theirs, sweeps=theirs.sweeps[1:])]
    assert [c.label for c in compare(records).columns] == ["ours", "theirs"]


def test_equal_labels_are_told_apart(make):
    found = compare([make.record("same"), make.record("same", seed=1)])
    assert [c.label for c in found.columns] == ["base", "same seed 0", "same seed 1"]


def test_values_are_those_of_the_formulas(record, compared):
    scores = record.sweeps[1].results[0].scores
    right = sum(s.values.get("tp", 0) + s.values.get("tn", 0) for s in scores)
    assert row(compared, "pope", "accuracy").cells[1].value == approx(right / len(scores))


def test_a_large_improvement_is_sure_and_lower_is_better_for_chair(compared):
    cell = row(compared, "chair", "chair_i").cells[1]
    assert cell.difference.value < 0
    assert cell.significant == "better"
    assert cell.p_holm >= cell.difference.p


def test_the_same_run_twice_differs_in_nothing(make):
    one = make.record("one")
    same = replace(one, sweeps=(one.sweeps[0], replace(one.sweeps[0], label="aligned")))
    found = compare([same])
    assert {cell.significant for r in found.rows for cell in r.cells} == {""}
    assert {(r.cells[1].difference.value, r.cells[1].difference.p) for r in found.rows} == {(0.0, None)}
    assert found.flips == () and "few images" not in found.verdict.headline
    assert found.verdict.improved == "No significant improvement."


def test_a_metric_that_is_neither_can_only_have_changed(compared):
    assert row(compared, "chair", "words").cells[1].significant == "changed"


def test_the_headline_names_hallucination_and_its_price(compared):
    headline = compared.verdict.headline
    assert headline.startswith("Alignment lowered hallucination: CHAIRi")
    assert "CHAIR recall" in headline
    assert "CHAIR length" in headline


def test_the_headline_says_who_lowered_hallucination_without_losing_recall(make):
    blind = make.record("blind", make.Habits(0.14, 0.40, 0.11, 16), seed=1)
    plain = make.record("plain", make.Habits(0.34, 0.72, 0.30, 18), seed=2)
    headline = compare([make.record("matched"), blind, plain]).verdict.headline
    assert "CHAIR recall fell significantly with blind (" in headline
    assert headline.endswith("Less hallucination without a significant loss of CHAIR recall: matched.")


def test_of_many_checkpoints_the_verdict_counts_and_names_the_extremes(make):
    found = [make.record(f"run{n}", make.Habits(0.14, 0.74, 0.02 + n / 50, 16)) for n in range(6)]
    found = [replace(r, config_yaml=f"name: {n}\nbeta: {n}") for n, r in enumerate(found)]
    verdict = compare(found).verdict
    assert "CHAIRi with all 6 (" in verdict.improved and "with run5 to" in verdict.improved
    assert verdict.improved.partition("Outside")[0].count("run") == 8  # two extremes for each of four metrics


def test_of_two_checkpoints_the_verdict_says_both(make):
    alike = [make.record(name, make.Habits(0.34, 0.72, invents, 18), seed=0) for name, invents in (("a", 0.29), ("b", 0.31))]
    unknown = compare(alike).verdict.unknown
    assert "with both" in unknown and "all 2" not in unknown


def test_methods_of_several_seeds_speak_once_in_the_verdict(make):
    seeds = [make.record("matched", seed=n) for n in (1, 2, 3)]
    verdict = compare([*seeds, make.record("plain", make.Habits(0.34, 0.72, 0.28, 18))]).verdict
    assert "seed" not in verdict.headline
    assert "matched (" in verdict.improved


def test_several_checkpoints_are_told_apart_in_the_headline(make):
    plain = make.record("plain", make.Habits(0.34, 0.85, 0.33, 20), seed=1)
    headline = compare([make.record("matched"), plain]).verdict.headline
    assert headline.startswith("CHAIRi fell significantly with matched (")
    assert "did not change significantly with plain (" in headline
    assert "CHAIR recall rose significantly with plain (+" in headline


def test_what_was_not_judged_is_unknown_rather_than_in_doubt(make, record):
    def unjudged(result: BenchmarkResult) -> BenchmarkResult:
        return replace(result, scores=tuple(replace(s, values={}, flag="unjudged") for s in result.scores))

    verdict = compare([make.with_results(record, unjudged)]).verdict
    assert "Unknown: POPE accuracy" in verdict.unknown
    assert verdict.headline == "Whether hallucination fell is unknown: CHAIRi is unknown for aligned."


def test_a_missing_benchmark_is_an_empty_cell(make):
    record = make.record()
    base, aligned = record.sweeps
    record = replace(record, complete=False, sweeps=(base, replace(aligned, results=aligned.results[:1])))
    found = compare([record])
    assert row(found, "chair", "chair_i").cells[1] is None
    assert found.incomplete == ("bdhs-matched",)


def test_items_that_one_side_missed_are_counted(make, record):
    found = compare([make.with_results(record, lose_ten)])
    cell = row(found, "pope", "accuracy").cells[1]
    assert (cell.n_paired, cell.n_left_out) == (1070, 10)
    assert unpaired(found.short).startswith("POPE with aligned: 1,070 items, 10 left out; CHAIR")
    assert unpaired(compare([make.record()]).short) == ""
    assert next(f for f in found.failures if f.column == "aligned").missing == 10


def lose_ten(result: BenchmarkResult) -> BenchmarkResult:
    lost = {item.id: "not asked" for item in result.items[:10]}
    return replace(result, answers=result.answers[10:], scores=result.scores[10:], missing=lost)


@pytest.mark.parametrize("name", ["html", "latex", "markdown", "terminal"])
def test_a_table_of_unequal_items_says_so(make, record, name):
    """Two values may then differ by another amount, even in the other direction, than their difference."""
    found = compare([make.with_results(record, lose_ten)])
    text = "\n".join(warnings(found)) if name == "terminal" else registry.get("report", name)(found)
    assert "over the items that both sides answered (POPE with aligned: 1,070 items, 10 left out; CHAIR" in text


@pytest.mark.parametrize("name", ["markdown", "terminal", "html"])
def test_why_a_metric_is_unknown_stands_below_the_table(make, record, name):
    def unread(result: BenchmarkResult) -> BenchmarkResult:
        scores = tuple(replace(s, values={}) for s in result.scores) if result.benchmark == "pope" else result.scores
        return replace(result, scores=scores)

    found = compare([make.with_results(record, unread)])
    why = row(found, "pope", "accuracy").cells[1].why
    text = "\n".join(warnings(found)) if name == "terminal" else registry.get("report", name)(found)
    assert why and f"POPE accuracy, POPE yes rate and POPE F1 (adversarial) are unknown for aligned: {why}." in text


def test_where_no_item_is_common_that_is_said(make, record):
    base, aligned = record.sweeps
    halves = [tuple(r for r in one.results if r.benchmark == "pope") for one in (base, aligned)]

    def part(result: BenchmarkResult, keep: slice) -> BenchmarkResult:
        return replace(result, items=result.items[keep], answers=result.answers[keep], scores=result.scores[keep])

    first, second = part(halves[0][0], slice(0, 540)), part(halves[1][0], slice(540, None))
    found = compare([replace(record, sweeps=(replace(base, results=(first,)), replace(aligned, results=(second,))))])
    assert row(found, "pope", "accuracy").cells[1].difference is None
    assert unpaired(found.short) == "POPE with aligned: no item, so there is no difference, 1,080 left out"


def test_flips_are_items_whose_correctness_turned(record, compared):
    found = compared.flips
    before = {s.item_id: s.correct for s in record.sweeps[0].results[0].scores}
    assert found
    assert all(before[flip.item.id] is (flip.kind == "lost") for flip in found)
    assert all(flip.subject in flip.item.question and flip.truth in ("yes", "no") for flip in found)


def test_captions_show_where_inventions_changed_most_first(compared):
    changes = [abs(c.sides[0].count("invented") - c.sides[1].count("invented")) for c in compared.captions]
    assert changes == sorted(changes, reverse=True)


def test_objects_are_counted_as_found_invented_or_confused(compared):
    objects = compared.objects
    pope = next(o for o in objects if o.benchmark == "pope")
    chair = next(o for o in objects if o.benchmark == "chair")
    assert set(pope.counts) <= {"tp", "fp", "tn", "fn"}
    assert set(chair.counts) <= {"found", "invented"}
    assert any(o.seen_with for o in objects)


def test_longer_answers_are_compared_with_longer_ones(compared):
    curves = compared.length_curves
    assert [c.column for c in curves] == ["base", "aligned"]
    assert all(list(c.x) == sorted(c.x) and len(c.x) == 4 for c in curves)


def test_differing_protocols_are_named_fact_by_fact(make, record):
    def longer(result: BenchmarkResult) -> BenchmarkResult:
        return replace(result, protocol=ProtocolRecord({**result.protocol.facts, "max_new_tokens": "512"}))

    differences = compare([make.with_results(record, longer)]).protocol_differences
    assert [(d.benchmark, d.fact, d.baseline, d.other) for d in differences] == [
        ("pope", "max_new_tokens", "16", "512"),
        ("chair", "max_new_tokens", "64", "512"),
    ]


def test_runs_that_differ_in_their_seed_only_are_put_together(make):
    seeds = [make.record("bdhs", seed=n) for n in (1, 2, 3)]
    other = make.record("other", make.Habits(0.3, 0.8, 0.3, 20), seed=4)
    rows = compare([*seeds, other]).seeds
    assert {r.values.n_seeds for r in rows} == {3}
    chair_i = next(r for r in rows if r.key == "chair_i")
    assert chair_i.difference.high < 0
    assert chair_i.values.between_seed_sd > 0


def test_seeds_with_names_of_their_own_are_one_method_under_both(make):
    records = [make.record("run", seed=n) for n in (1, 2)]
    assert compare(records, labels=["monday", "tuesday"]).short.columns[1].label == "monday + tuesday"


def test_the_same_weights_twice_are_not_two_seeds(make):
    one = make.record("run")
    assert compare([one, replace(one, run_id="again")]).seeds == ()


def test_a_baseline_that_two_runs_share_brings_the_benchmarks_of_both(make):
    one, two = make.record("one"), make.record("two", seed=1)
    first, second = ([r for r in record.sweeps[0].results if r.benchmark == b] for record, b in ((one, "pope"), (two, "chair")))
    one = replace(one, sweeps=(replace(one.sweeps[0], results=tuple(first)), one.sweeps[1]))
    two = replace(two, sweeps=(replace(two.sweeps[0], results=tuple(second)), two.sweeps[1]))
    found = compare([one, two])
    assert row(found, "chair", "chair_i").cells[1].difference.value < 0


def test_an_unfinished_run_and_another_protocol_are_told_before_the_table(make):
    def longer(result: BenchmarkResult) -> BenchmarkResult:
        return replace(result, protocol=ProtocolRecord({**result.protocol.facts, "max_new_tokens": "128"}))

    found = compare([make.with_results(make.record("half", complete=False), longer)])
    first, second = warnings(found)
    assert first.startswith("Incomplete: half did not finish")
    assert "half on CHAIR: max_new_tokens: 128 (baseline: 64)" in second.replace("aligned", "half")
    assert text_table(found)[0][2].endswith("\u2260")


def test_digests_of_items_are_told_in_words():
    found = [ProtocolDifference("chair", "half", fact, "1", "2") for fact in ("item digest", "images")]
    assert protocol_text(found) == "half on CHAIR: other questions or labels; half on CHAIR: images: 2 (baseline: 1)"


def test_a_sweep_of_a_part_is_marked_before_the_table(record, compared):
    assert warnings(compared) == []
    part = replace(record, study=StudyNotes(partial=("POPE over its first 150 images",)))
    assert warnings(compare([part])) == [
        "Partial sweep: POPE over its first 150 images. Not comparable with numbers of whole benchmarks."
    ]


def test_a_p_below_what_resamples_can_count_is_still_told_apart(make):
    found = [make.record(f"run{n}", make.Habits(0.02, 0.74, 0.02 + n / 100, 16)) for n in range(2)]
    cell = row(compare(found), "pope", "accuracy").cells[1]
    assert 0 < cell.difference.p < 1e-5


def test_columns_of_one_label_are_told_apart_by_their_seed_or_else_numbered(make):
    def labels(*seeds):
        records = [replace(make.record("run", seed=n), config_yaml=f"name: run\nseed: {seed}") for n, seed in enumerate(seeds)]
        return [column.label for column in compare(records).columns if not column.is_baseline]

    assert labels(0, 7) == ["run seed 0", "run seed 7"]
    assert labels(0, 0) == ["run #1", "run #2"]


def test_columns_of_runs_with_the_same_arms_go_by_the_names_of_the_runs(make):
    def arms(run, digest):
        text = f"name: {run}\nseed: 0\narms: [{{name: dpo}}]"
        made = replace(make.record("dpo"), run_id=f"{run}-1a2b", name="dpo", config_yaml=text)
        base = replace(made.sweeps[0], checkpoint=replace(made.sweeps[0].checkpoint, digest=digest))
        return replace(made, sweeps=(base, *made.sweeps[1:]))

    found = [arms("old", "b" * 64), arms("new", "c" * 64)]
    assert [column.label for column in compare(found).columns] == ["base", "old: dpo", "new: base", "new: dpo"]


def test_published_rows_come_only_when_asked_for(record, compared):
    assert compared.published == ()
    rows = compare([record], published=["Table 2"]).published
    assert next(r for r in rows if r.method == "DPO, BDHS (POVID 5k)").values["COCO recall"] == 75.58


def test_a_single_checkpoint_is_reported_without_differences(record):
    found = compare([replace(record, sweeps=record.sweeps[:1])])
    assert "nothing to compare" in found.verdict.unknown
    assert text_table(found)[0] == ["metric", "bdhs-matched"]  # as its run


def test_runs_without_a_common_benchmark_are_refused(make):
    one, two = make.record("one"), make.record("two", seed=1)
    one = replace(one, sweeps=(replace(one.sweeps[0], results=one.sweeps[0].results[:1]),))
    two = replace(two, sweeps=(replace(two.sweeps[1], results=two.sweeps[1].results[1:]),))
    with pytest.raises(ConfigError, match="no benchmark in common: one has pope; two has chair"):
        compare([one, two])


def test_nothing_to_compare_is_refused(record):
    with pytest.raises(ConfigError, match="no run has a sweep yet"):
        compare([replace(record, sweeps=())])
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare([])


def test_as_many_labels_as_runs(record):
    with pytest.raises(ConfigError, match="2 labels for 1 runs"):
        compare([record], labels=["a", "b"])


def test_an_unknown_value_is_shown_with_its_reason(make, record):
    def silent(result: BenchmarkResult) -> BenchmarkResult:
        return replace(result, scores=tuple(replace(s, values={"fn": 1.0}, spans=()) for s in result.scores))

    cell = row(compare([make.with_results(record, silent)]), "pope", "precision").cells[1]
    assert (cell.value, cell.why) == (None, "the model never said yes")
    assert cell.difference.value is None


def test_a_guest_benchmark_without_headlines_shows_all_its_metrics(record):
    result = BenchmarkResult(
        "guest", ProtocolRecord({}), (Item("1", "a", "?"), Item("2", "b", "?")),
        (Answer("1", "x", 1, "end"), Answer("2", "y", 1, "end")),
        (Score("1", {"a": 1.0}), Score("2", {"a": 2.0})), (ratio("m", ["a"], ["a"]),),
    )  # fmt: skip
    sweeps = tuple(replace(s, results=(result,)) for s in record.sweeps)
    assert [r.headline for r in compare([replace(record, sweeps=sweeps)]).rows] == [True]


def test_the_terminal_table_says_all_about_one_difference(compared):
    header, rows = text_table(compared)
    assert header == ["metric", "base", "aligned", "difference [95 %]", "p (Holm)", "significant"]
    assert {len(r) for r in rows} == {6}
    assert next(r for r in rows if r[0] == "CHAIRi")[-1] == "\u25b2 better"


def test_many_checkpoints_are_the_rows_of_the_terminal_table(make):
    records = [replace(make.record(f"run{n}", seed=n), config_yaml=f"beta: {n}") for n in range(5)]
    header, rows = text_table(compare(records))
    assert header[0] == "checkpoint" and "CHAIRi" in header
    assert rows[0][0] == "base" and "(" not in rows[0][1]
    assert len(rows) >= 6 and {len(r) for r in rows} == {len(header)}
    assert any("\u25b2" in cell or "\u25bc" in cell for r in rows[1:] for cell in r)
    assert all("[" not in cell for r in rows for cell in r)  # intervals are the report's


def test_no_two_columns_have_the_same_mark():
    assert len({mark(0, 0, index) for index in range(36)}) == 36


def test_flips_are_counted_in_items_and_in_the_rows_that_the_metrics_count(compared):
    """Two questions gained and one lost, but the lost one stands in three splits: accuracy falls."""
    made = compared
    gained = [replace(flip, kind="gained", rows=1) for flip in made.flips[:2]]
    lost = replace(made.flips[2], kind="lost", rows=3, column=gained[0].column, benchmark=gained[0].benchmark)
    benchmarks, ((_, (count, *_)), *_) = flip_counts(replace(made, flips=(*gained, lost)))
    assert (count.gained, count.lost, count.gained_rows, count.lost_rows, count.in_rows) == (2, 1, 2, 3, True)
    assert not replace(count, lost_rows=1).in_rows and benchmarks
    page = html.write(replace(made, flips=(*gained, lost)))
    assert "2 gained, 1 lost" in page and "in rows: 2 gained, 3 lost" in page
