"""A package that is not there is told from one that is there and does not load."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.edge.foreign import imported
from harness.core.errors import ConfigError


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "^pip install it$"),
        ("import nowhere_to_be_found", "made_up_tracker is installed but cannot be imported: No module named 'nowhere_to_be"),
        ("from os import Imports", "cannot be imported: cannot import name 'Imports'"),
        ("raise TypeError('Descriptors cannot be created')", "cannot be imported: TypeError: Descriptors cannot be created"),
    ],
    ids=["not there", "what it needs is not there", "another version of what it needs", "another error"],
)
def test_why_a_package_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, says: str) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    if content is not None:
        (tmp_path / "made_up_tracker.py").write_text(content)
    with pytest.raises(ConfigError, match=says):
        imported("made_up_tracker", "pip install it")
