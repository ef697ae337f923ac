"""gate.yaml -> `GatePolicy`: all faults at once, each with its place.

name: release
alpha: 0.05
rules:
  - {metric: chair.chair_i, role: improve}
  - {metric: chair.recall, role: guard, margin: 2 points}
  - {metric: chair.length, role: guard, better: higher, margin: 20 % of base}
  - {metric: pope.yes_rate, role: watch}
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.config import yaml_text
from harness.config.option_faults import schema_faults
from harness.core.edge.files import expanded, is_file, is_folder
from harness.core.errors import ConfigError
from harness.core.gating import MARGIN_UNITS, GatePolicy, Margin, Rule
from harness.core.nearest import did_you_mean

DEFAULT = Path(__file__).parent / "policies" / "default.yaml"
_MARGIN = re.compile(r"^([+-]?[0-9.eE+-]+)\s*(.*)$")
_UNITS = {"point": "points", "word": "words", "counts": "count"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class GateRule(_Strict):
    """One rule of a gate: a metric, or all metrics of a kind, and what is required of it."""

    metric: str | None = Field(None, description="BENCHMARK.METRIC, with a slice BENCHMARK.METRIC[SLICE]")
    kind: Literal["hallucination", "helpfulness", "ability", "length"] | None = Field(
        None, description="the first metric of this kind of each benchmark, instead of `metric`"
    )
    role: Literal["improve", "guard", "watch"] = Field(
        description="improve: must get better; guard: must not get worse by the margin; watch: shown only"
    )
    margin: str | float | int | None = Field(
        None, description="number and unit: 2 points, 5 words, 5 % of base; required for guard, 0 where absent for improve"
    )
    need: Literal["any", "all"] = Field("all", description="for improve with a kind: one of its metrics must improve, or all")
    better: Literal["higher", "lower"] | None = Field(
        None, description="the good direction, where the metric has none of its own (length)"
    )


class GateConfig(_Strict):
    """A gate: rules on the differences between an aligned checkpoint and its base."""

    name: str = Field("gate", min_length=1, max_length=80, description="name of the policy in reports")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="chance of a false pass, and of a false fail, over all its tests")
    rules: list[GateRule] = Field(min_length=1)


def load_policy(named: str) -> GatePolicy:
    """The policy of a YAML file, or the one that ships ("default"). Raises ConfigError naming every fault."""
    return parse_policy(read(named), named)


def written_out(tree: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    """A study with `gates: default` or `gates: gate.yaml` written out, so that a stored study needs no other file."""
    if not isinstance(named := tree.get("gates"), str):
        return tree
    try:
        return {**tree, "gates": read(named)}
    except ConfigError as error:
        faults.append(f"gates: {error}")
        return {**tree, "gates": None}


def faults_of(gates: GateConfig | None, arms: Sequence[object]) -> list[str]:
    """What is wrong with a study's gate that its form alone does not show."""
    if gates is not None and not arms:
        return [
            "gates: a gate compares arms with the base, and this study has no `arms`. Leave `gates` out; the command "
            "`gate BASE_RUN RUN` compares two runs"
        ]
    try:
        if gates is not None:
            policy_of(gates, "its policy")
    except ConfigError as error:
        return [f"gates: {error}"]
    return []


def read(named: str) -> Any:  # Any: a YAML value, checked by `parse_policy`
    """The keys and values of a policy file, or of the one that ships ("default"), unchecked."""
    source = DEFAULT if named == "default" else expanded(named)
    if is_folder(source):
        raise ConfigError(f"{source} is a folder; give a policy file (docs/guides/gate.md).")
    if not is_file(source):
        near = did_you_mean(named, ["default"])
        raise ConfigError(
            f"There is no policy file {source}.{near} docs/guides/gate.md shows one; `default` is the one that ships."
        )
    value = yaml_text.read_file(source)
    if not isinstance(value, Mapping):  # of an empty file: a study would have no gate at all
        raise ConfigError(f"{source} must hold keys and values (name, alpha, rules); docs/guides/gate.md shows a policy.")
    return value


def parse_policy(tree: Any, where: str = "the policy") -> GatePolicy:
    """A checked policy from plain values. Raises ConfigError naming every fault at once."""
    if not isinstance(tree, Mapping):
        raise ConfigError(f"{where} must hold keys and values: name, alpha, rules. docs/guides/gate.md shows a policy.")
    try:
        policy = GateConfig.model_validate(dict(tree))
    except ValidationError as error:
        raise ConfigError(_listed(schema_faults(error, dict(tree), GateConfig), where)) from error
    return policy_of(policy, where)


def policy_of(policy: GateConfig, where: str = "the policy") -> GatePolicy:
    """The same from a model that pydantic has checked."""
    faults: list[str] = []
    rules = [rule for i, one in enumerate(policy.rules) if (rule := _rule(one, f"rules.{i}", faults)) is not None]
    faults += _contradictions(rules)
    if not faults and all(rule.role == "watch" for rule in rules):
        faults.append("rules: every rule only watches, so the gate could never decide; give one the role guard or improve")
    if faults:
        raise ConfigError(_listed(faults, where))
    return GatePolicy(policy.name, tuple(rules), policy.alpha)


def _rule(one: GateRule, place: str, faults: list[str]) -> Rule | None:
    if (one.metric is None) == (one.kind is None):
        faults.append(f"{place}: give either `metric` (BENCHMARK.METRIC) or `kind`")
        return None
    if one.metric is not None and not re.fullmatch(r"[^.\s\[\]]+\.[^\[\]]+(\[[^\[\]]+\])?", one.metric):
        faults.append(f"{place}.metric: {one.metric!r} is not BENCHMARK.METRIC, such as chair.recall or pope.f1[adversarial]")
        return None
    if one.need == "any" and (one.role != "improve" or one.kind is None):
        faults.append(f"{place}.need: `any` is for improve rules over a `kind`")
    if one.kind == "length" and one.better is None and one.role != "watch":
        faults.append(f"{place}.better: is longer or shorter better? Give `better: higher` or `better: lower`")
    try:
        margin = _margin(one)
    except ConfigError as error:
        faults.append(f"{place}.margin: {error}")
        return None
    return Rule(one.role, one.metric or "", one.kind or "", margin, one.need, one.better or "")


def _margin(one: GateRule) -> Margin | None:
    if one.role == "watch":
        if one.margin is not None:
            raise ConfigError("a rule that only watches has no margin; remove it, or choose the role guard")
        return None
    if one.margin is None:
        if one.role == "guard":
            raise ConfigError("is missing: how much worse is still acceptable? For example 2 points, or 5 % of base")
        return None
    margin = read_margin(one.margin)
    if one.role == "guard" and margin.value == 0:
        raise ConfigError("0 can never be shown to be kept: equal checkpoints differ by chance. Give what is acceptable")
    return margin


def read_margin(value: str | float) -> Margin:
    """'2 points' -> Margin(2.0, "points"). Raises ConfigError for a wrong sign, a missing or an unknown unit."""
    units = "points (percentage points of shares), words, count, or % of base"
    found = _MARGIN.match(str(value).strip())
    try:
        number = float(found.group(1)) if found else math.nan
    except ValueError:
        number = math.nan
    if found is None or not math.isfinite(number):
        raise ConfigError(f"{value!r} is not a number with a unit ({units})")
    unit = _UNITS.get(found.group(2).strip(), found.group(2).strip())
    if unit not in MARGIN_UNITS:
        said = f"has the unit {unit!r}" if unit else "has no unit"
        more = " For a share, 2 percentage points are `2 points`; 2 per cent of the baseline's value are `2 % of base`." * (
            unit in ("%", "pp", "per cent", "percent", "")
        )
        raise ConfigError(f"{value!r} {said}; choose {units}.{more}")
    if number < 0:
        raise ConfigError(f"{value!r} is negative; a margin is a distance: give {str(value).strip().lstrip('-')!r}")
    if unit == "% of base" and number >= 100:
        raise ConfigError(f"{value!r} would accept the loss of everything; give less than 100 % of base")
    return Margin(number, unit)


def _contradictions(rules: Sequence[Rule]) -> list[str]:
    metrics = Counter(rule.metric for rule in rules if rule.metric)
    kinds = Counter((rule.kind, rule.role) for rule in rules if rule.kind)
    faults = [f"rules: {metric} has {n} rules; give it one" for metric, n in metrics.items() if n > 1]
    faults += [
        f"rules: kind {kind} has {n} rules of the role {role}; give it one" for (kind, role), n in kinds.items() if n > 1
    ]
    directions: dict[str, set[str]] = {}
    for rule in rules:
        if rule.kind and rule.better:
            directions.setdefault(rule.kind, set()).add(rule.better)
    faults += [f"rules: kind {kind} is better both higher and lower" for kind, ways in directions.items() if len(ways) > 1]
    return faults


def _listed(faults: Sequence[str], where: str) -> str:
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return "\n".join([f"{count} in {where}:", *(f"  - {fault}" for fault in dict.fromkeys(faults))])
