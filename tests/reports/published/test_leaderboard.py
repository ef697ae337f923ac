"""Published numbers as data: complete, sourced, of metrics that exist, and shown beside only on request."""

from __future__ import annotations

import pytest

from benchmarks.judges.keywords import Keywords
from harness.core import registry
from harness.core.errors import ConfigError
from reports.published.leaderboard import chosen, numbers


def test_every_number_has_a_source_and_belongs_to_a_metric_of_its_benchmark() -> None:
    for number in numbers():
        formulas = registry.make("benchmark", number.benchmark, {}, judge=Keywords()).formulas
        (formula,) = [f for f in formulas if (f.name, f.group) == (number.metric, number.group)]
        assert number.source and (formula.unit != "share" or 0 <= number.value <= 1), number


def test_no_number_stands_there_twice() -> None:
    keys = [(n.model, n.benchmark, n.metric, n.group) for n in numbers()]
    assert len(set(keys)) == len(keys)


def test_a_model_is_found_by_a_part_of_its_name_and_an_unknown_one_is_refused() -> None:
    assert {n.model for n in chosen("llava-1.6")} == {"LLaVA-1.6-7B", "LLaVA-1.6-7B, DPO, BDHS (POVID 5k)"}
    assert chosen("all") == numbers()
    with pytest.raises(ConfigError, match="no published numbers of 'gpt-9'. Known: LLaVA-1.5-7B"):
        chosen("gpt-9")
