"""Modules that are imported when they are used, and memory that lasts until a process waits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.edge.later_imports import imported_later
from harness.core.edge.processes import give_back_memory, until_idle

HEAVY = """
class Kind:
    size = 3

MARKED = []

def double(n):
    return 2 * n

def mark(f):
    MARKED.append(f.__name__)
    return f
"""
LIGHT = """
from heavy_pack.inner import Kind, double, mark

@mark
def own():
    return 7

def is_kind(x: Kind | None):
    return isinstance(x, Kind)
"""


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with a module below it, and one that takes three names of it."""
    (tmp_path / "heavy_pack").mkdir()
    (tmp_path / "heavy_pack/__init__.py").write_text("")
    (tmp_path / "heavy_pack/inner.py").write_text(HEAVY)
    (tmp_path / "light_pack.py").write_text(LIGHT)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "heavy_pack"
    for name in [n for n in sys.modules if n.split(".")[0] in ("heavy_pack", "light_pack")]:
        del sys.modules[name]


def light(name: str):
    with imported_later(name):
        import light_pack
    return light_pack


def test_a_stand_in_is_imported_when_a_function_of_it_is_called(heavy: str) -> None:
    taken = light(heavy)
    assert heavy not in sys.modules
    assert taken.double(4) == 8
    assert "heavy_pack.inner" in sys.modules and taken.Kind.size == 3


def test_nothing_is_an_instance_of_a_class_that_nobody_has_imported(heavy: str) -> None:
    taken = light(heavy)
    assert not taken.is_kind(object()) and heavy not in sys.modules
    from heavy_pack.inner import Kind

    assert taken.is_kind(Kind()) and not taken.is_kind(3)


def test_a_function_is_marked_when_the_module_of_its_mark_is_imported(heavy: str) -> None:
    taken = light(heavy)
    assert taken.own() == 7 and heavy not in sys.modules
    import heavy_pack.inner

    assert heavy_pack.inner.MARKED == ["own"]


def test_what_is_imported_already_and_what_is_not_installed_stay_as_they_are(heavy: str) -> None:
    import heavy_pack.inner

    with imported_later(heavy, "no_such_package"):
        assert sys.modules[heavy] is heavy_pack
        with pytest.raises(ModuleNotFoundError):
            import no_such_package  # noqa: F401
    assert light(heavy).double is heavy_pack.inner.double


def test_a_stand_in_that_is_used_while_it_is_imported_is_an_import_error(heavy: str) -> None:
    with imported_later(heavy):
        import heavy_pack.inner

        with pytest.raises(ImportError, match=r"heavy_pack.inner.double is used while it is imported"):
            heavy_pack.inner.double(2)


def imported_by(code: str) -> str:
    checked = "; import sys; print(sorted({'scipy', 'sklearn', 'torch._dynamo', 'sympy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code + checked], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_nltk_is_imported_without_what_its_statistics_use() -> None:
    assert imported_by("from harness.core.edge.later_imports import import_nltk; import_nltk()") == "[]"


def test_model_libraries_are_imported_without_compiler_and_scipy_which_they_still_find() -> None:
    code = "from harness.models._device.model_libraries import import_model_libraries as all; all()"
    assert imported_by(code) == "[]"
    taken = "; from transformers.loss.loss_for_object_detection import linear_sum_assignment as match"
    used = f"{taken}; assert match([[4, 1], [2, 3]])[1][0] == 1"
    assert imported_by(code + used) == "['scipy']"


def test_what_lasts_until_a_process_waits_is_made_again_afterwards() -> None:
    made = []
    table = until_idle(lambda: made.append(1) or len(made))
    assert [table(), table()] == [1, 1]
    give_back_memory()
    assert table() == 2


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_memory_that_is_freed_is_there_for_the_next_array_without_new_pages() -> None:
    code = """
import resource
from harness.core.edge.processes import keep_freed_memory

keep_freed_memory()
bytearray(8 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(8 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    free = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=free)
    assert int(done.stdout) < 100, "10 arrays of 2,048 pages"
