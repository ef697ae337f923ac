"""The golden question files as a data folder."""

from __future__ import annotations

import pytest

from harness.storage.data_folder import DataFolder
from tests.benchmarks.second_set.golden_cases import golden_folder


@pytest.fixture(scope="session")
def golden_data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return golden_folder(tmp_path_factory.mktemp("golden"))
