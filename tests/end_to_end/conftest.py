"""The miniature study at reduced size: the real data, the real checkpoint, real training; only less of each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.config.schema import RunConfig
from harness.miniworld.world.write import write_world
from harness.run import pipeline
from tests.conftest import made_once
from tests.small_world import OF_RUNS

_BDHS = {"name": "bdhs", "limit": 24, "n_tries": 2, "max_new_tokens": 24}
_DPO = {"name": "dpo", "training": {"epochs": 1, "batch_size": 8, "learning_rate": 3e-5, "save_every": 1}}

SMALL: dict[str, Any] = {
    "name": "small",
    "model": {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1},
    "arms": [{"name": "bdhs", "pairs": _BDHS, "align": _DPO}],
    "sweep": [
        {"name": "pope", "limit_images": 6},
        {"name": "chair", "limit_images": 6, "max_new_tokens": 48},
        {"name": "mmhal_bench", "judge": {"name": "keywords"}, "limit": 16},  # two of each of its types
    ],
}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `miniworld` is a small miniature world; read it, do not write into it."""
    return made_once(tmp_path_factory, "world-of-runs", lambda folder: write_world(folder / "miniworld", OF_RUNS))


@pytest.fixture
def small(world: Path, tmp_path: Path) -> RunConfig:
    """The small study in an output folder of its own, over the shared data folder."""
    return config.parse(SMALL | {"data": str(world / "miniworld"), "output": str(tmp_path)})


@pytest.fixture(scope="session")
def finished(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the small study, run once for all tests; read it, do not write into it."""

    def make(folder: Path) -> None:
        part = folder.with_name("part")
        pipeline.run(config.parse(SMALL | {"data": str(world / "miniworld"), "output": str(part)}), "test")
        part.rename(folder)

    return made_once(tmp_path_factory, "finished", make)


@pytest.fixture
def done(small: RunConfig, finished: Path) -> Path:
    """The run folder of the small study, finished, in the output folder of `small`."""
    shutil.copytree(finished, small.output, dirs_exist_ok=True)
    return next(Path(small.output).glob("small-*"))
