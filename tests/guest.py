"""A distribution with plug-ins as pip leaves it: modules, and a folder of metadata with the entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.core import registry
from harness.core.edge import plugin_modules
from reports.text import formatting


@contextmanager
def installed(site: Path, files: Mapping[str, str], points: Mapping[str, str], kind: str = "benchmark") -> Iterator[None]:
    """`files`: path in the folder `site` -> text; `points`: plug-in's name -> what its entry point names."""
    metadata = {"METADATA": "Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n"}
    metadata["entry_points.txt"] = f"[harness.{kind}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
    for path, text in {**files, **{f"guest-1.0.dist-info/{name}": text for name, text in metadata.items()}}.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        # A file that a test writes again in the same second, as long as before, is the compiled one to Python.
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        _forget()
        yield
    _forget()


def _forget() -> None:
    for cached in (registry._installed, formatting._title):
        cached.cache_clear()
    plugin_modules._loaded.clear()
