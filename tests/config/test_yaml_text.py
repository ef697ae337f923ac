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


@pytest.mark.parametrize("text", ["!!int '010'", "!!int 1:30", "!!float 1:30.5", "!!int 0_17"])
def test_a_tag_makes_no_number_of_base_8_or_60(text: str) -> None:
    with pytest.raises(ConfigError, match="line 1: .*is not a plain decimal number: YAML 1.1 reads"):
        yaml_text.parse(text, "study")
    assert [yaml_text.parse(plain, "study") for plain in ("!!int '7'", "!!float 1e-1", "!!int 0x1F")] == [7, 0.1, 31]


def test_a_number_of_base_8_or_60_is_told_to_be_one_and_not_to_be_written_without_quotes() -> None:
    align: dict[str, Any] = {"name": "dpo", "beta": "010", "training": {"batch_size": "1:30"}}
    with pytest.raises(ConfigError) as caught:
        parse({**GOOD, "arms": [{"name": "a", "pairs": {"name": "bdhs"}, "align": align}], "jobs": "08"})
    lines = str(caught.value)
    assert "without quotes" not in lines and "write 10 if that is meant" in lines and "in base 60" in lines
    assert "jobs: input should be 'auto' or a valid integer" in lines and "write 8 if that is meant" in lines


def read_json(tmp_path: Path, text: str) -> Any:
    (file := tmp_path / "study.json").write_text(text)
    return yaml_text.read_file(file)


def test_a_json_file_is_read_as_json(tmp_path: Path) -> None:
    text = '{\n\t"a":\t1e-1, "b": "\\ud83d\\ude00", "c": "1e-1"}'
    assert read_json(tmp_path, text) == {"a": 0.1, "b": "\N{GRINNING FACE}", "c": "1e-1"}
    assert read_json(tmp_path, '# as before\n{"a": 1,}') == {"a": 1}


@pytest.mark.parametrize(("text", "told"), [
    ('{"a": NaN}', "holds NaN"),
    ('{"a": {"b": 1, "b": 2}}', "sets 'b' twice"),
    ('{"a": "\\ud83d"}', r"has \\ud83d, half of a character"),
    ("[" * 100_000, "nested too deep"),
    ('{"a": [}', "line 1, column 8 is not JSON: expecting value"),
    ("[" + "1," * 100_001 + "1]", "more than 100,000 values"),
])  # fmt: skip
def test_json_that_cannot_be_a_study_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_json(tmp_path, text)
