"""The facts of a protocol are those of the items that were asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.schema import BenchmarkConfig
from harness.evaluation.protocol import protocol_of
from harness.evaluation.scoring import build
from harness.evaluation.sweep import items_of
from harness.models.scripted import Scripted
from harness.storage.data_folder import DataFolder


@pytest.mark.parametrize("name", ["pope", "chair"])
def test_the_number_of_images_is_that_of_the_items_left_by_a_limit(world: Path, tmp_path: Path, name: str) -> None:
    data = DataFolder(world, tmp_path)  # the world is shared: nothing is kept in it
    for limit in (None, 1):
        spec = BenchmarkConfig(name=name, limit=limit)
        benchmark = build(spec, None)
        items = items_of(spec, benchmark, data)
        facts = protocol_of(benchmark, spec, items, Scripted()).facts
        assert facts["images"] == str(len({item.image for item in items}))
        assert limit is not None or facts["images"] == benchmark.facts()["images"]
