"""The conclusion names every significant loss, says what its intervals leave out, and its numbers add up as shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.run_record import JUDGE_CHECK
from harness.core.stats import NO_INTERVAL
from reports.comparison.compare import compare
from reports.comparison.conclusion import conclusion
from reports.text.formatting import change, number, with_unit
from reports.text.interval_note import digits_note
from reports.text.settings import settings_of
from reports.values.details import ProtocolDifference
from reports.values.paired import Difference
from reports.values.table import Cell, Column, Row, Table, Unit

COLUMNS = (
    Column("base", "r", "r", "c", "d", "", True, True),
    Column("dpo", "r", "r", "c", "e", "dpo", True, trained=True),
)


def row(metric: str, before: float, after: float, significant: str = "", headline: bool = True, role: str = "") -> Row:
    shift = Difference(after - before, after - before - 0.01, after - before + 0.01, 0.001, 0.0, 0.01, 59, "")
    cells = Cell(before, None, None, 9), Cell(after, None, None, 9, difference=shift, p_holm=0.001, significant=significant)
    return Row("bench", metric, "", "higher", "share", headline, "", role, cells)


def told(*rows: Row) -> str:
    return conclusion(Table(COLUMNS, rows)).worse


def test_losses_outside_the_headline_table_are_named_all_of_them() -> None:
    lost = [row(f"slice{n}", 0.5, 0.4, "worse", headline=False) for n in range(9)]
    said = told(row("accuracy", 0.5, 0.6, "better"), *lost)
    assert said.startswith(
        "No significant loss in the headline table. Outside the headline table, significantly worse (Holm): "
    )
    assert all(f"slice{n} \u221210.0 points" in said for n in range(9))


def test_gains_outside_the_headline_table_are_named_too_the_first_of_them() -> None:
    gained = [row(f"slice{n}", 0.4, 0.5, "better", headline=False) for n in range(7)]
    said = conclusion(Table(COLUMNS, (row("accuracy", 0.5, 0.6), *gained))).improved
    assert said.startswith(
        "No significant improvement in the headline table. Outside the headline table, significantly better (Holm): "
    )
    assert "slice4 +10.0 points" in said and said.endswith(", 2 more.") and "slice5" not in said


def test_all_losses_of_the_headline_table_are_named() -> None:
    said = told(*(row(f"loss{n}", 0.5, 0.4, "worse") for n in range(9)))
    assert all(f"Bench loss{n} \u2212" in said for n in range(9)) and " more" not in said


def test_without_any_loss_the_sentence_is_short() -> None:
    assert told(row("accuracy", 0.5, 0.6, "better"), row("brier", 0.1, 0.1, headline=False)) == "No significant loss."


def test_several_checkpoints_name_theirs() -> None:
    columns = (*COLUMNS, replace(COLUMNS[1], label="ipo"))
    loss = row("brier", 0.5, 0.4, "worse", headline=False)
    both = Table(columns, (replace(row("accuracy", 0.5, 0.6), cells=(*row("accuracy", 0.5, 0.6).cells, None)),
                           replace(loss, cells=(*loss.cells, replace(loss.cells[1], significant=""))),))  # type: ignore[type-var]  # fmt: skip
    worse = conclusion(both).worse
    assert "Outside the headline table, significantly worse (Holm): Bench brier with dpo (\u221210.0 points)." in worse


def test_what_no_checkpoint_changed_is_said_with_their_names() -> None:
    columns, invents = (*COLUMNS, replace(COLUMNS[1], label="ipo")), row("invents", 0.3, 0.29, role="hallucination")
    table = Table(columns, (replace(invents, cells=(*invents.cells, invents.cells[1])),))
    assert conclusion(table).headline == "No checkpoint changed Bench invents significantly (dpo and ipo)."
    methods = Table((columns[0], *(replace(c, places=(1, 2)) for c in columns[1:])), table.rows)
    assert conclusion(methods).headline == "No method changed Bench invents significantly (dpo and ipo)."
    assert conclusion(methods).unknown == "Inconclusive with these items: Bench invents with both methods."


def headline(*rows: Row) -> str:
    return conclusion(Table(COLUMNS, rows)).headline


def test_the_first_sentence_is_about_the_hallucination_metric_that_moved_and_a_loss_comes_first() -> None:
    still, better = row("still", 0.4, 0.4, role="hallucination"), row("fell", 0.3, 0.2, "better", role="hallucination")
    worse = row("rose", 0.1, 0.2, "worse", role="hallucination")
    assert headline(still).startswith("No significant change in hallucination: Bench still")
    assert headline(still, better).startswith("Alignment lowered hallucination: Bench fell")
    assert headline(still, better, worse).startswith("Alignment raised hallucination: Bench rose")
    slice_of_it = row("part", 0.3, 0.2, "better", headline=False, role="hallucination")
    assert headline(still, slice_of_it).startswith("No significant change in hallucination: Bench still")


def test_of_a_checkpoint_that_no_run_here_aligned_nothing_is_said_of_alignment() -> None:
    other = (COLUMNS[0], replace(COLUMNS[1], label="other", trained=False))
    worse = row("rose", 0.1, 0.2, "worse", role="hallucination")
    assert conclusion(Table(other, (worse,))).headline.startswith("More hallucination with other than with base: Bench rose")


def lone(metric: str, before: float, after: float, role: str = "") -> Row:
    """A row of four images: values, no interval and no test."""
    made = row(metric, before, after, role=role)
    few = NO_INTERVAL + "fewer than 5 images count"
    shift = Difference(after - before, None, None, None, None, None, 0, "")
    cells = Cell(before, None, None, 9, few), Cell(after, None, None, 9, few, shift)
    return replace(made, cells=cells)


def test_what_was_not_tested_is_not_said_to_have_stayed() -> None:
    said = conclusion(Table(COLUMNS, (lone("accuracy", 0.98, 0.31),)))
    assert said.headline == "Bench accuracy was not tested (fewer than 5 images count): \u221267.0 points."
    assert said.unknown == "Not tested: Bench accuracy \u221267.0 points."
    invents = lone("invents", 0.3, 0.1, role="hallucination")
    assert headline(invents).startswith(
        "Whether hallucination changed was not tested: Bench invents 30.0 % \u2192 10.0 % (\u221220.0 points, no interval: "
        "fewer than 5 images count)."
    )


def test_of_several_checkpoints_those_that_were_not_tested_are_named() -> None:
    columns, invents = (*COLUMNS, replace(COLUMNS[1], label="ipo")), row("invents", 0.3, 0.29, role="hallucination")
    both = replace(invents, cells=(*invents.cells, lone("invents", 0.3, 0.1).cells[1]))
    said = conclusion(Table(columns, (both,)))
    assert "was not tested with ipo (\u221220.0 points)" in said.headline
    assert said.unknown == "Inconclusive with these items: Bench invents with dpo. Not tested: Bench invents with ipo."


def test_the_scope_names_the_methods_that_have_several_seeds() -> None:
    columns = (*COLUMNS, replace(COLUMNS[1], label="ipo", places=(2, 3)))
    made = row("accuracy", 0.5, 0.6)
    said = conclusion(Table(columns, (replace(made, cells=(*made.cells, made.cells[1])),))).scope
    assert "images (of ipo also of training seeds), not that of another training seed (of dpo), another wording" in said


def test_the_scope_of_one_seed_and_of_several() -> None:
    one = conclusion(Table(COLUMNS, (row("accuracy", 0.5, 0.6),)))
    assert "not that of another training seed" in one.scope and one.scope in one.sentences
    several = conclusion(Table((COLUMNS[0], replace(COLUMNS[1], places=(1, 2))), (row("accuracy", 0.5, 0.6),)))
    assert "images and training seeds" in several.scope and "another training seed" not in several.scope


@pytest.mark.parametrize(("before", "after"), [(0.2243, 0.2047), (0.2244, 0.2246), (0.5, 0.6), (0.1235, 0.5432)])
def test_two_values_differ_as_shown_by_what_is_shown(before: float, after: float) -> None:
    unit = row("chair", before, after).shown_unit
    shown = [float(with_unit(v, unit).removesuffix(" %")) for v in (before, after)]
    assert round(shown[1] - shown[0], 6) == float(change(after - before, unit).split()[0].replace("\u2212", "-"))


def test_a_digit_more_is_shown_only_where_it_is_needed() -> None:
    assert row("a", 0.5, 0.6).shown_unit == Unit("share", 1) and row("a", 0.2243, 0.2047).shown_unit == Unit("share", 2)


def test_a_digit_that_does_not_make_a_row_add_up_is_not_shown() -> None:
    """In two digits 3.36 to 3.40 would be 0.04 and not 0.03; in three, 3.365 to 3.354 would be -0.011 and not -0.010."""
    first, second = row("score", 3.36458, 3.35417), row("score", 3.36458, 3.39583)
    plain = replace(first, unit="points", cells=(*first.cells, second.cells[1]))
    assert plain.shown_unit == Unit("points", 2) and not plain.adds_up
    assert digits_note(Table(COLUMNS, (plain,))).startswith("Differences are rounded after subtraction")
    assert digits_note(Table(COLUMNS, (row("a", 0.5, 0.6),))) == ""
    assert digits_note(Table(COLUMNS, (row("a", 0.2243, 0.2047),))).startswith("A row has more digits where")


def test_a_significant_difference_is_not_shown_as_0() -> None:
    loss = row("brier", 0.0001, 0.0003, "worse", headline=False)
    table = Table(COLUMNS, (row("accuracy", 0.5, 0.6), loss))
    assert "significantly worse (Holm): Bench brier +0.02 points." in conclusion(table).worse
    assert row("brier", 0.5001, 0.5003).shown_unit == Unit("share", 1)


def test_a_share_that_is_not_0_or_1_is_not_shown_as_0_or_100() -> None:
    for share, shown in ((2999 / 3000, "99.97"), (1 / 3000, "0.03")):
        assert number(share, row("accuracy", 1.0, share).shown_unit) == shown
    for whole in (0.0, 1.0, 0.9996):
        assert row("accuracy", 0.5, whole).shown_unit.digits == (2 if whole == 0.9996 else 1)
    assert row("accuracy", 0.5, 1 - 1e-9).shown_unit == Unit("share", 1)


def test_a_report_is_titled_by_its_studies_and_not_by_their_arms(make) -> None:
    arms = [replace(make.record(name), config_yaml="name: mini\n") for name in ("bdhs", "rlaif")]
    assert compare(arms).title == "mini"
    assert compare(arms, labels=["first: bdhs", "first: rlaif"]).title == "first"
    assert compare([arms[0], replace(make.record("ipo"), config_yaml="name: old\n")]).title == "mini and old"


def test_the_subtitle_says_model_data_items_seeds_and_day(make) -> None:
    record = replace(make.record(), begun="2026-11-25T18:00:00+00:00", config_yaml="data: miniworld\nseed: 0\n")
    made = compare([record])
    line = " ".join(made.subtitle)
    assert line.startswith("tiny-llava miniature world ") and "items" in line and line.endswith("one training seed")
    assert made.dates == ("2026-11-25",)
    seeds = compare([replace(make.record("bdhs", seed=n), config_yaml=f"data: /d/coco\nseed: {n}\n") for n in (1, 2, 3)])
    assert "data coco" in seeds.subtitle and seeds.subtitle[-1] == "3 training seeds"


def test_the_settings_of_a_run_are_read_as_yaml(record):
    """Comments, flow style and texts that only look like a key are no settings."""
    text = "# seed: 9\nname: 'data: elsewhere'\nseed: 3 # first\ndata: \"a: b\"\narms: [{name: x}]\nnote: |\n  arms:\n"
    found = settings_of(replace(record, config_yaml=text))
    assert (found["seed"], found["data"], found["arms"]) == (3, "a: b", [{"name": "x"}])
    assert settings_of(replace(record, config_yaml="[")) == settings_of(replace(record, config_yaml="- a")) == {}


def measured_again(*facts: tuple[str, str]) -> tuple[str, str]:
    """Headline and the sentence on the checkpoint, of one checkpoint under two protocols."""
    again = replace(COLUMNS[1], digest=COLUMNS[0].digest, label="again")
    unlike = [ProtocolDifference(benchmark, "again", fact, "x", "y") for benchmark, fact in facts]
    found = conclusion(Table((COLUMNS[0], again), (row("bad", 0.1, 0.2, "worse", role="hallucination"),)), unlike)
    assert found.same in found.sentences
    return found.headline, found.same


def test_a_checkpoint_under_two_judges_is_said_to_be_one_and_its_differences_the_judges() -> None:
    headline, same = measured_again(
        ("mmhal_bench", "judge"), ("mmhal_bench", JUDGE_CHECK), ("object_halbench", "extractor"), ("mmvet", "judge")
    )
    assert same == (
        "again is the same checkpoint as base, measured otherwise (judge on MMHal-Bench, Object HalBench and MM-Vet): their "
        "differences come from the judge, not from the model."
    )
    assert headline.startswith("More hallucination with again than with base, measured of the same checkpoint: Bench bad")


def test_a_checkpoint_under_two_protocols_is_said_to_be_one() -> None:
    _, same = measured_again(("mmhal_bench", "judge"), ("pope", "token limit"))
    assert "(judge on MMHal-Bench and token limit on POPE): their differences come from how it was measured" in same
    assert measured_again()[1] == "" and conclusion(Table(COLUMNS, (row("accuracy", 0.5, 0.6),))).same == ""
