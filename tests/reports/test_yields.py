"""A source's yield report, whatever its keys."""

from dataclasses import replace

import pytest

from reports.comparison.compare import compare
from reports.page.pair_yields import fact, pairs_view, provenance
from reports.page.training import yield_lines


def view_of(record, report):
    return pairs_view(compare([replace(record, pairs_report=report)]).runs[0])


@pytest.mark.parametrize(
    "report",
    [
        {"tries": [[1, 588], [2, 283]]},
        {"tries": {"1": 588, "2": 283}},
        {"similarity": {"mean": 0.7, "histogram": [3, 2, 4, 20]}},
        {"similarity_histogram": [[0.5, 3], [0.6, 4]]},
    ],
)
def test_counts_by_bin_are_drawn(record, report):
    assert len(view_of(record, report).histograms) == 1


def test_nothing_counted_is_not_drawn(record):
    assert view_of(record, {"similarity": {"mean": None, "histogram": [0, 0, 0]}}).histograms == []


def test_a_mean_beside_a_histogram_is_a_fact(record):
    assert view_of(record, {"similarity": {"mean": 0.7, "histogram": [3, 2]}}).facts == [("Similarity: mean", "0.7")]


def test_both_sides_stand_side_by_side(record):
    report = {"sides": {"mentions": {"chosen": 4.5, "rejected": 4.1, "share_equal": 0.6}}}
    assert view_of(record, report).sides == [("Mentions", "4.5", "4.1", "share equal 0.6")]


def test_what_one_wants_to_know_first_comes_first(record):
    assert [key for key, _ in view_of(record, {"accepted": 9, "Aaa": 1, "asked": 10}).facts] == ["Asked", "Accepted", "Aaa"]


def test_options_are_kept_apart_and_example_ids_left_out(record):
    view = view_of(record, {"options": {"rho_th": 0.99, "matched": {"length": 0.2}}, "examples": ["a", "b"]})
    assert view.options == [("\u03c1 threshold", "0.99"), ("Matched: length", "0.2")]
    assert view.facts == []


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (None, "\u2013"), ([1, 2], "1, 2"), (1200, "1,200"), (0.12345, "0.1235")]
)
def test_any_value_has_words(value, text):
    assert fact(value) == text


def test_what_is_not_the_case_is_not_said():
    assert provenance({"tries": 2, "free": False, "unfinished": True}) == "tries 2, unfinished"


def test_the_yield_in_a_line_counts_what_the_sources_inside_a_source_left_out(record):
    report = {"asked": 9, "accepted": 6, "dropped": {"tie": 3}, "second": {"dropped": {"missing image": 1}, "asked": 5}}
    runs = compare([replace(record, pairs_report=report)]).runs
    assert yield_lines(runs) == [f"{runs[0].name}: 6 of 9 accepted; left out: tie 3; left out (second): missing image 1"]


def test_a_yield_that_was_lost_with_the_store_says_so(record):
    runs = compare([replace(record, pairs_report={"accepted": 6, "rebuilt": "from pairs.jsonl"})]).runs
    assert yield_lines(runs) == [f"{runs[0].name}: from pairs.jsonl"]
