"""Several ways to write the same study: settings of the training loop in two forms, and a number as text.

`training:` (now) and the flat form of version 0.1: every aligner takes the settings of the loop as one mapping:

    align: {name: dpo, beta: 0.1, training: {learning_rate: 5.0e-7, epochs: 3}}
    align: {name: online_dpo, dpo: {beta: 0.1}, training: {learning_rate: 5.0e-7}, judge: {name: annotations}}

Version 0.1 wrote those of `dpo` and `sft` beside `name`, and those of `online_dpo`, `mixed_dpo` and `online_bdhs` inside
`dpo`. Both forms are read; the new one is written. A run is still named by the digest of the old form (`flat`), so that a
run of version 0.1 goes on in its own folder.

YAML reads 1e-1, which has no point, as text. Where an option is a number it becomes that number when a study is read
(`with_numbers`), so that 1e-1 and 0.1 are one study. Stored studies keep the text, and the name that it gave their run.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.option_faults import OWN_KEYS, plugins_of
from harness.core import registry
from harness.core.digests import value_digest
from harness.core.errors import ConfigError
from harness.core.options.option import Option
from harness.core.options.source import training_options
from harness.core.options.types import kinds_of, read, typed

# the settings that version 0.1 knew; one that came later has the new form only
SETTINGS = (
    *("learning_rate", "epochs", "max_steps", "batch_size", "micro_batch", "warmup_ratio", "schedule", "weight_decay", "clip"),
    *("lora", "projector_learning_rate", "freeze_vision", "max_length", "gradient_checkpointing", "dtype", "early_stop"),
    *("save_every", "keep_states", "trackers"),
)
FLAT = ("dpo", "sft")
INSIDE_DPO = ("online_dpo", "mixed_dpo", "online_bdhs")
_WITH_EXPONENT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
_TEXTS = ("name", "targets", "metric", "vocabulary", "unit")  # keys of such mappings that hold no number
_HELD = {"dpo": ("aligner", "dpo"), "bdhs": ("source", "bdhs")}  # option of an aligner -> plug-in whose options it holds
_OF_NUMBERS = ("sampling", "collapse", "damage", "reference_sync")  # options of aligners that hold numbers by name
_MATCHED = ("source", "bdhs", "matched")  # and of a source


def nested(tree: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The configuration with every arm's settings under `training`; a setting that is written in both forms is a fault."""
    made = dict(tree)
    for part in ("reward_models", "arms"):
        if isinstance(tree.get(part), list):
            made[part] = [_nested_arm(arm, f"{part}.{i}.align", faults) for i, arm in enumerate(tree[part])]
    return made


def _nested_arm(arm: Any, where: str, faults: list[str]) -> Any:  # Any: a YAML value
    align = arm.get("align") if isinstance(arm, Mapping) else None
    if not isinstance(align, Mapping):
        return arm
    name, training = align.get("name"), align.get("training") or {}
    holder = align if name in FLAT else align.get("dpo") if name in INSIDE_DPO else None
    if not isinstance(holder, Mapping) or not isinstance(training, Mapping):
        return arm
    known = (*SETTINGS, "seed") if name in INSIDE_DPO else SETTINGS
    old = {key: value for key, value in holder.items() if key in known}
    if not old:
        return arm
    if twice := [key for key in old if key in training]:
        at = where if holder is align else f"{where}.dpo"
        faults.append(f"{at}.{twice[0]}: is also set as {where}.training.{twice[0]}; keep that one")
    rest = {key: value for key, value in holder.items() if key not in old}
    align = {**rest} if holder is align else {**align, "dpo": rest}
    return {**arm, "align": {**align, "training": {**old, **training}}}


def flat(align: Mapping[str, Any]) -> dict[str, Any]:
    """An arm's `align` as version 0.1 wrote it: the identity of a run."""
    name, training = align.get("name"), align.get("training")
    if not isinstance(training, Mapping) or name not in (*FLAT, *INSIDE_DPO):
        return dict(align)
    rest = {key: value for key, value in align.items() if key != "training"}
    return {**rest, **training} if name in FLAT else {**rest, "dpo": {**(rest.get("dpo") or {}), **training}}


def with_numbers(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with numbers in the place of texts such as "1e-1" wherever a plug-in's option is a number."""
    made = copy.deepcopy(dict(tree))
    for kind, where, spec in plugins_of(tree):
        place, table = _at(made, where), {option.name: option for option in _options_of(kind, spec)}
        for key in [key for key in spec if key not in OWN_KEYS.get(kind, ("name",))]:
            if key in table:
                place[key] = _number(spec[key], table[key])
            if kind == "aligner":
                place[key] = _inside(key, place[key], spec)
            if (kind, spec.get("name"), key) == _MATCHED:
                place[key] = _numbers_in(place[key])
    return made


def same_values(tree: Mapping[str, Any]) -> str:
    """Digest of a configuration that two ways to write one number or text share: 1e-1 and 0.1, 1 and 1.0, 2014 and "2014".

    So do a null and an absent option that is null by default. What an option of any type holds, or one that may be a whole
    number or another (1 of it, 1.0 of all), counts as it is written.
    """
    made = with_numbers(tree)
    for kind, where, spec in plugins_of(made):
        place, table = _at(made, where), {option.name: option for option in _options_of(kind, spec)}
        own = typed({k: v for k, v in place.items() if k not in OWN_KEYS.get(kind, ("name",))}, table.values())
        for name, value in own.items():
            kinds = kinds_of(table[name].type) if name in table else ["any"]
            if value is None and name in table and table[name].default is None:
                del place[name]
            else:
                place[name] = value_digest(value) if "any" in kinds or {"int", "float"} <= {*kinds} else value
    return value_digest(_whole(made))


def _options_of(kind: str, spec: Mapping[str, Any]) -> Sequence[Option]:
    """The options of a plug-in; none of one that is unknown, which is told elsewhere."""
    name = spec.get("name")
    try:
        return registry.options(kind, name) if isinstance(name, str) else ()
    except ConfigError:
        return ()


def _at(tree: Any, where: str) -> Any:  # Any: a YAML value
    """The mapping at a place such as "arms.0.align"."""
    for part in where.split("."):
        tree = tree[int(part)] if isinstance(tree, list) else tree[part]
    return tree


def _number(value: Any, option: Option) -> Any:  # Any: a YAML value
    """The option's value, texts in it as the numbers they are; as it is where it does not fit."""
    made, fault = read(value, option.type)
    if fault or not isinstance(value, (str, list, tuple)):
        return value
    if isinstance(value, str):
        return made if isinstance(made, float) else value
    return [new if isinstance(old, str) and isinstance(new, float) else old for old, new in zip(value, made, strict=True)]


def _inside(key: str, value: Any, around: Mapping[str, Any]) -> Any:  # Any: a YAML value
    """The same inside an option of an aligner, by the table of what it holds. Options of a user's own plug-in stay as they are:
    what is a number in them nobody but the plug-in knows."""
    if key == "loss" and isinstance(value, (list, tuple)):
        return [_fitted(one, _options_of("loss", one)) if isinstance(one, Mapping) else one for one in value]
    if not isinstance(value, Mapping):
        return value
    if key == "training":
        found = _fitted(value, training_options())
        return {k: _numbers_in(one) if isinstance(one, Mapping) else one for k, one in found.items()}
    if key in _HELD:
        found = _fitted(value, registry.options(*_HELD[key]))
        return {k: _inside(k, one, found) for k, one in found.items()}
    if key == "loss_options":
        return _fitted(value, _options_of("loss", {"name": around.get("loss", "dpo")}))
    return _numbers_in(value) if key in _OF_NUMBERS else value


def _fitted(value: Mapping[str, Any], table: Sequence[Option]) -> dict[str, Any]:
    """The mapping with numbers for texts where the table has a number; `weight` is that of a loss in a mixture."""
    known = {option.name: option for option in (Option("weight", "float", 1.0, ""), *table)}
    return {key: _number(one, known[key]) if key in known else one for key, one in value.items()}


def _numbers_in(value: Any) -> Any:  # Any: a YAML value
    """The same inside a mapping of numbers, such as `lora: {dropout: 1e-1}`."""
    if isinstance(value, (list, tuple)):
        return [_numbers_in(one) if isinstance(one, (Mapping, list, tuple)) else one for one in value]
    if not isinstance(value, Mapping):
        return value
    return {key: one if key in _TEXTS else float(one) if _is_finite(one) else _numbers_in(one) for key, one in value.items()}


def _is_finite(value: object) -> bool:
    return isinstance(value, str) and _WITH_EXPONENT.fullmatch(value) is not None and math.isfinite(float(value))


def _whole(value: Any) -> Any:  # Any: a YAML value
    """Plain values with 1 for 1.0, in the keys and lists inside them too."""
    if isinstance(value, Mapping):
        return {str(key): _whole(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
