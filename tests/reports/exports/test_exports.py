"""Exports hold what the run holds, in the other tool's format: checked with its published schema, or its own reader."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from harness.core.evaluation import Formula, Score, ratio
from harness.core.run_record import RunRecord
from reports.exports import eee, inspect

SCHEMAS = Path(__file__).parent / "data"


def validator(name: str) -> Draft7Validator:
    """The schema that the package every-eval-ever 0.3.0 validates with (MIT)."""
    return Draft7Validator(json.loads((SCHEMAS / name).read_text()))


@pytest.fixture
def wholes(record: RunRecord, tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in eee.export([record], tmp_path) if path.suffix == ".json"]


@pytest.fixture
def lines(record: RunRecord, tmp_path: Path) -> list[dict[str, Any]]:
    paths = [path for path in eee.export([record], tmp_path) if path.suffix == ".jsonl"]
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_every_file_is_valid_by_the_published_schema(wholes: list[dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    aggregate, instance = validator("eval.schema.json"), validator("instance_level_eval.schema.json")
    assert len(wholes) == 4 and len(lines) == 2 * (60 * 18 + 60)
    assert not [error.message for whole in wholes for error in aggregate.iter_errors(whole)]
    assert not [error.message for line in lines for error in instance.iter_errors(line)]


def test_metrics_and_intervals_are_the_runs_own(record: RunRecord, wholes: list[dict[str, Any]]) -> None:
    from harness.core.stats import metrics

    result = record.sweeps[0].results[1]
    known = {m.key: m for m in metrics(result.items, result.scores, result.formulas)}
    (chair,) = [w for w in wholes if w["evaluation_id"].startswith("chair/") and "aligned" not in w["evaluation_id"]]
    for found in chair["evaluation_results"]:
        metric = known[found["evaluation_name"].removeprefix("chair.")]
        interval = found["score_details"]["uncertainty"]["confidence_interval"]
        assert (found["score_details"]["score"], interval["lower"], interval["upper"]) == (
            metric.value,
            metric.low,
            metric.high,
        )


def test_every_item_points_to_a_metric_of_its_file(wholes: list[dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    known = {(w["evaluation_id"], r["evaluation_result_id"]) for w in wholes for r in w["evaluation_results"]}
    assert {(line["evaluation_id"], line["evaluation_result_id"]) for line in lines} <= known


@pytest.mark.parametrize(
    "formula",
    [
        ratio("hallucinated", ["points"], ["judged"], better="lower", headline=True),
        ratio("score", ["points"], ["judged"], unit="points", headline=True),
        ratio("partial_credit", ["points"], ["judged"], headline=True),
    ],
    ids=lambda formula: formula.name,
)
def test_the_mean_of_the_item_scores_is_the_metric_they_are_filed_under(
    formula: Formula, record: RunRecord, tmp_path: Path
) -> None:
    scores = [Score("", {"points": points, "judged": 1}, correct=points < 0.5) for points in (0.0, 0.25, 0.25, 1.0)]
    whole, rows = exported(rescored(record, formula, scores), tmp_path)
    (result,) = whole["evaluation_results"]
    assert [row["evaluation"]["score"] for row in rows] == [0.0, 0.25, 0.25, 1.0]
    assert result["score_details"]["score"] == 0.375 and {row["evaluation_result_id"] for row in rows} == {
        result["evaluation_result_id"]
    }
    assert [row["evaluation"]["is_correct"] for row in rows] == [True, True, True, False]


def no_single_value(better: str, unit: str) -> Formula:
    """A metric that needs items of two kinds, as a mean over splits does."""
    two = ratio("balanced", ["points"], ["both"], better=better, unit=unit, headline=True)
    return replace(two, compute=lambda sums: two.compute({**sums, "both": sums["even"] * sums["odd"]}))


@pytest.mark.parametrize(
    ("better", "unit", "found"), [("higher", "share", [1, 0]), ("lower", "share", []), ("higher", "points", [])]
)
def test_right_or_wrong_is_a_score_only_on_the_scale_of_the_metric(
    better: str, unit: str, found: list[float], record: RunRecord, tmp_path: Path
) -> None:
    scores = [Score("", {"points": 1, "even": 1}, correct=True), Score("", {"points": 0, "odd": 1}, correct=False)]
    whole, rows = exported(rescored(record, no_single_value(better, unit), scores), tmp_path)
    assert [row["evaluation"]["score"] for row in rows] == found
    details = whole["detailed_evaluation_results"]["additional_details"]
    assert details["items_left_out"] == str(2 - len(found))
    why = None if found else "2 for which balanced has no value of the item alone"
    assert details.get("items_left_out_because") == why


TOTAL = Formula(
    "total", lambda s: 100 * sum(s[f"{t}/right"] / s[f"{t}/n"] for t in "ab"), unit="points", headline=True
)  # as of MME
PAIRS = ratio("pair_accuracy", ["joint/all"], ["joint/n"], headline=True)  # as of MMVP


@pytest.mark.parametrize("headline", [TOTAL, PAIRS], ids=lambda formula: formula.name)
def test_items_of_a_metric_over_several_items_are_filed_under_the_accuracy_of_their_slice(
    headline: Formula, record: RunRecord, tmp_path: Path
) -> None:
    own = [("a", True), ("a", False), ("b", True), ("b", True)]
    scores = [Score("", {f"{t}/n": 1, f"{t}/right": float(right)}, correct=right) for t, right in own]
    scores[1] = replace(scores[1], values={**scores[1].values, "joint/n": 1.0})
    scores[3] = replace(scores[3], values={**scores[3].values, "joint/n": 1.0, "joint/all": 1.0})
    slices = [
        ratio(name, [f"{t}/right"], [f"{t}/{of}"], group=t)
        for t in "ab"
        for name, of in (("accuracy", "n"), ("precision", "right"))
    ]
    made = rescored(record, headline, scores)
    result = replace(made.sweeps[0].results[0], formulas=(headline, *slices))
    whole, rows = exported(replace(made, sweeps=(replace(made.sweeps[0], results=(result,)),)), tmp_path)
    assert [row["evaluation"]["score"] for row in rows] == [1, 0, 1, 1]
    assert [row["evaluation_name"] for row in rows] == [f"chair.accuracy[{t}]" for t in "aabb"]
    assert not list(validator("eval.schema.json").iter_errors(whole))
    known = {r["evaluation_result_id"]: r["score_details"]["score"] for r in whole["evaluation_results"]}
    assert [known[row["evaluation_result_id"]] for row in rows] == [0.5, 0.5, 1, 1]


def test_an_item_of_several_slices_has_a_line_under_each_so_that_their_mean_is_the_metric(
    record: RunRecord, tmp_path: Path
) -> None:
    own = [("ab", True), ("ab", False), ("b", True), ("ab", True), ("a", False), ("c", True)]
    scores = [
        Score("", {f"{t}/{w}": float(right or w == "n") for t in ts for w in ("n", "right")}, correct=right)
        for ts, right in own
    ]
    slices = [ratio("accuracy", [f"{t}/right"], [f"{t}/n"], group=t) for t in "abc"]
    made = rescored(record, TOTAL, scores)
    result = replace(made.sweeps[0].results[0], formulas=(TOTAL, *slices))
    whole, rows = exported(replace(made, sweeps=(replace(made.sweeps[0], results=(result,)),)), tmp_path)
    values = {r["evaluation_result_id"]: r["score_details"]["score"] for r in whole["evaluation_results"]}
    filed: dict[str, list[float]] = {}
    for row in rows:
        filed.setdefault(row["evaluation_result_id"], []).append(row["evaluation"]["score"])
    assert [values[id] for id in filed] == [sum(own) / len(own) for own in filed.values()] == [0.5, 0.75, 1.0]
    details = whole["detailed_evaluation_results"]
    assert details["total_rows"] == len(rows) == 9 and details["additional_details"]["items_left_out"] == "0"
    assert "one line for each" in details["additional_details"]["lines_per_item"]


def test_items_are_not_filed_under_a_metric_without_a_value(record: RunRecord, tmp_path: Path) -> None:
    unknown = ratio("share", ["points"], ["nothing"], headline=True)
    whole, rows = exported(rescored(record, unknown, [Score("", {"points": 1.0}, correct=True)]), tmp_path)
    assert whole["evaluation_results"] == [] and rows == []


def rescored(record: RunRecord, formula: Formula, scores: list[Score]) -> RunRecord:
    """The captions of the record's base with these scores and this metric alone."""
    base, n = record.sweeps[0], len(scores)
    old = base.results[1]
    new = tuple(replace(score, item_id=item.id) for item, score in zip(old.items, scores, strict=False))
    result = replace(old, items=old.items[:n], answers=old.answers[:n], scores=new, formulas=(formula,))
    return replace(record, sweeps=(replace(base, results=(result,)),))


def exported(record: RunRecord, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    whole, lines = eee.export([record], folder)
    return json.loads(whole.read_text()), [json.loads(line) for line in lines.read_text().splitlines()]


def test_items_without_an_answer_are_left_out_and_counted(record: RunRecord, tmp_path: Path) -> None:
    base = record.sweeps[0]
    pope = base.results[0]
    lost = replace(pope, answers=pope.answers[2:], scores=pope.scores[2:], missing={"x": "gave up", "y": "gave up"})
    only = replace(record, sweeps=(replace(base, results=(lost,)),))
    whole = json.loads(eee.export([only], tmp_path)[0].read_text())["detailed_evaluation_results"]
    assert whole["total_rows"] == 1078 and whole["additional_details"] == {
        "items": "1080", "items_left_out": "2", "items_left_out_because": "2 without an answer",
    }  # fmt: skip


def test_a_hostile_name_stays_inside_the_folder(record: RunRecord, tmp_path: Path) -> None:
    base = record.sweeps[0]
    hostile = replace(base.results[0], benchmark="../../etc/\x00passwd")
    made = eee.export([replace(record, sweeps=(replace(base, results=(hostile,)),))], tmp_path / "out")
    made += inspect.export([replace(record, sweeps=(replace(base, results=(hostile,)),))], tmp_path / "out")
    assert all(path.resolve().is_relative_to(tmp_path / "out") for path in made)


def test_the_same_run_gives_the_same_files(record: RunRecord, tmp_path: Path) -> None:
    one, two = (eee.export([record], tmp_path / name) for name in "ab")
    assert [p.relative_to(tmp_path / "a") for p in one] == [p.relative_to(tmp_path / "b") for p in two]
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


# ---------------------------------------------------------------- inspect


def test_a_log_holds_question_image_answer_and_score(record: RunRecord, images: Path, tmp_path: Path) -> None:
    log = json.loads(inspect.export([record], tmp_path)[0].read_text())
    sample, item, answer = log["samples"][0], record.sweeps[0].results[0].items[0], record.sweeps[0].results[0].answers[0]
    shown, asked = sample["input"][0]["content"]
    assert asked["text"] == item.question and sample["output"]["choices"][0]["message"]["content"] == answer.text
    assert base64.b64decode(shown["image"].split(",")[1]) == (images / item.image).read_bytes()
    assert sample["scores"]["mm_align_harness"]["value"] in ("C", "I")
    assert log["results"]["total_samples"] == len(log["samples"]) == 1080


def test_an_image_outside_the_data_folder_is_not_read(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    base = record.sweeps[0]
    stolen = tuple(replace(item, image="../secret.png") for item in base.results[1].items)
    there = replace(
        record, data_folder=tmp_path / "data", sweeps=(replace(base, results=(replace(base.results[1], items=stolen),)),)
    )
    log = json.loads(inspect.export([there], tmp_path / "logs")[0].read_text())
    assert [part["type"] for part in log["samples"][0]["input"][0]["content"]] == ["text"]


def test_a_log_of_an_unfinished_benchmark_says_so(record: RunRecord, tmp_path: Path) -> None:
    base = record.sweeps[0]
    lost = replace(base.results[1], missing={"x": "the server gave up"})
    log = json.loads(inspect.export([replace(record, sweeps=(replace(base, results=(lost,)),))], tmp_path)[0].read_text())
    assert log["status"] == "error" and "1 of 60 items have no answer" in log["error"]["message"]


def test_answers_without_a_verdict_leave_a_log_unfinished(record: RunRecord, tmp_path: Path) -> None:
    base = record.sweeps[0]
    old = base.results[1]
    scores = tuple(replace(score, values={}, flag="unjudged", why="429 from the server") for score in old.scores[:20])
    lost = replace(old, scores=(*scores, *old.scores[20:]))
    log = json.loads(inspect.export([replace(record, sweeps=(replace(base, results=(lost,)),))], tmp_path)[0].read_text())
    assert log["status"] == "error"
    assert log["error"]["message"] == "20 of 60 items have no verdict; the first: 429 from the server"
    assert (log["results"]["completed_samples"], log["results"]["total_samples"]) == (40, 60)


def test_inspects_own_reader_opens_the_log(record: RunRecord, tmp_path: Path) -> None:
    reader = pytest.importorskip("inspect_ai.log", reason="run by .ci/try_exports, in an environment of its own")
    for path in inspect.export([record], tmp_path):
        log = reader.read_eval_log(str(path))
        assert len(log.samples) == log.results.total_samples and log.results.scores[0].metrics
