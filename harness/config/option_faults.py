"""Faults in the plug-ins of a study, found without importing one: unknown names and options, values of another type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.options.source import training_options
from harness.core.options.types import faults_of

SOURCES_INSIDE = ("first", "second", "from")  # options of a source that hold another one
# keys of a plug-in's mapping that are the study's, not the plug-in's own
OWN_KEYS = {"benchmark": ("name", "judge", "judge_repeats", "limit", "items", "label"), "aligner": ("name", "judge", "reward")}
Spec = tuple[str, str, Mapping[str, Any]]  # kind, place in the study, mapping


def option_faults(tree: Mapping[str, Any], changes: Sequence[str] = ()) -> list[str]:
    """All faults, each with its place; a mapping that the schema refuses is passed over here.

    changes: `key.path=value` that were made to it; one that renames a plug-in is explained where the others' options stay.
    """
    faults: list[str] = []
    renamed = {path.removesuffix(".name") for path in (c.partition("=")[0] for c in changes) if path.endswith(".name")}
    for kind, where, spec in plugins_of(tree):
        name = spec.get("name")
        if not isinstance(name, str):
            continue
        try:
            table = registry.options(kind, name)
        except ConfigError as error:
            faults.append(f"{where}: {error}")
            continue
        options = {str(k): v for k, v in spec.items() if k not in OWN_KEYS.get(kind, ("name",))}
        faults += [f"{where}: {fault}" for fault in faults_of(options, table, f"the {kind} {name!r}")]
        if where in renamed and any(option not in {known.name for known in table} for option in options):
            faults.append(
                f"{where}: `{where}.name={name}` changes the name alone, the options of the one before stay. Give all of it: "
                f"'{where}={{name: {name}, ...}}'."
            )
        training = options.get("training")
        if kind == "aligner" and isinstance(training, Mapping):
            faults += [f"{where}: {fault}" for fault in faults_of(training, training_options(), "the option 'training'")]
    return [*faults, *_repeats_without_judge(tree)]


def _repeats_without_judge(tree: Mapping[str, Any]) -> list[str]:
    specs = [(n, spec) for n, spec in enumerate(_list(tree.get("sweep"))) if isinstance(spec, Mapping)]
    return [
        f"sweep.{n} has judge_repeats but no judge" for n, spec in specs if spec.get("judge_repeats") and not spec.get("judge")
    ]


def plugins_of(tree: Mapping[str, Any]) -> Iterator[Spec]:
    """Every plug-in that a study names, those inside others too."""
    yield from _one("model", "model", tree.get("model"))
    for part in ("reward_models", "arms"):
        for n, arm in enumerate(_list(tree.get(part))):
            if isinstance(arm, Mapping):
                yield from _one("source", f"{part}.{n}.pairs", arm.get("pairs"))
                yield from _one("aligner", f"{part}.{n}.align", arm.get("align"))
    for n, spec in enumerate(_list(tree.get("sweep"))):
        yield from _one("benchmark", f"sweep.{n}", spec)


def _one(kind: str, where: str, spec: Any) -> Iterator[Spec]:
    if not isinstance(spec, Mapping):
        return
    yield kind, where, spec
    if "judge" in OWN_KEYS.get(kind, ()):
        yield from _one("judge", f"{where}.judge", spec.get("judge"))
    if kind == "source":
        for part in SOURCES_INSIDE:
            yield from _one("source", f"{where}.{part}", spec.get(part))
    if kind in ("judge", "source") and isinstance(spec.get("model"), Mapping):
        yield from _one("model", f"{where}.model", {"name": "transformers", **spec["model"]})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
