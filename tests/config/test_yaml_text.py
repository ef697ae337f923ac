"""Anchors, merges (`<<`) and numbers of YAML: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import yaml_text
from harness.config.schema import parse
from harness.core.errors import ConfigError
from tests.config.test_schema import GOOD

NESTED = """
first: &first {name: pope, limit: 3}
deep: {inside: &second {<<: *first, limit: 4}}
third: {<<: *second, limit: 5}
"""


def test_a_mapping_that_overrides_what_it_merges_can_be_merged_by_another_one_that_stands_higher() -> None:
    read = yaml_text.parse(NESTED, "study")
    assert [read["first"]["limit"], read["deep"]["inside"]["limit"], read["third"]["limit"]] == [3, 4, 5]


@pytest.mark.parametrize("text", ["a: {<<: {x: 1, x: 2}}", "a: &a {x: 1}\nb: {<<: {<<: *a, x: 2, x: 3}}"])
def test_a_key_that_stands_twice_in_a_mapping_that_is_merged_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="sets 'x' again"):
        yaml_text.parse(text, "study")


def test_two_merges_of_one_mapping_are_refused_and_a_list_of_both_takes_the_first() -> None:
    anchors = "a: &a {x: 1}\nb: &b {x: 2}\n"
    with pytest.raises(ConfigError, match=r"line 3 sets '<<' again.*give both as `<<: \[\*one, \*other\]`"):
        yaml_text.parse(f"{anchors}c: {{<<: *a, <<: *b}}", "study")
    assert yaml_text.parse(f"{anchors}c: {{<<: [*a, *b]}}", "study")["c"] == {"x": 1}


def test_merges_within_merges_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a: &a0 {x: 1}", *(f"b{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12))]
    with pytest.raises(ConfigError, match="`<<` brings in more than 100,000 values"):
        yaml_text.parse("\n".join(lines), "study")


def test_a_long_text_that_aliases_repeat_is_refused_before_a_message_repeats_it() -> None:
    text = f"a: &a {'x' * 50_000}\nb: [{', '.join(['*a'] * 100)}]"
    with pytest.raises(ConfigError, match="more than 4,000,000 characters"):
        yaml_text.parse(text, "study")


@pytest.mark.parametrize("text", ["0x_", "0b_"])
def test_a_base_without_digits_is_text(text: str) -> None:
    assert yaml_text.parse(text, "study") == text


def test_a_number_in_text_that_is_not_finite_is_refused() -> None:
    align: dict[str, Any] = {"name": "dpo", "beta": "1e999"}
    with pytest.raises(ConfigError, match="beta is 1e999, which is not a finite number"):
        parse({**GOOD, "arms": [{"name": "a", "pairs": {"name": "bdhs"}, "align": align}]})


def test_a_file_that_is_a_dead_link_says_so_and_does_not_propose_itself(tmp_path: Path) -> None:
    (file := tmp_path / "study.yaml").symlink_to(tmp_path / "away.yaml")
    with pytest.raises(ConfigError, match=r"study\.yaml is a link to .*away\.yaml, which is not there\. Give a"):
        yaml_text.read_file(file)
