"""What is kept of the code that a run was made with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.core.edge import versions


def test_the_digest_of_our_code_follows_the_content_of_each_package_and_not_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(home: Path) -> str:
        monkeypatch.setattr(versions, "__file__", str(home / "harness/core/edge/versions.py"))
        return versions.code_digest.__wrapped__()

    for name in ("harness", "alignment", "benchmarks", "reports", "tests"):
        (tmp_path / "here" / name / "inner").mkdir(parents=True)
        (tmp_path / "here" / name / "inner" / "module.py").write_text(name)
    found = {digest(tmp_path / "here"), digest(Path(shutil.copytree(tmp_path / "here", tmp_path / "there")))}
    (tmp_path / "there/tests/inner/module.py").write_text("changed")
    found.add(digest(tmp_path / "there"))
    assert len(found) == 1
    for name in ("harness", "alignment", "benchmarks", "reports"):
        (tmp_path / "there" / name / "inner/module.py").write_text("changed")
        assert digest(tmp_path / "there") not in found
        found.add(digest(tmp_path / "there"))


def test_it_stands_among_the_versions_of_a_run() -> None:
    assert versions.versions()[versions.CODE] == versions.code_digest() != ""
