"""The small study, run once for all proofs about whole reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import made_once
from tests.proofs.whole_report.small_study import DPO, Written, run_study, written


@pytest.fixture(scope="session")
def study(whole_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "recomputed", lambda folder: run_study(folder, whole_world / "miniworld"))


@pytest.fixture(scope="session")
def whole(study: Path) -> Written:
    """Two seeds."""
    return written(study, DPO)


@pytest.fixture(scope="session")
def alone(study: Path) -> Written:
    """One arm against the base."""
    return written(study, DPO[:1])
