"""A `reference` that a training would never read is refused."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config import schema
from harness.core.errors import ConfigError
from harness.run.checks.references import check_references


def study(**align: Any) -> schema.RunConfig:
    arm = {"name": "a", "pairs": {"name": "random_edit"}, "align": align, "reference": "base"}
    return schema.parse({"model": {"name": "transformers", "path": "m"}, "arms": [arm], "sweep": [{"name": "pope"}]})


@pytest.mark.parametrize("align", [{"name": "sft"}, {"name": "dpo", "loss": "simpo"}, {"name": "dpo", "loss": "orpo"}])
def test_of_a_training_without_a_reference(align: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="arm a: .* learns without a reference"):
        check_references(study(**align))


@pytest.mark.parametrize("align", [{"name": "dpo"}, {"name": "kto"}, {"name": "dpo", "loss": "mpo"}])
def test_of_a_training_with_one(align: dict[str, Any]) -> None:
    check_references(study(**align))
