"""Every benchmark: its examples score what they say, it names its files, and it imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from math import isnan
from pathlib import Path

import pytest

from benchmarks.judges.keywords import Keywords
from harness.core import registry
from harness.core.evaluation import Sums
from harness.evaluation.self_check import check

NAMES = registry.names("benchmark")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_hold(name: str) -> None:
    (checked,) = check([name])
    assert checked.examples and not checked.fault


@pytest.mark.parametrize("name", NAMES)
def test_with_nothing_to_add_up_every_metric_is_unknown_and_says_why(name: str) -> None:
    for formula in registry.make("benchmark", name, {}, judge=Keywords()).formulas:
        assert isnan(formula.compute(Sums({}))) and formula.unknown


@pytest.mark.parametrize("name", NAMES)
def test_the_files_tell_origin_licence_and_how_to_get_them(name: str) -> None:
    files = registry.get("benchmark", name).files
    assert files and all(file.name and file.origin and file.licence and file.how for file in files)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_page(name: str) -> None:
    assert (ROOT / "docs" / "benchmarks" / f"{name}.md").is_file()


def test_no_benchmark_imports_torch_a_network_client_or_the_store() -> None:
    modules = [registry.get("benchmark", name).__module__ for name in NAMES] + [
        f"benchmarks.judges.{name}" for name in registry.names("judge")
    ]
    heavy = (
        "torch",
        "transformers",
        "spacy",
        "nltk",
        "httpx",
        "requests",
        "sqlite3",
        "harness.storage.run_store",
        "alignment",
        "reports",
    )
    code = f"import sys, {', '.join(modules)}; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
