"""Numbers and names as people read them."""

import pytest

from reports.page.svg import tick_text, ticks
from reports.text.formatting import between, change, listing, name, number, probability, shortened, title_of


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "share", "12.3"),
        (3.456, "points", "3.46"),
        (41.25, "words", "41.2"),
        (7.0, "count", "7"),
        (-0.02, "share", "\u22122.0"),
        (-0.0001, "share", "0.0"),
        (None, "share", "\u2013"),
    ],
)
def test_a_number_has_the_digits_of_its_unit(value, unit, text):
    assert number(value, unit) == text


def test_a_change_says_points_not_per_cent():
    assert change(0.021, "share") == "+2.1 points"


def test_no_interval_is_no_text():
    assert between(None, 0.3, "share") == ""


@pytest.mark.parametrize(("p", "text"), [(None, "\u2013"), (0.0004, "< 0.001"), (0.0342, "0.034")])
def test_a_p_is_never_zero(p, text):
    assert probability(p) == text


@pytest.mark.parametrize(
    ("word", "text"),
    [("yes_rate", "Yes rate"), ("f1", "F1"), ("", "")],
)
def test_names_are_spelled_as_papers_do(word, text):
    assert name(word) == text


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("mmhal_bench_v", "MMHal-Bench-V"),
        ("pope-adversarial", "POPE adversarial"),
        ("RePOPE", "RePOPE"),
        ("gone_benchmark", "Gone benchmark"),
        ("", ""),
    ],
)
def test_a_benchmark_goes_by_the_title_that_it_gives_itself(label, text):
    assert title_of(label) == text


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b and c"), (["a", "b", "c", "d"], "a, b and 2 more")]
)
def test_long_lists_end_in_a_count(words, text):
    assert listing(words, 2 if len(words) == 4 else 9) == text


def test_control_and_direction_marks_are_made_visible_and_joiners_kept():
    assert shortened("a\u202eb\x00c\x7f\u200d\tü\n") == "a\u27e8U+202E\u27e9b\u2400c\u2421\u200d\tü\n"


@pytest.mark.parametrize("more", [1, 24, 25])
def test_a_text_is_not_cut_where_the_note_would_be_as_long_as_the_rest(more):
    text = "temperature" * 6 + "x" * more
    assert (shortened(text, 66) == text) == (more <= len(f" \u2026 ({more} more characters)"))
    assert len(shortened(text, 66)) <= len(text)


def test_a_cut_is_said():
    assert shortened("x" * 2000, 10) == "xxxxxxxxxx \u2026 (1,990 more characters)"


def test_ticks_are_round_and_inside():
    assert ticks(0.13, 0.87) == [0.2, 0.4, 0.6, 0.8]
    assert ticks(5, 5) == [5]
    assert tick_text(3e-05) == "3e\u22125"
    assert tick_text(-1200) == "\u22121,200"


def test_the_last_word_of_a_list_is_named_where_it_alone_would_be_left_out():
    assert (listing(["a", "b", "c"], 2), listing(["a", "b", "c", "d"], 2)) == ("a, b and c", "a, b and 2 more")
