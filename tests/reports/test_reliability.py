"""Calibration in a report: bins by p(yes) against the share of true yes, seeds together, one image a checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.core import registry
from harness.core.evaluation import Score, ratio
from harness.core.run_record import BenchmarkResult, RunRecord
from reports.comparison.compare import compare
from reports.page.reliability import reliability_views
from reports.values.comparison import Comparison

ECE = ratio("ece", ["far"], ["far_n"], better="lower")  # stands for the benchmark's own formula


def told(result: BenchmarkResult, p: float) -> BenchmarkResult:
    """The same result of a model that holds each yes for likely with p, each no with 1 - p."""
    if result.benchmark != "pope":
        return result

    def sure(score: Score) -> Score:
        there = "tp" in score.values or "fn" in score.values
        own = p if score.reading == "yes" else 1 - p
        place = f"p{int(own * 10)}"
        bins = {f"{place}/n": 1.0, f"{place}/p": own, f"{place}/yes": float(there), "log_odds": 1.0}
        return replace(score, values={**score.values, **bins, "far": 0.25, "far_n": 1.0})

    return replace(result, scores=tuple(map(sure, result.scores)), formulas=(*result.formulas, ECE))


@pytest.fixture
def sure(record: RunRecord) -> RunRecord:
    sweeps = (replace(s, results=tuple(told(r, 0.875) for r in s.results)) for s in record.sweeps)
    return replace(record, sweeps=tuple(sweeps))


def test_bins_hold_their_questions_their_mean_p_and_the_share_that_is_true(sure: RunRecord) -> None:
    base, aligned = compare([sure]).reliability
    result = sure.sweeps[0].results[0]
    said_yes = [score for score in result.scores if score.reading == "yes"]
    low, high = base.bins
    assert (base.benchmark, base.column, aligned.column) == ("pope", "base", "aligned")
    assert (low.mean_p, high.mean_p) == (pytest.approx(0.125), pytest.approx(0.875))
    assert (low.n, high.n) == (len(result.scores) - len(said_yes), len(said_yes))
    assert high.yes == pytest.approx(sum("tp" in score.values for score in said_yes) / len(said_yes))
    assert high.low < high.yes < high.high


def test_a_checkpoint_without_log_odds_has_no_image_and_the_others_do(
    sure: RunRecord, record: RunRecord, compared: Comparison
) -> None:
    half = replace(sure, sweeps=(sure.sweeps[0], record.sweeps[1]))
    assert [r.column for r in compare([half]).reliability] == ["base"]
    assert compared.reliability == ()


def test_seeds_of_a_method_are_one_image_and_its_counts_their_mean(make) -> None:
    records = [make.record(seed=seed) for seed in (1, 2, 3)]
    sweeps = [tuple(replace(s, results=tuple(told(r, 0.875) for r in s.results)) for s in r.sweeps) for r in records]
    comparison = compare([replace(r, sweeps=s) for r, s in zip(records, sweeps, strict=True)])
    method = comparison.reliability[1]
    assert len(comparison.reliability) == 2
    assert sum(b.n for b in method.bins) == pytest.approx(len(sweeps[0][1].results[0].scores))


def test_each_image_comes_with_its_error_in_words_and_no_interval_of_no_width(sure: RunRecord) -> None:
    ((benchmark, images),) = reliability_views(compare([sure]))
    assert benchmark == "POPE"
    assert [words for _, words in images] == ["ECE 25.0"] * 2  # every image has the same error: that shows no scatter
    assert "p 0.88, share" in images[0][0]


def test_the_page_and_the_json_hold_it(sure: RunRecord) -> None:
    comparison = compare([sure])
    assert 'id="reliability-1"' in registry.get("report", "html")(comparison)
    stored = json.loads(registry.get("report", "json")(comparison))["reliability"]
    assert [len(entry["bins"]) for entry in stored] == [2, 2]
