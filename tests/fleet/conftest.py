"""A pool without Ray, for tests that ask what the driver does."""

from __future__ import annotations

import pytest

from harness.core import registry
from harness.fleet import worker_pool
from tests.fleet.fake_cluster import FakeCluster, Toy


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    fake = FakeCluster()
    monkeypatch.setattr(worker_pool, "RayCluster", fake)
    monkeypatch.setattr(registry, "make", lambda kind, name, options: Toy(**options))
    return fake
