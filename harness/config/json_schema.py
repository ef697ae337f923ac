"""The JSON schema of run.yaml, for editors: the study's own keys from the models, each plug-in's options from its signature."""

from __future__ import annotations

from typing import Any

from harness.config.option_faults import SOURCES_INSIDE
from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.options.option import Option
from harness.core.options.source import training_options
from harness.core.options.types import is_names, kinds_of

_JSON = {"bool": "boolean", "int": "integer", "float": "number", "str": "string", "list": "array", "map": "object"}
_JSON |= {"none": "null"}
_WORDINGS = {"wordings": {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "object", "minProperties": 1}}}
_WRITTEN_OUT = {  # keys of an arm that `grid.expand` turns into arms
    "grid": {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}},
    "rounds": {"type": "integer", "minimum": 1},
    "seeds": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer"}},
}
_PLACES = {"BenchmarkConfig": "benchmark", "JudgeConfig": "judge", "AlignConfig": "aligner"}  # the study's model -> kind


def json_schema() -> dict[str, Any]:
    """Every mapping of a plug-in is one of the plug-ins that are installed, with no key beside its options."""
    schema = RunConfig.model_json_schema()
    parts = schema["$defs"]
    parts["BenchmarkConfig"]["properties"] |= _WORDINGS
    for name, kind in _PLACES.items():
        parts[name] = _one_of(kind, {k: v for k, v in parts[name]["properties"].items() if k != "name"})
    parts.pop("Plugin", None)
    parts["Source"], parts["Model"] = _one_of("source", {}), _one_of("model", {})
    parts["Arm"]["properties"] |= {"pairs": {"$ref": "#/$defs/Source"}, **_WRITTEN_OUT}
    schema["properties"]["gates"]["anyOf"].append({"type": "string"})  # `default`, or a policy file
    schema["properties"]["model"] = {"$ref": "#/$defs/Model"}
    return schema


def _one_of(kind: str, own: dict[str, Any]) -> dict[str, Any]:
    """A mapping of any plug-in of a kind; `own`: the study's keys in it."""
    return {"oneOf": [_plugin(kind, name, own) for name in registry.names(kind)], "type": "object"}


def _plugin(kind: str, name: str, own: dict[str, Any]) -> dict[str, Any]:
    try:
        options = registry.options(kind, name)
    except ConfigError:  # a third-party plug-in that does not import: its options are unknown
        return {"properties": {"name": {"const": name}}, "required": ["name"], "type": "object"}
    properties = {"name": {"const": name, "description": registry.describe(kind, name)}}
    properties |= {option.name: _option(kind, option) for option in options if option.name != "*"}
    return {
        "title": name,
        "type": "object",
        "properties": properties | own,
        "required": ["name", *(option.name for option in options if option.needed)],
        "additionalProperties": any(option.name == "*" for option in options),
    }


def _option(kind: str, option: Option) -> dict[str, Any]:
    made: dict[str, Any] = {"description": option.about} if option.about else {}
    if kind == "aligner" and option.name == "training":
        settings = {one.name: _option("", one) for one in training_options()}
        return {**made, "type": "object", "properties": settings, "additionalProperties": False}
    if kind == "judge" and option.name == "model":
        return {**made, "type": "object"}
    if kind == "source" and option.name in SOURCES_INSIDE:
        return {**made, "$ref": "#/$defs/Source"}
    kinds = kinds_of(option.type)
    if "any" not in kinds:
        types = [_JSON[one] for one in kinds]
        made["type"] = types if len(types) > 1 else types[0]
    made |= {"uniqueItems": True} if is_names(option.type) else {}
    if not option.needed:
        made["default"] = option.default
    return made
