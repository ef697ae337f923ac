"""What cannot be trained with divided weights is refused before anything is loaded, not after the base's sweep."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from alignment.weights.workers import Workers
from harness.config import schema as config
from harness.core.errors import ConfigError
from harness.run import pipeline
from harness.run.make_aligner import check_divided

DPO, RLOO = {"name": "dpo"}, {"name": "rloo", "reward": "rm"}
JUDGED = {"name": "online_dpo", "judge": {"name": "annotations"}}
MOVING = {"name": "dpo", "reference_sync": {"every": 2, "mix": 0.5}}


def study(align: Mapping[str, Any], **more: Any) -> config.RunConfig:
    pairs = {"name": "random_edit"}
    arm = {"name": "a", "pairs": pairs, "align": align, **more.pop("arm", {})}
    rewards = [{"name": "rm", "pairs": pairs, "align": {"name": "reward_model"}}] if "reward" in align else []
    tree = {"model": {"name": "transformers", "path": "/nowhere"}, "arms": [arm], "reward_models": rewards, **more}
    return config.parse({**tree, "sweep": [{"name": "pope"}]})


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("harness.run.make_aligner"), "workers", lambda: Workers(0, 2))


@pytest.mark.usefixtures("two_processes")
@pytest.mark.parametrize(
    ("by", "align", "says"),
    [
        ("FSDP", JUDGED, "arm a: An aligner that draws answers .* needs the whole model"),
        ("FSDP", RLOO, "arm a: .* needs the whole model"),
        ("FSDP", MOVING, "arm a: reference_sync needs the whole weights"),
        ("DEEPSPEED", MOVING, "arm a: reference_sync needs the whole weights"),
        ("DEEPSPEED", DPO, "arm a: DeepSpeed is not installed"),
        ("FSDP", DPO, None),
        ("MULTI_GPU", JUDGED, None),
    ],
)
def test_by_accelerate(monkeypatch: pytest.MonkeyPatch, by: str, align: Mapping[str, Any], says: str | None) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{by}", "true")
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    if says is None:
        check_divided(study(align))
    else:
        with pytest.raises(ConfigError, match=says):
            pipeline.run(study(align), "test")  # the model's path leads nowhere: it was not looked at


@pytest.mark.parametrize(
    ("align", "workers", "refused"), [(RLOO, 2, True), (MOVING, 2, True), (RLOO, 1, False), (DPO, 2, False), (JUDGED, 2, False)]
)
def test_on_a_fleet(align: Mapping[str, Any], workers: int, refused: bool) -> None:
    made = study(align, fleet={}, arm={"resources": {"workers": workers, "sharded": True}})
    if refused:
        with pytest.raises(ConfigError, match=r"without `resources\.sharded`"):
            check_divided(made)
    else:
        check_divided(made)
