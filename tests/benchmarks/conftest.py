"""NLTK's data for tests lies beside the checkout; its place must be known before NLTK is imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.storage.data_folder import DataFolder

_NLTK_DATA = Path(__file__).parents[3] / "shared" / "nltk_data"
if "NLTK_DATA" not in os.environ and _NLTK_DATA.is_dir():
    os.environ["NLTK_DATA"] = str(_NLTK_DATA)
    if "nltk.data" in sys.modules:
        sys.modules["nltk.data"].path.insert(0, str(_NLTK_DATA))


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """An empty data folder."""
    return DataFolder(tmp_path)
