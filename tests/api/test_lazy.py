"""`import harness` is cheap, and its names are what the documentation says."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

import harness
from harness.api.changes import as_texts
from harness.api.progress import ProgressBars
from harness.config.changes import changed
from harness.core.errors import ConfigError, StoreError


def test_importing_harness_imports_no_heavy_package() -> None:
    code = "import harness, sys; print({'torch', 'transformers', 'numpy', 'pandas', 'pydantic', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_public_name_is_there_and_documented() -> None:
    for name in harness.__all__:
        value = getattr(harness, name)
        assert name == "__version__" or name == "silent" or value.__doc__, name
    assert set(harness.__all__) <= set(dir(harness))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        _ = harness.swep  # type: ignore[attr-defined]


def test_type_information_is_shipped() -> None:
    assert files("harness").joinpath("py.typed").is_file()


def test_changes_as_a_mapping_keep_their_types() -> None:
    texts = as_texts({"seed": 1, "a.rate": 5e-7, "a.name": "yes", "a.list": ["x", "1"], "a.none": None})
    faults: list[str] = []
    assert changed({}, texts, faults) == {"seed": 1, "a": {"rate": 5e-7, "name": "yes", "list": ["x", "1"], "none": None}}
    assert not faults


def test_a_study_given_as_a_mapping_is_left_as_it_was() -> None:
    study = {"name": "x", "model": {"name": "transformers", "path": "miniworld"}, "sweep": [{"name": "pope"}]}
    from harness.api.actions import read_study

    chosen, left_out = read_study(study, ["sweep.pope.limit=3"])
    assert chosen.sweep[0].limit == 3 and study["sweep"] == [{"name": "pope"}] and left_out == []


def test_a_folder_without_runs_is_an_error_that_says_so(tmp_path) -> None:
    with pytest.raises(StoreError, match="no run store"):
        harness.open_store(tmp_path)


def test_wrong_options_of_a_benchmark_are_errors_of_our_own(tmp_path) -> None:
    with pytest.raises(ConfigError, match="limit"):
        harness.load_benchmark("pope", data=tmp_path, output=tmp_path, limit=0)


def test_a_full_bar_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    bars = ProgressBars()
    bars("pairs\tloss 1", 1, 2)
    assert list(bars._bars) == ["pairs"]
    bars("pairs", 2, 2)
    assert not bars._bars


def test_run_can_be_called_also_after_its_package_was_imported() -> None:
    import harness.run.pipeline

    assert callable(harness.run.pipeline.run)
    with pytest.raises(ConfigError, match="no configuration file"):
        harness.run("nowhere.yaml")
