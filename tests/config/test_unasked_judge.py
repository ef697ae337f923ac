"""A judge is configured where a benchmark asks one, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config import schema as config
from harness.config.check_plugins import check_plugins
from harness.core.errors import ConfigError


def checked(spec: dict[str, Any]) -> None:
    made = {"name": "x", "model": {"name": "scripted"}, "sweep": [{**spec, "judge": {"name": "keywords"}}]}
    check_plugins(config.parse(made))


@pytest.mark.parametrize("spec", [
    {"name": "pope"},
    {"name": "mmvp"},
    {"name": "hallusionbench", "variant": "lmms_eval"},
    {"name": "object_halbench", "extractor": "nouns"},
])  # fmt: skip
def test_a_judge_that_nobody_asks_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{spec['name']} asks no judge.*Leave `judge` out"):
        checked(spec)


@pytest.mark.parametrize("spec", [
    {"name": "mmhal_bench"},
    {"name": "chair_open"},
    {"name": "mmvp", "variant": "official"},
    {"name": "hallusionbench", "variant": "judge"},
    {"name": "object_halbench", "extractor": "judge"},
])  # fmt: skip
def test_a_judge_that_is_asked_passes(spec: dict[str, Any]) -> None:
    checked(spec)
