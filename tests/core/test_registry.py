"""The registry: name = file name, listing imports nothing, a repeated name is an error."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from harness.core import registry
from harness.core.errors import ConfigError, RepeatedPlugin


@pytest.mark.parametrize("kind", sorted(registry.PACKAGES))
def test_every_built_in_plugin_loads_and_says_what_it_is(kind: str) -> None:
    assert registry.names(kind)
    for name in registry.names(kind):
        assert callable(registry.get(kind, name))
        assert registry.describe(kind, name)


def test_listing_imports_no_plugin() -> None:
    code = (
        "import sys; from harness.core import registry; "
        "[registry.describe(k, n) for k in registry.PACKAGES for n in registry.names(k)]; "
        "assert 'torch' not in sys.modules and 'benchmarks.pope' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def guests(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(registry, "_installed", lambda: points)


def test_a_guest_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    guests(monkeypatch, EntryPoint("mine", "collections:OrderedDict", "harness.benchmark"))
    assert "mine" in registry.names("benchmark")
    assert registry.get("benchmark", "mine").__name__ == "OrderedDict"


def test_a_repeated_name_names_both_places(monkeypatch: pytest.MonkeyPatch) -> None:
    guests(monkeypatch, EntryPoint("pope", "other.place:Pope", "harness.benchmark"))
    with pytest.raises(RepeatedPlugin, match=r"benchmarks\.pope and other\.place:Pope"):
        registry.names("benchmark")


def test_a_guest_that_does_not_import_fails_alone_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    guests(monkeypatch, EntryPoint("broken", "no_such_module_here:X", "harness.benchmark"))
    assert "No module named 'no_such_module_here'" in registry.describe("benchmark", "broken")
    with pytest.raises(ConfigError, match="does not import"):
        registry.get("benchmark", "broken")
    assert registry.get("benchmark", "pope")


def test_options_are_checked_against_the_signature() -> None:
    with pytest.raises(ConfigError, match=r"has no option 'varient'. Did you mean 'variant'\?"):
        registry.make("benchmark", "pope", {"varient": "official"})
