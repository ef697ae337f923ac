"""The facts of a protocol are those of the items that were asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config.schema import BenchmarkConfig
from harness.evaluation.asked_items import items_of
from harness.evaluation.protocol import benchmark_facts, protocol_of
from harness.evaluation.scoring import build
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


def test_dash_b_counts_the_images_without_their_object_among_those_that_are_asked(tmp_path: Path) -> None:
    for sign, names in (("neg", ["1.jpg", "2.jpg"]), ("pos", ["3.jpg", "4.jpg", "5.jpg"])):
        file = tmp_path / f"dash_b/images/dash_benchmark_{sign}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"list": {"harp": names}}), encoding="utf-8")
    data = DataFolder(tmp_path, tmp_path)
    for options, said in (
        ({}, "2 without the object, 5 in all"),
        ({"limit": 3}, "2 without the object, 3 in all"),
        ({"items": ["pos/list/harp/4.jpg"]}, "0 without the object, 1 in all"),
    ):
        spec = BenchmarkConfig.model_validate({"name": "dash_b", **options})
        benchmark = build(spec, None)
        assert benchmark_facts(benchmark, items_of(spec, benchmark, data))["images"] == said
