"""`list` shows what can be named in a study, and what each plug-in takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from harness.commands import list as listing
from harness.config.json_schema import json_schema
from harness.config.schema import read_tree
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.options.source import _documented, read_options
from harness.core.options.types import options_of

PLUGINS = [(kind, name) for kind in registry.PACKAGES if kind != "report" for name in registry.names(kind)]
DOCUMENTED = [(kind, name) for kind, name in PLUGINS if name != "scripted"]  # that one is for tests


@pytest.mark.parametrize(("kind", "name"), DOCUMENTED)
def test_every_option_has_a_line(kind: str, name: str) -> None:
    assert all(option.about for option in registry.options(kind, name))


def test_a_line_is_the_whole_entry_of_the_docstring() -> None:
    lines = {option.name: option.about for option in registry.options("model", "transformers")}
    assert lines["device"] == '"auto", "cpu", "cuda", ...'
    assert lines["generation_config"].endswith('beams and the like refused; "ignored": all left out')
    assert lines["enable_thinking"].startswith("given to the chat template")


def test_entries_end_where_the_indentation_does() -> None:
    text = "A loss.\n\nArgs:\n    a, b: one and\n        b: the rest.\n    c: two.\nReturns: three.\n    d: none."
    assert _documented(text) == {"a": "one and b: the rest", "b": "one and b: the rest", "c": "two"}


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_the_options_read_from_the_source_are_those_of_the_signature(kind: str, name: str) -> None:
    read, real = read_options(registry._place(kind, name).where, kind), options_of(registry.get(kind, name))
    assert read is not None
    assert [(o.name, o.type, o.needed) for o in read] == [(o.name, o.type, o.needed) for o in real]
    for own, true in zip(read, real, strict=True):
        default = list(true.default) if isinstance(true.default, tuple) else true.default
        assert own.needed or own.default == default


def test_a_plugin_is_shown_with_type_default_and_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    listing.plugin("bdhs")
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("rho_th"))
    assert "a number" in row and "0.99" in row and "share of image tokens hidden" in row


def test_a_name_of_two_kinds_shows_both(capsys: pytest.CaptureFixture[str]) -> None:
    listing.plugin("dpo")
    out = capsys.readouterr().out
    assert "loss dpo" in out and "aligner dpo" in out


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'bdhs'"):
        listing.plugin("bhds")


def test_showing_options_imports_no_torch() -> None:
    code = "import sys; from harness.commands import list as l; l.plugin('dpo'); l.schema(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_schema_of_known_plugins_is_closed() -> None:
    def walk(node: object) -> None:
        if isinstance(node, dict):
            assert node.get("additionalProperties") in (None, False) or "properties" not in node, node
            if "const" in node.get("properties", {}).get("name", {}):
                assert node["additionalProperties"] is False
            for one in node.values():
                walk(one)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    schema = json_schema()
    walk(schema)
    json.dumps(schema)
    named = {one["title"] for one in schema["$defs"]["Source"]["oneOf"]}
    assert named == set(registry.names("source"))


def test_the_schema_has_every_key_of_the_built_in_study() -> None:
    parts, tree = json_schema()["$defs"], read_tree(None)
    for spec in tree["sweep"]:
        known = next(one for one in parts["BenchmarkConfig"]["oneOf"] if one["title"] == spec["name"])
        assert set(spec) <= set(known["properties"])
    for arm in tree["arms"]:
        known = next(one for one in parts["AlignConfig"]["oneOf"] if one["title"] == arm["align"]["name"])
        assert set(arm["align"]) <= set(known["properties"])
