"""A number reads the same in the terminal, report.md, the HTML report, a gate's table and the pages of `view`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.config.gate_policy import parse_policy
from harness.core.run_record import RunRecord
from reports.comparison.compare import compare, gated
from reports.gate import words
from reports.gate.junit import junit
from reports.text.formatting import row_name
from reports.text.plain_table import text_table
from reports.values.gate import CheckpointGate, Gate, RuleResult
from reports.web.browse.summary import headline_rows, marks
from reports.writers import html, markdown
from reports.writers import json as json_writer
from tests.reports.comparison.test_unjudged_pairs import BASE, BETTER, result, without_low

POLICY = parse_policy(
    {
        "name": "p",
        "rules": [
            {"metric": "mmhal_bench.score", "role": "improve"},
            {"metric": "mmhal_bench.judged", "role": "watch"},
            {"metric": "mmhal_bench.hallucination_rate", "role": "watch"},
        ],
    }
)


@pytest.fixture
def judged(make: Any) -> RunRecord:
    """A judge that leaves the low ratings of the aligned checkpoint without a verdict: 24 of 40 are judged."""
    record: RunRecord = make.record()
    base, aligned = record.sweeps
    new = result(*without_low(BETTER))
    other = replace(new, protocol=replace(new.protocol, facts={**new.protocol.facts, "max_new_tokens": "512"}))
    return replace(record, sweeps=(replace(base, results=(result(*BASE),)), replace(aligned, results=(other,))))


def by_metric(gate: Gate) -> dict[str, tuple[str, ...]]:
    return {row[0]: row for row in words.rows(gate.checkpoints[0])}


def test_a_gate_shows_each_checkpoint_as_the_report_does(judged: RunRecord) -> None:
    comparison = compare([judged], policy=POLICY)
    assert comparison.gate is not None
    _, rows = text_table(comparison)
    told = {row[0]: row for row in rows}
    for gate in (comparison.gate, gated([judged], POLICY), gated([judged], POLICY, only=["aligned"])):
        shown = by_metric(gate)
        name = "MMHal-Bench score"
        assert shown[name][2:4] == ("2.00", "4.00 (24 of 40 judged) \u2260")
        assert told[name][1].startswith("2.00 [") and told[name][2].startswith("4.00 [")
        assert told[name][2].endswith("(24 of 40 judged)") and told[name][3].startswith("+1.00")
        assert shown[name][4] == "+1.00"
        assert "24 items, 16 left out" in " ".join(words.notes(gate.checkpoints[0]))
        assert words.notes(gate.checkpoints[0])[-1] == "\u2260: measured under another protocol than the base."


def test_a_gate_and_the_report_have_one_difference_where_answers_without_a_verdict_count(judged: RunRecord) -> None:
    comparison = compare([judged], policy=POLICY)
    assert comparison.gate is not None
    (row,) = [row for row in comparison.rows if row.metric == "judged"]
    (rule,) = [rule for rule in comparison.gate.checkpoints[0].rules if rule.metric == "judged"]
    cell = row.cells[1]
    assert cell is not None and cell.difference is not None
    assert rule.value == pytest.approx(cell.difference.value) and rule.items == cell.n_paired == 40


def test_all_show_two_digits_where_the_report_does(make: Any) -> None:
    """22.43 and 20.48 are 22.4 and 20.5, and their difference of -1.95 would be -2.0: it takes a second digit."""
    record = two_digits(make.record())
    policy = parse_policy({"name": "p", "rules": [{"metric": "pope.accuracy", "role": "improve"}]})
    comparison = compare([record], policy=policy)
    assert comparison.gate is not None
    _, rows = text_table(comparison)
    (table,) = [row for row in rows if row[0] == "POPE accuracy"]
    base, checkpoint, difference = (text.split(" [")[0] for text in table[1:4])
    assert [len(text.split(".")[1]) for text in (base, checkpoint, difference)] == [2, 2, 2]
    for gate in (comparison.gate, gated([record], policy)):
        shown = by_metric(gate)["POPE accuracy"]
        assert (*shown[2:4], shown[4].split(" [")[0]) == (base, checkpoint, difference)
        assert f"POPE accuracy: {difference} [" in junit(gate)
    summary = json.loads(json_writer.write(comparison))
    (cells,) = [cells for name, cells in headline_rows(summary, ["base", "aligned"]) if name == "POPE accuracy"]
    assert [cell.value for cell in cells] == [base, checkpoint]
    assert [f"{cell.value} {cell.interval}" for cell in cells] == list(table[1:3])
    for text in (markdown.write(comparison), html.write(comparison)):
        assert text.count(base) >= 2 and text.count(checkpoint) >= 2


def test_every_metric_has_one_name_in_a_gate_and_in_the_report(make: Any) -> None:
    record = make.record()
    more = [
        replace(sweep, results=(*sweep.results, *(replace(sweep.results[0], benchmark=label) for label in ("a", "b"))))
        for sweep in record.sweeps
    ]
    several = replace(record, sweeps=tuple(more))
    rows = compare([several]).rows
    rules = [{"metric": f"{row.benchmark}.{row.key}", "role": "improve" if row == rows[0] else "watch"} for row in rows]
    (checkpoint,) = gated([several], parse_policy({"name": "p", "rules": rules})).checkpoints
    told = {rule.key: shown[0] for rule, shown in zip(checkpoint.rules, words.rows(checkpoint), strict=True)}
    assert told == {f"{row.benchmark}.{row.key}": row_name(row) for row in rows}
    assert len(set(told.values())) == len(told) and told["a.accuracy"] == "A accuracy"


def test_a_gate_keeps_the_spelling_of_a_title() -> None:
    rule = RuleResult("pope", "brier", "", "Brier score", "share", "lower", "guard", "must not rise", "pass")
    assert words.rows(CheckpointGate("dpo", "pass", "", (rule,)))[0][0] == "POPE Brier score"


def two_digits(record: RunRecord) -> RunRecord:
    """The record with as many of the aligned checkpoint's right answers made wrong as it takes."""
    base, aligned = record.sweeps
    scores = list(aligned.results[0].scores)
    for i, score in enumerate(scores):
        made = replace(aligned, results=(replace(aligned.results[0], scores=tuple(scores)), *aligned.results[1:]))
        found = replace(record, sweeps=(base, made))
        (row,) = [row for row in compare([found]).rows if (row.metric, row.group) == ("accuracy", "")]
        if row.shown_unit.digits == 2:
            return found
        scores[i] = replace(score, values={name.replace("t", "f", 1): 1.0 for name in score.values})
    raise AssertionError("all add up in one digit")


def test_the_pages_of_view_mark_answers_without_a_verdict_and_other_protocols(judged: RunRecord) -> None:
    summary = json.loads(json_writer.write(compare([judged])))
    cells = dict(headline_rows(summary, ["base", "aligned"]))["MMHal-Bench score"]
    assert [cell.value for cell in cells] == ["2.00", "4.00 (24 of 40 judged)"]
    assert marks(summary, ["base", "aligned", "later"]) == ["", "\u2260", ""]


def test_rows_read_from_a_reports_file_have_its_digits(judged: RunRecord, make: Any) -> None:
    for record in (judged, make.record(), make.record(aligned=make.Habits(0.33, 0.72, 0.29, 18), seed=1)):
        comparison = compare([record])
        summary = json.loads(json_writer.write(comparison))
        shown = dict(headline_rows(summary, ["base", "aligned"]))
        _, rows = text_table(comparison)
        for row in rows:
            cell = shown[row[0]][1]
            parts = (cell.value.split(" (")[0], cell.interval, *[f"({part}" for part in cell.value.split(" (")[1:]])
            assert " ".join(part for part in parts if part) == row[2]


def test_a_gate_in_a_reports_file_holds_no_second_copy_of_the_table(judged: RunRecord) -> None:
    gate = json.loads(json_writer.write(compare([judged], policy=POLICY)))["gate"]
    rule = gate["checkpoints"][0]["rules"][0]
    assert "shown" not in rule and (rule["items"], rule["left_out"], rule["differs"]) == (24, 16, True)
