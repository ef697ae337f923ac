"""The whole miniature world, shared with the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.miniworld.world.write import write_world
from tests.conftest import made_once


@pytest.fixture(scope="session")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder whose miniature world is already written."""
    return made_once(tmp_path_factory, "whole-world", lambda folder: write_world(folder / "miniworld"))
