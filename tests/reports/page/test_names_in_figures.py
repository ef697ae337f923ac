"""Names of checkpoints that begin alike can be told apart in figures and tables; whiskers at one place too."""

import re
from dataclasses import replace

import pytest

from reports.comparison.compare import compare
from reports.page.figures import curves
from reports.page.tables import forest_figures
from reports.text.column_labels import short_name, short_names
from reports.text.moved import names_of
from reports.values.comparison import Curve
from reports.writers.html import write

LONG = "llava-onevision-qwen2-7b_bdhs-attn-rho0.99_dpo-beta0.1-lr5e-7-seed"


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert short_name("abcdefghij", 7) == "abc\u2026hij" and short_name("abcdefg", 7) == "abcdefg"


def test_names_that_differ_in_their_middle_lose_what_they_share() -> None:
    names = [f"{'a' * 20}-beta{beta}-{'z' * 20}" for beta in (0.1, 0.5)]
    assert len(set(short_names(names, 24))) == 2
    assert short_names(["base", *names], 24)[0] == "base"


@pytest.mark.parametrize(
    "names",
    [
        [
            f"{name}_dpo-lr5e-7-final"
            for name in ("llava-onevision-7b_beta0.1", "llava-onevision-7b_beta0.5", "qwen2-vl_beta0.1")
        ],
        [f"run-{'a' * 15}-{x}-{'b' * 12}-{y}-{'c' * 15}" for x in "12" for y in "12"],
        [f"{'a' * 30}{place}{'b' * 30}" for place in range(40)],
        [f"{'a' * 20}{x}{'b' * 20}{y}{'c' * 20}{z}{'d' * 20}" for x in "12" for y in "12" for z in "12"],
        ["x" * 24, "x" * 25, "x" * 26, "", "x" * 11 + "\u2026" + "x" * 12],
    ],
    ids=["beside another model", "at two places", "many", "at three places", "of repeated letters"],
)
def test_different_names_stay_different(names) -> None:
    short = short_names([*names, names[0]], 24)
    assert len(set(short)) == len(names) and max(map(len, short)) <= 24 and short[-1] == short[0]


def test_what_differs_is_shown_with_what_stands_beside_it() -> None:
    names = short_names([f"llava-onevision-7b_beta{beta}_dpo-lr5e-7-final-merged" for beta in (0.1, 0.5)], 24)
    assert all(f"_beta{beta}_dpo" in name for beta, name in zip((0.1, 0.5), names, strict=True))


def test_names_that_differ_in_their_middle_are_different_on_the_whole_page(make) -> None:
    names = [f"{'a' * 50}-beta{n}-{'z' * 50}" for n in range(2)]
    page = write(compare([replace(make.record(name, seed=n), config_yaml=f"beta: {n}") for n, name in enumerate(names)]))
    byline = re.findall(r"<b>([^<]+)</b> <span", page.partition('class="byline"')[2].partition("</p>")[0])
    table = page.partition('aria-label="CHAIR by object"')[2].partition("</thead>")[0]
    for found in (byline, re.findall(r'<th scope="col">([^<]+)</th>', table)):
        assert sum("beta0" in name for name in found) == sum("beta1" in name for name in found) == 1, found


def test_every_checkpoint_has_a_name_of_its_own_in_a_figure(make) -> None:
    records = [replace(make.record(f"{LONG}{n}", seed=n), config_yaml=f"beta: {n}") for n in range(4)]
    figure = forest_figures(compare(records).short)[0]
    names = re.findall(r'class="who[^"]*">([^<]+)<', figure)
    assert len(names) == len(set(names)) == 4


def test_every_checkpoint_has_a_name_of_its_own_above_a_table_of_many(make) -> None:
    records = [replace(make.record(f"{LONG}{n}", seed=n), config_yaml=f"beta: {n}") for n in range(8)]
    table = write(compare(records)).partition('aria-label="CHAIR by object"')[2].partition("</thead>")[0]
    heads = re.findall(r'<th scope="col">([^<]+)</th>', table)
    assert len(heads) == len(set(heads)) >= 9


def test_whiskers_of_three_checkpoints_at_one_place_stand_apart() -> None:
    same = [Curve(f"c{n}", "rate", (5.0, 9.0), (0.4, 0.5), (0.3, 0.4), (0.5, 0.6)) for n in range(3)]
    moved = re.findall(r"translate\((\S+) 0\)", curves(same, [0, 1, 2], "words", "rate", 400))
    assert moved == ["-4", "4"]
    assert "translate" not in curves(same[:2], [0, 1], "words", "rate", 400)  # bands


def test_many_long_names_are_counted_in_sentences_and_titles(make) -> None:
    records = [replace(make.record(f"{LONG}{n}", seed=n), config_yaml=f"beta: {n}") for n in range(8)]
    comparison = compare(records)
    assert names_of(comparison.short, [1, 2, 3, 4]) == "4 of 8"
    assert comparison.title == f"{LONG}0 and 7 more"
