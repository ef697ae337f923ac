"""A report of several arms, recomputed by independent code: intervals that hold together, ranks, direct tests, cost, gates.

The study: small_study.py. In `three` one method has two seeds and one is a single checkpoint; in `pair` both are single.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest
from pytest import approx

from harness.config.gate_policy import parse_policy
from harness.results.run_records import records_of
from harness.storage.run_store import Store
from reports.comparison.compare import gated
from reports.gate.junit import junit
from tests.proofs.whole_report import recompute_arms as arms
from tests.proofs.whole_report import recompute_report as again
from tests.proofs.whole_report.printed import markdown_tables, numbers, page, shown, with_head
from tests.proofs.whole_report.recompute import Rule, holm, significant
from tests.proofs.whole_report.recompute_arms import Requirement
from tests.proofs.whole_report.recompute_report import Cell
from tests.proofs.whole_report.small_study import DPO, HOT, Written, written
from tests.proofs.whole_report.test_whole_report import HEADLINE, RULES, digits, same, same_cell

POLICY = {
    "name": "release",
    "rules": [
        {"metric": "chair.recall", "role": "guard", "margin": "5 points"},
        {"metric": "chair.chair_i", "role": "improve"},
        {"metric": "pope.accuracy", "role": "guard", "margin": "50 points"},
        {"metric": "mmhal_bench.score", "role": "guard", "margin": "10 % of base"},
        {"metric": "chair.length", "role": "watch"},
    ],
}
WANTED = {
    "chair.recall": Requirement("guard", margin=0.05),
    "chair.chair_i": Requirement("improve", sign=-1),
    "pope.accuracy": Requirement("guard", margin=0.50),
    "mmhal_bench.score": Requirement("guard", of_base=0.10),
}
BY_KEY = {f"{rule.benchmark}.{rule.metric}": rule for rule in RULES if not rule.group}


@pytest.fixture(scope="module")
def three(study: Path) -> Written:
    return written(study, (*DPO, HOT))


@pytest.fixture(scope="module")
def pair(study: Path) -> Written:
    return written(study, (DPO[0], HOT), parse_policy(POLICY))


@pytest.fixture(scope="module")
def cells(pair: Written) -> list[list[Cell]]:
    return again.full_table(pair.sweeps, RULES)


@pytest.fixture(scope="module")
def methods(three: Written) -> list[list[Cell]]:
    """base, dpo of two seeds, hot: of the last the cell of a single checkpoint, beside a method of seeds."""
    seeded, _ = again.method_table(three.sweeps, RULES, {"dpo": DPO})
    alone = again.full_table({"base": three.sweeps["base"], HOT: three.sweeps[HOT]}, RULES)
    return again.corrected([[*one, two[1]] for one, two in zip(seeded, alone, strict=True)], RULES)


def test_two_checkpoints_and_a_method_beside_a_checkpoint_in_json(
    pair: Written, cells: list[list[Cell]], three: Written, methods: list[list[Cell]]
) -> None:
    for rows, table in ((pair.json["rows"], cells), (three.json["short"]["rows"], methods)):
        for row, rule, own in zip(rows, RULES, table, strict=True):
            for theirs, ours in zip(row["cells"], own, strict=True):
                same_cell(theirs, ours, rule)


def test_intervals_that_hold_together(pair: Written, cells: list[list[Cell]]) -> None:
    """Both sides draw: a quantile of 20,000 draws has a standard error of 0.6 % here."""
    tested, lines = 0, csv.DictReader(io.StringIO(pair.texts["csv"]))
    for row, rule, own in zip(pair.json["rows"], RULES, cells, strict=True):
        ours = arms.joint_intervals(pair.sweeps, rule, own)
        for cell, joint, line in zip(row["cells"], ours, lines):
            assert (cell["joint"] is None) == (joint is None), rule
            if joint is not None and cell["joint"] is not None:
                half = (joint[1] - joint[0]) / 2
                assert cell["joint"] == approx(joint, abs=0.03 * half), rule
                assert [float(line["joint_low"]), float(line["joint_high"])] == approx(cell["joint"], rel=1e-8)
                tested += 1
    assert tested > 30


def test_all_together_is_printed_as_it_is_in_json(
    pair: Written, cells: list[list[Cell]], three: Written, methods: list[list[Cell]]
) -> None:
    for made, rows, table in ((pair, pair.json["rows"], cells), (three, three.json["short"]["rows"], methods)):
        names = ["dpo-seed0", "hot"] if made is pair else ["dpo (2 seeds)", "hot"]
        html = with_head(page(made.texts["html"]).tables, "metric", names[0])
        markdown = next(t[1:] for t in markdown_tables(made.texts["markdown"]) if t[0] == ["metric", *names] and "[" in t[1][1])
        expected = [(rows[i], i) for i in HEADLINE if any(c["joint"] for c in rows[i]["cells"])]
        for found in (html, markdown[-len(expected) :]):
            for line, (row, i) in zip(found, expected, strict=True):
                assert line[0] == RULES[i].names
                for text, cell, own in zip(line[1:], row["cells"][1:], table[i][1:], strict=True):
                    values = (own.shift.value, *(cell["joint"] or ()))
                    assert numbers(text) == [shown(v, row["unit"], digits(RULES[i], table[i]), True) for v in values], line


def test_ranks_with_intervals(pair: Written, cells: list[list[Cell]]) -> None:
    orders = {rule.names: again.order(pair.sweeps, rule) for rule in (RULES[i] for i in HEADLINE) if rule.better != "neither"}
    assert any(orders.values())  # the ruined arm is behind on something
    html = with_head(page(pair.texts["html"]).tables, "checkpoint", "POPE accuracy")
    markdown = with_head(markdown_tables(pair.texts["markdown"])[1:], "checkpoint", "POPE accuracy")
    columns = [arms.ranks(cells[0], order) for order in orders.values()]
    for found in (html, markdown):
        assert [line[0] for line in found] == list(pair.sweeps)
        assert [line[1:] for line in found] == [list(line) for line in zip(*columns, strict=True)]


@pytest.mark.parametrize(("name", "of"), [("three", "methods"), ("pair", "cells")])
def test_direct_tests_between_arms(name: str, of: str, request: pytest.FixtureRequest) -> None:
    made, table = request.getfixturevalue(name), request.getfixturevalue(of)
    (question,) = made.json["questions"]
    one = DPO if name == "three" else DPO[:1]
    assert question["keys"] == ["align.training.learning_rate"]
    assert [level["text"] for level in question["levels"]] == ["0.0003", "0.01"]
    assert [level["columns"] for level in question["levels"]] == [[1], [2]] and question["reference"] is None
    ours = [(RULES[i], arms.direct_test(made.sweeps, RULES[i], [(one, (HOT,))])) for i in HEADLINE]
    adjusted = holm([found[0].p for _, found in ours if found])
    html = with_head(page(made.texts["html"]).tables, "Difference [95 %], p (Holm)")
    markdown = next(t[1:] for t in markdown_tables(made.texts["markdown"]) if t[0][0] == "" and "\u2212" in t[0][1])
    for theirs, (rule, found), p, *lines in zip(question["tests"], ours, adjusted, html, markdown, strict=True):
        assert found is not None
        shift, n = found
        assert (theirs["benchmark"], theirs["key"], theirs["first"], theirs["second"]) == (rule.benchmark, rule.metric, 0, 1)
        assert (theirs["n_paired"], theirs["contexts"]) == (n, 1)
        for key in ("value", "low", "high", "error"):
            same(theirs["difference"][key], getattr(shift, key), (rule, key), 1e-5)
        same(theirs["difference"]["freedom"], shift.freedom, (rule, "freedom"), 1e-4)
        same(theirs["difference"]["p"], shift.p, (rule, "p"), 1e-3)
        same(theirs["p_holm"], p, (rule, "Holm"), 1e-3)
        assert theirs["significant"] == significant(shift, p, rule.better)
        n_digits = digits(rule, table[RULES.index(rule)])
        values = [shown(v, rule.unit, n_digits, True) for v in (shift.value, shift.low, shift.high) if v is not None]
        for line in lines:
            p_text = "0.001" if p is not None and p < 0.001 else f"{p:.3f}"
            assert line[0] == rule.names and numbers(line[1]) == [*values, p_text], line
        _claim(question["claims"], rule, theirs, values)
    assert {t["key"] for t in question["tests"] if t["significant"]} == ({"recall"} if name == "pair" else set())


def _claim(claims: list[str], rule: Rule, test: dict[str, Any], values: list[str]) -> None:
    """A sentence about the metric carries its difference and its interval."""
    about = [claim for claim in claims if claim.startswith(rule.names)]
    for claim in about[:1]:
        printed = numbers(claim.replace("learning_rate 0.01", "").replace("learning_rate 0.0003", ""))
        assert [text for text in printed if text in values][: len(values)] == values, claim
    if test["significant"]:
        nearest = min(abs(test["difference"][side]) for side in ("low", "high"))
        limit = shown(nearest, rule.unit, len(values[0].partition(".")[2]))
        assert about[0].endswith(f"every difference smaller than {limit}.")


def test_cost_against_effect(three: Written) -> None:
    base, *costs = three.json["timings"]["costs"]
    ours = [arms.spent(three.store, labels) for labels in (DPO, (HOT,))]
    for theirs, own in zip(costs, ours, strict=True):
        names = ("pairs", "tokens", "pair_seconds", "training_seconds", "sweep_seconds")
        assert [theirs[k] for k in names] == approx([own.pairs, own.tokens, own.making, own.training, own.sweep])
    assert base["pairs"] == base["pair_seconds"] == base["training_seconds"] == 0
    html, markdown = (
        with_head(tables, "", "pairs", "training tokens", "making pairs", "training", "sweep", "CHAIRi", "CHAIR recall")
        for tables in (page(three.texts["html"]).tables, markdown_tables(three.texts["markdown"]))
    )
    assert html == markdown
    for line, own in zip(html[1:], ours, strict=True):  # means over seeds: a digit where one is not whole
        expected = [f"{n:.1f}".removesuffix(".0") for n in (own.pairs, own.tokens)]
        assert [text.replace(",", "") for text in line[1:3]] == expected
        assert [_seconds(text) for text in line[3:6]] == approx([own.making, own.training, own.sweep], rel=0.1, abs=0.5)


def _seconds(text: str) -> float:
    value, unit = text.split()
    return float(value) * {"s": 1, "min": 60, "h": 3600}[unit]


def test_a_gate(pair: Written, cells: list[list[Cell]]) -> None:
    gate, html = pair.json["gate"], [t[1:] for t in page(pair.texts["html"]).tables if t[0][:2] == ["metric", "requirement"]]
    markdown = [t[1:] for t in markdown_tables(pair.texts["markdown"]) if t[0][:2] == ["metric", "requirement"]]
    level, found = 0.05 / (2 * len(WANTED)), {}
    for label in (DPO[0], HOT):
        for key, wanted in WANTED.items():
            sides = (pair.sweeps[name][BY_KEY[key].benchmark] for name in ("base", label))
            found[label, key] = arms.decided(BY_KEY[key], wanted, *sides, level)
    verdicts = arms.verdicts({str(k): (one.met, one.unmet) for k, one in found.items()}, 0.05)
    met, unmet = (holm([getattr(one, side) for one in found.values()]) for side in ("met", "unmet"))
    corrected = dict(zip(found, zip(met, unmet, strict=True), strict=True))
    for checkpoint, *tables in zip(gate["checkpoints"], html, markdown, strict=True):
        label, rules = checkpoint["column"], {f"{r['benchmark']}.{r['metric']}": r for r in checkpoint["rules"]}
        for place, key in enumerate(WANTED):
            theirs, ours = rules[key], found[label, key]
            assert (theirs["items"], theirs["images"]) == (ours.items, ours.images)
            for name in ("before", "after", "threshold"):
                same(theirs[name], getattr(ours, name), (label, key, name))
            same(theirs["p_pass"], corrected[label, key][0], (label, key, "met"), 2e-3)
            same(theirs["p_fail"], corrected[label, key][1], (label, key, "not met"), 2e-3)
            assert theirs["verdict"] == verdicts[str((label, key))]
            if theirs["verdict"] == "inconclusive":
                assert theirs["items_needed"] is None or theirs["items_needed"] == math.ceil(ours.needed or 0)
            for table in tables:
                _gate_line(table[place], theirs, digits(BY_KEY[key], cells[RULES.index(BY_KEY[key])]))
        own = [rules[key]["verdict"] for key in WANTED]
        assert checkpoint["verdict"] == ("fail" if "fail" in own else "inconclusive" if "inconclusive" in own else "pass")
    assert set(verdicts.values()) == {"fail", "inconclusive", "pass"}
    assert gate["verdict"] == "fail" and rules["chair.length"]["verdict"] == "watched"


def _gate_line(line: list[str], rule: dict[str, Any], n_digits: int) -> None:
    texts = [shown(rule[k], rule["unit"], n_digits) for k in ("before", "after")]
    moved = [shown(rule[k], rule["unit"], n_digits, True) for k in ("value", "low", "high") if rule[k] is not None]
    assert line[2:4] == texts and numbers(line[4]) == moved
    for text, p in zip(line[5:7], (rule["p_pass"], rule["p_fail"]), strict=True):
        # the file has four digits of it: 0.1735 there may be 0.174 here
        assert text == "< 0.001" if p < 0.001 else float(text) == pytest.approx(p, abs=5.5e-4)
    assert line[7].endswith(rule["verdict"])


def test_the_limits_of_a_gate_are_where_its_tests_reach_alpha(pair: Written) -> None:
    """One-sided, not corrected: a requirement at the limit itself would be met, or not met, with p = alpha."""
    for checkpoint in pair.json["gate"]["checkpoints"]:
        for rule in (r for r in checkpoint["rules"] if r["low"] is not None and r["metric"] in ("recall", "score")):
            sides = [pair.sweeps[name][rule["benchmark"]] for name in ("base", checkpoint["column"])]
            key = f"{rule['benchmark']}.{rule['metric']}"
            at_low = arms.decided(BY_KEY[key], Requirement("guard", margin=-rule["low"]), *sides, 0.05)
            assert at_low.met == approx(0.05, abs=1e-4)


def test_the_gate_command_and_junit_tell_the_same(pair: Written, study: Path) -> None:
    with Store(study / "store.sqlite") as store:
        records = [r for r in records_of(store, store.run("small").id) if r.name in (DPO[0], HOT)]
    found = gated(records, parse_policy(POLICY))
    theirs = [[rule.verdict for rule in checkpoint.rules] for checkpoint in found.checkpoints]
    assert theirs == [[rule["verdict"] for rule in c["rules"]] for c in pair.json["gate"]["checkpoints"]]
    text = junit(found)
    assert text.count("<failure") == sum(v == "fail" for own in theirs for v in own) + sum(
        c.verdict == "fail" for c in found.checkpoints
    )
