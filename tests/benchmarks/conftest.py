"""A data folder for the benchmark tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.storage.data_folder import DataFolder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """An empty data folder."""
    return DataFolder(tmp_path)
