"""Writes docs/cli.md from the commands and docs/configuration.md from the schema and the plug-ins' signatures.

python -m tests.docs.reference_pages        (or: make reference)
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel

import harness.cli  # noqa: F401  # registers the commands
from harness.commands._app import app
from harness.config import schema
from harness.config.fleet_form import ArmResources, FleetConfig
from harness.core import registry
from harness.core.options.source import training_options
from harness.core.options.types import words_for
from tests.docs.pages import ROOT

_NOTE = "<!-- Written by `make reference`: change the code, not this page. -->"
_KINDS = {
    "model": ("Models", "`model:` of a study, and the `model` of a chat judge."),
    "source": ("Sources of preference pairs", "`pairs:` of an arm."),
    "aligner": ("Aligners", "`align:` of an arm."),
    "loss": (
        "Losses",
        "`loss:` of an aligner that trains on pairs; options under `loss_options`.",
    ),
    "benchmark": ("Benchmarks", "Entries of `sweep:`. Each also takes `judge`, `limit`, `items` and `label`, see above."),
    "judge": ("Judges", "`judge:` of a benchmark or of an aligner."),
    "report": ("Report writers", "`compare --as NAME`; a run writes all of them. They have no options."),
}
_SECTIONS = (schema.RunConfig, schema.Arm, schema.AlignConfig, schema.BenchmarkConfig, FleetConfig, ArmResources)
_TITLES = {
    "RunConfig": "A study",
    "Arm": "An arm, or a reward model",
    "AlignConfig": "`align:` of an arm",
    "BenchmarkConfig": "An entry of `sweep:`",
    "FleetConfig": "`fleet:` of a study",
    "ArmResources": "`resources:` of an arm",
}
_NEEDED = "(must be given)"  # as options of plug-ins have it
_ABOUT = """A study is one YAML file. Every key can be changed on the command line (`arms.0.align.beta=0.2`; an entry of a list
by its number, label or name). A plug-in is written as its name and its options: `{name: bdhs, rho_th: 0.99}`. All mistakes are
reported at once, before anything is loaded. `python -m harness list NAME` shows the options of one plug-in, `list schema` the
JSON schema for editors.
"""
_WRITTEN_OUT = {
    "Arm": """An arm of `arms:` may also have `grid: {align.beta: [0.1, 0.5]}` (one arm a combination), `seeds: [0, 1, 2]`
(one a training seed, put together in the report) and `rounds: 3` (each from the checkpoint of the one before); see
docs/guides/align.md.""",
    "BenchmarkConfig": """An entry may also have `wordings: [{style: official}, {style: llava}]`: asked in each, put together in
the report; see docs/guides/sweep.md.""",
}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of a Markdown table. A cell may hold no bar: the site shows the backslash that GitHub needs in front of it."""
    lines = [header, ["---"] * len(header), *rows]
    assert not any("|" in cell for line in lines for cell in line), lines
    return [f"| {' | '.join(line)} |" for line in lines]


def configuration_page() -> str:
    lines = [
        _NOTE,
        "# Configuration",
        _ABOUT,
    ]
    for model in _SECTIONS:
        lines += [f"## {_TITLES[model.__name__]}", "", *table(["key", "type", "default", "what it is"], _keys(model)), ""]
        lines += [_WRITTEN_OUT[model.__name__], ""] if model.__name__ in _WRITTEN_OUT else []
    lines += ["## `training:` of an aligner", "", "The settings of the training loop, the same for every aligner.", ""]
    lines += [*_options(training_options()), ""]
    for kind, (title, about) in _KINDS.items():
        lines += [f"## {title}", "", about, ""]
        for name in registry.names(kind):
            lines += [*_plugin(kind, name), ""]
    return "\n".join(lines).rstrip() + "\n"


def _keys(model: Any) -> Iterator[list[str]]:
    for name, field in model.model_fields.items():
        default = _NEEDED if field.is_required() else json.dumps(field.get_default(call_default_factory=True))
        yield [f"`{name}`", _type_in_words(field.annotation), f"`{default}`", field.description or ""]


def _type_in_words(annotation: Any) -> str:
    """As the options of plug-ins have it: "a whole number or null"; constraints are in the schema."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type_in_words(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return " or ".join(map(_type_in_words, get_args(annotation)))
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a name with its options" if issubclass(annotation, schema.Plugin) else "a mapping"
    return words_for(getattr(origin or annotation, "__name__", "").replace("NoneType", "None"))


def _plugin(kind: str, name: str) -> list[str]:
    lines = [f"### `{name}` ({kind})", "", registry.describe(kind, name), ""]
    options = () if kind == "report" else registry.options(kind, name)
    return [*lines, *_options(options)] if options else lines[:-1]


def _options(options: Iterable[Any]) -> list[str]:
    rows = [[f"`{o.name}`", words_for(o.type), f"`{o.default_text}`", o.about] for o in options]
    return table(["option", "type", "default", "what it is"], rows)


def cli_page() -> str:
    root: Any = typer.main.get_command(app)
    lines = [_NOTE, "# Command line", "", "`python -m harness COMMAND`, or `mm-align-harness COMMAND`.", ""]
    for name, command in sorted(root.commands.items()):  # by name: the order of registration depends on who imports first
        subcommands = getattr(command, "commands", None)
        lines += [f"## `{name}`", "", *_command(f"{name}", command)]
        for second, inner in (subcommands or {}).items():
            lines += [f"### `{name} {second}`", "", *_command(f"{name} {second}", inner)]
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, command: Any) -> list[str]:
    lines = [inspect.cleandoc(command.help or ""), ""]
    parameters = [p for p in command.params if p.name != "help"]
    if parameters:
        usage = " ".join(_shown(p) for p in parameters if p.param_type_name == "argument")
        lines += ["```", f"python -m harness {name} {usage} [OPTIONS]".replace("  ", " "), "```", ""]
        rows = [[f"`{_shown(p)}`", _default(p), getattr(p, "help", None) or ""] for p in parameters]
        lines += [*table(["argument or option", "default", "what it is"], rows), ""]
    if command.epilog:
        head, _, examples = command.epilog.partition(":")
        commands = [part.strip() for part in examples.split("   |   ")]
        lines += [f"{head}:", "", "```", *commands, "```", ""]
    return lines


def _shown(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def _default(parameter: Any) -> str:
    value = parameter.default
    if callable(value) or value is None or value is False or str(value) == "Sentinel.UNSET":
        return ""
    return f"`{value}`"


PAGES = {ROOT / "docs" / "cli.md": cli_page, ROOT / "docs" / "configuration.md": configuration_page}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
        sys.stdout.write(f"{path}\n")
