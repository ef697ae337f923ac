"""`--style` picks a prompt style over a sweep, named in the protocol of each benchmark."""

from __future__ import annotations

import pytest

from benchmarks.judges.keywords import Keywords
from harness.config.sweep_only import evaluation
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.plugins import HasStyles


def test_a_style_is_given_to_those_that_have_it_and_the_others_are_named() -> None:
    said: list[str] = []
    chosen = evaluation("m/x", ["mme", "pope", "chair"], data="data", style="llava", say=said.append)
    assert [spec.options.get("style") for spec in chosen.sweep] == ["llava", "llava", None]
    assert said == ["chair has no prompt style 'llava' and keeps its own."]


def test_a_style_that_no_benchmark_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="has the prompt style 'lava'. Did you mean 'llava'. Styles: .*llava"):
        evaluation("m/x", ["mme"], data="data", style="lava")


@pytest.mark.parametrize(
    "name", [n for n in registry.names("benchmark") if isinstance(registry.get("benchmark", n), HasStyles)]
)
def test_every_style_of_a_benchmark_can_be_asked_for_and_another_is_refused(name: str) -> None:
    for style in registry.get("benchmark", name).styles:
        registry.make("benchmark", name, {"style": style}, judge=Keywords())
    with pytest.raises(ConfigError, match="style"):
        registry.make("benchmark", name, {"style": "nobody's"}, judge=Keywords())
