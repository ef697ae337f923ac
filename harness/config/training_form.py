"""The two ways to write the settings of the training loop: `training:` (now) and the flat one of version 0.1.

Every aligner takes the settings of the loop as one mapping:

    align: {name: dpo, beta: 0.1, training: {learning_rate: 5.0e-7, epochs: 3}}
    align: {name: online_dpo, dpo: {beta: 0.1}, training: {learning_rate: 5.0e-7}, judge: {name: annotations}}

Version 0.1 wrote those of `dpo` and `sft` beside `name`, and those of `online_dpo`, `mixed_dpo` and `online_bdhs` inside
`dpo`. Both forms are read; the new one is written. A run is still named by the digest of the old form (`flat`), so that a
run of version 0.1 goes on in its own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# the settings that version 0.1 knew; one that came later has the new form only
SETTINGS = (
    *("learning_rate", "epochs", "max_steps", "batch_size", "micro_batch", "warmup_ratio", "schedule", "weight_decay", "clip"),
    *("lora", "projector_learning_rate", "freeze_vision", "max_length", "gradient_checkpointing", "dtype", "early_stop"),
    *("save_every", "keep_states", "trackers"),
)
FLAT = ("dpo", "sft")
INSIDE_DPO = ("online_dpo", "mixed_dpo", "online_bdhs")


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
