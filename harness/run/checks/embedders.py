"""The embedders by which arms compare answers: their package and their model are there before anything is swept."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from alignment.data.similarity import UsesEmbedder, make_embedder
from harness.config.option_faults import plugins_of
from harness.config.schema import Arm
from harness.core import registry
from harness.core.errors import ConfigError


def unusable_embedders(arm: Arm, load: bool = True) -> list[str]:
    """What is wrong with the embedders of an arm's sources and of its aligner. `load`: look also at whether they load."""
    return [f"pairs of {arm.name}: {fault}" for name in dict.fromkeys(_embedders(arm)) if (fault := _fault(name, load))]


def _embedders(arm: Arm) -> Iterator[str]:
    for kind, _, spec in plugins_of({"arms": [arm.model_dump()]}):
        options = arm.align.options if kind == "aligner" else {k: v for k, v in spec.items() if k != "name"}
        if kind in ("source", "aligner"):
            try:
                made = registry.make(kind, spec["name"], options, judge=None, reward=None)
            except ConfigError:
                continue  # reported where it is made
            if isinstance(made, UsesEmbedder):
                yield made.embedder.name


def _fault(name: str, load: bool) -> str:
    try:
        _check(name, load)
    except ConfigError as error:
        return str(error)
    return ""


@cache
def _check(name: str, load: bool) -> None:
    make_embedder(name).check(load)
