"""Shared fixtures: tiny models made once a session, images, a store."""

from __future__ import annotations

import fcntl
import gc
import os
import sys
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
import transformers
import typer.testing
from PIL import Image

from harness.miniworld.world.write import write_world
from harness.storage.run_store import Store
from tests.small_world import SMALL

torch.set_num_threads(1)  # threads of workers that share two cores wait for each other and cost several times the work
os.fsync = lambda handle: None  # what tests write need not outlive a power cut, and a disk takes milliseconds for each file
# transformers writes every configuration that it reads as text, for a message that is logged nowhere: a tenth of loading.
transformers.PreTrainedConfig.__repr__ = object.__repr__  # type: ignore[method-assign]
_imported = 0  # modules at the last `gc.freeze`


_new_command = typer.testing._get_command  # reads the signatures of all commands, 30 ms


def _registered(app: typer.Typer) -> tuple[Hashable, ...]:
    return len(app.registered_commands), *(_registered(group.typer_instance) for group in app.registered_groups)


@cache
def _command(app: typer.Typer, registered: tuple[Hashable, ...]) -> Any:  # Any: a class of typer's own click
    return _new_command(app)


typer.testing._get_command = lambda app: _command(app, _registered(app))


FIRST = ("fleet", "end_to_end")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The fleet's tests come first: they wait longest, and at the end each worker would start the session that they share. Then
    whole runs, of which one takes longer than a hundred others: in the last minute it would keep one worker alone."""
    items.sort(key=lambda item: next((n for n, name in enumerate(FIRST) if name in item.path.parts), len(FIRST)))


def pytest_collection_finish() -> None:
    _freeze_imports()


def pytest_runtest_logfinish() -> None:
    _freeze_imports()


def _freeze_imports() -> None:
    """Python looks for cyclic garbage through all that it holds, 0.3 s where torch and transformers are imported, which came to
    a fifth of the suite's time; what many imports made stays and is left out."""
    global _imported
    if len(sys.modules) > _imported + 50:
        gc.collect()
        gc.freeze()
        _imported = len(sys.modules)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker makes and all workers read; nobody writes into it.

    It is not made again where a worker died while it was made: `make` writes a whole folder or none.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name / "made"
    folder.parent.mkdir(exist_ok=True)
    with open(folder.parent.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            make(folder)
    return folder


@pytest.fixture(scope="session")
def llava_next_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save_llava_next(tmp_path_factory.mktemp("llava_next"))


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save_llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Noise images of four shapes: any-resolution models cut them into different numbers of tiles."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    paths = []
    for i, (width, height) in enumerate([(32, 32), (64, 30), (30, 64), (50, 50)]):
        paths.append(folder / f"{i}.png")
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a small miniature world; read it, do not write into it."""
    return made_once(tmp_path_factory, "small-world", lambda folder: write_world(folder, SMALL))


@pytest.fixture(scope="session")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `miniworld` is the whole miniature world, drawn once for all tests; read it, do not write into it."""
    return made_once(tmp_path_factory, "whole-world", lambda folder: write_world(folder / "miniworld"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.sqlite") as opened:
        yield opened
