"""The registry: name = file name, listing imports nothing, a repeated name is an error."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

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


def module(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    made = ModuleType("my_package.weather")
    exec(f"from harness.core import registry\n{text}", made.__dict__)
    monkeypatch.setitem(sys.modules, "my_package", ModuleType("my_package"))
    monkeypatch.setitem(sys.modules, "my_package.weather", made)
    guests(monkeypatch, EntryPoint("of_a_guest", "my_package.weather", "harness.benchmark"))


def test_an_entry_point_may_name_the_module_and_what_it_imports_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "from benchmarks.pope import Pope\n@registry.benchmark\nclass Weather: ...\nAlias = Weather")
    assert registry.get("benchmark", "of_a_guest").__name__ == "Weather"


def test_a_class_that_the_plug_in_builds_on_is_not_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module(
        monkeypatch,
        "from benchmarks.pope import Pope\nclass Base(Pope): ...\n@registry.benchmark\nclass Weather(Base): ...",
    )
    assert registry.get("benchmark", "of_a_guest").__name__ == "Weather"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("class Weather: ...", r"has 0 objects marked @registry\.benchmark; it must have one\. Mark one"),
        ("@registry.benchmark\nclass A: ...\n@registry.benchmark\nclass B: ...", r"has 2 objects .* \(A, B\)"),
    ],
)
def test_a_module_without_one_plug_in_is_named(monkeypatch: pytest.MonkeyPatch, text: str, why: str) -> None:
    module(monkeypatch, text)
    with pytest.raises(ConfigError, match=why):
        registry.get("benchmark", "of_a_guest")


def test_an_entry_point_that_leads_to_no_class_or_function_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    guests(monkeypatch, EntryPoint("version", "sys:version", "harness.benchmark"))
    with pytest.raises(ConfigError, match="'version': sys:version is not a class or a function but"):
        registry.get("benchmark", "version")


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


def test_a_default_that_the_plug_in_changes_is_whole_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module(
        monkeypatch,
        "from benchmarks.pope import Pope\n@registry.benchmark\nclass Weather(Pope):\n"
        "    def __init__(self, words=['rain']):\n        super().__init__()\n"
        "        self.words = words\n        words.append('snow')",
    )
    assert [registry.make("benchmark", "of_a_guest", {}).words for _ in "ab"] == [["rain", "snow"]] * 2  # type: ignore[attr-defined]


def test_what_a_plug_in_lacks_is_told_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "@registry.benchmark\nclass Weather:\n    version = 1")
    with pytest.raises(ConfigError, match="The benchmark 'of_a_guest' has no `formulas` and no `load`"):
        registry.make("benchmark", "of_a_guest", {})


def test_a_name_like_no_other_tells_how_ones_own_is_found() -> None:
    with pytest.raises(ConfigError, match=r"named './rain.py'\. Known: .* One of your own is found by an entry point"):
        registry.get("benchmark", "./rain.py")


def test_a_module_marked_as_another_kind_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "@registry.judge\nclass Weather: ...")
    with pytest.raises(ConfigError, match=r"has 0 objects marked @registry\.benchmark \(Weather: @registry\.judge\)"):
        registry.get("benchmark", "of_a_guest")


def test_a_folder_that_hides_the_module_of_the_entry_point_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed project `rain`, and Python started beside its folder of that name."""
    (tmp_path / "hidden_rain").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    guests(monkeypatch, EntryPoint("rain", "hidden_rain", "harness.benchmark"))
    with pytest.raises(ConfigError, match=r"hidden_rain is here the folder .*hidden_rain, which has no __init__\.py and hides"):
        registry.get("benchmark", "rain")
