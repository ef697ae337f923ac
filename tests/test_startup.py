"""A foreign `alignment` on the path stops the program instead of being used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.startup import start

ROOT = Path(__file__).resolve().parents[1]


def test_a_foreign_sibling_is_named_and_refused(tmp_path: Path) -> None:
    (tmp_path / "alignment").mkdir()
    (tmp_path / "alignment" / "__init__.py").write_text("")
    path = [str(tmp_path), str(ROOT)]
    code = f"import sys; sys.path[:0] = {path!r}; sys.argv = ['harness', 'list']; import harness.__main__"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "shadowed by others" in done.stderr and str(tmp_path / "alignment") in done.stderr


def test_a_current_folder_that_was_deleted_is_told_before_any_library_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(HarnessError, match="The current folder is gone"):
        start()


@pytest.mark.parametrize(("words", "told"), [((), False), (("-O",), False), (("-OO",), True)])
def test_python_without_docstrings_is_told_before_a_model_fails_to_load(words: tuple[str, ...], told: bool) -> None:
    done = subprocess.run(
        [sys.executable, *words, "-c", "from harness.startup import start; start()"], capture_output=True, text=True, cwd=ROOT
    )
    assert ("with which transformers loads no model" in done.stderr) == told == bool(done.returncode)
