"""run.yaml <-> strict, frozen models. All faults are reported at once, with the nearest existing key.

A plug-in is written as its name plus its options: `{name: pope, splits: [adversarial]}`. The options are checked
against the plug-in's own signature before anything is loaded, so a plug-in defines its options in one place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.config import gate_policy, grid, written_forms, yaml_text
from harness.config import study_tables as study
from harness.config.arm_order import Written, baseline_faults, order_faults
from harness.config.changes import changed
from harness.config.fleet_form import ArmResources, FleetConfig, Jobs
from harness.config.gate_policy import GateConfig
from harness.config.option_faults import all_faults, option_faults, schema_faults
from harness.config.study_tables import TableNotes
from harness.core.digests import round_seed, value_digest
from harness.core.edge.foreign import refused_as
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean

Options = dict[str, Any]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=grid.MOST_LETTERS)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]  # as torch takes it


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Plugin(BaseModel):
    """A plug-in by name; every other key is one of its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: str = Field(description="file name of the plug-in, see `python -m harness list`")

    @property
    def options(self) -> Options:
        return dict(self.model_extra or {})


class JudgeConfig(Plugin):
    """A judge by name with its options; `model` names the checkpoint of a chat judge."""


class BenchmarkConfig(Plugin):
    """A benchmark by name with its options, and the judge it needs if it needs one."""

    judge: JudgeConfig | None = Field(None, description="who judges its answers, e.g. {name: keywords}, where it asks a judge")
    judge_repeats: int | None = Field(None, ge=1, description="answers a checkpoint judged a second time: the judge's noise")
    limit: int | None = Field(None, ge=1, description="only its first N items")
    items: list[str] | None = Field(None, min_length=1, description="only the items with these ids")
    label: Name | None = Field(
        None, description="its name in the report, needed when one benchmark is swept twice; -wordingN is kept for `wordings`"
    )

    @property
    def title(self) -> str:
        return self.label or self.name


class AlignConfig(Plugin):
    """An aligner by name with its options, and the judge or the reward model that an online method needs."""

    judge: JudgeConfig | None = Field(None, description="who rates or ranks answers in training, e.g. {name: annotations}")
    reward: Name | None = Field(None, description="name of one of `reward_models`, for rloo and ppo")


class Arm(_Strict):
    """One aligned checkpoint: where its pairs come from and how they are learned."""

    name: Name = Field(description="label of the checkpoint in the report")
    pairs: Plugin = Field(description="source of preference pairs, e.g. {name: bdhs, rho_th: 0.99}")
    align: AlignConfig = Field(description="aligner, e.g. {name: dpo, beta: 0.1, training: {learning_rate: 1.0e-6}}")
    seed: Seed | None = Field(None, description="seed of this arm's pairs and training; the run's where absent")
    after: Name | None = Field(None, description="earlier arm whose checkpoint makes its pairs, goes on and is its reference")
    reference: Name | None = Field(None, description="base or earlier arm as reference; absent: what it begins with")
    round: int | None = Field(None, ge=2, description="its draws are other ones than those of the arm before; set by `rounds`")
    resources: ArmResources | None = Field(None, description="with `fleet`: processes and GPUs of its training")


_PLACED: Any = {"__all__": {"resources"}}  # where it is carried out
_PLACES: Any = {"output": True, "fleet": True, "jobs": True, "arms": _PLACED, "reward_models": _PLACED}


class RunConfig(_Strict):
    """One study: a base checkpoint, ways to align it, and the sweep all of them go through."""

    name: Name = Field("run", description="begins the name of the run's folder")
    seed: Seed = Field(0, description="every random draw of the run derives from it")
    data: str = Field("miniworld", min_length=1, description="data folder, or `miniworld` for the embedded world")
    model: Plugin = Field(description="base checkpoint, e.g. {name: transformers, path: /models/llava-v1.6-vicuna-7b-hf}")
    reward_models: list[Arm] = Field(
        default_factory=list, description="trained before the arms; rloo and ppo name one as their `reward`"
    )
    arms: list[Arm] = Field(default_factory=list, description="ways to align it; none: the checkpoint is only evaluated")
    sweep: list[BenchmarkConfig] = Field(min_length=1, description="benchmarks, e.g. [{name: pope}, {name: chair, limit: 500}]")
    baseline: Name | None = Field(
        None, description="arm that the report compares all others with; default: the unaligned checkpoint"
    )
    published: list[str] = Field(default_factory=list, description="tables of the study to put beside, e.g. [Table 6]")
    table: TableNotes | None = Field(None, description="what a report says of a study of the paper; set by `study:NAME`")
    gates: GateConfig | None = Field(
        None, description="policy of the report's gate: `default`, a policy file, or the policy itself (name, alpha, rules)"
    )
    output: str = Field("runs", min_length=1, description="folder of all runs and their store")
    fleet: FleetConfig | None = Field(None, description="answer on several GPUs or hosts; absent: in this process")
    jobs: Jobs = Field(1, description="processes side by side on this machine; `auto`: as many as its cores allow")

    def place_of(self, arm: Arm) -> str:
        """The folder of an arm or a reward model in the run's folder."""
        return f"{'reward_models' if arm in self.reward_models else 'arms'}/{arm.name}"

    def seed_of(self, arm: Arm) -> int:
        """Seed of an arm's draws: its own, or the study's."""
        return arm.seed if arm.seed is not None else self.seed

    def draws_of(self, arm: Arm) -> int:
        """The same for what is drawn anew in each round: rejected answers, answers in training, the order of pairs."""
        return round_seed(self.seed_of(arm), arm.round)

    def run_id(self, *parts: Any) -> str:
        """Id of this study's run; `parts`: whatever else makes it another one, such as the base's digest."""
        return f"{self.name}-{value_digest([self.digest, *parts])[:8]}"

    @property
    def parts(self) -> dict[str, dict[str, Any]]:
        """Base checkpoint, reward models, arms (with the seed of their draws) and benchmarks as plain values, by name."""
        found = {"model": self.model.model_dump()}
        for part, arms in (("reward_models", self.reward_models), ("arms", self.arms)):
            found |= {f"{part}.{arm.name}": {**arm.model_dump(exclude_none=True), "seed": self.seed_of(arm)} for arm in arms}
        return found | {f"sweep.{spec.title}": spec.model_dump(exclude_none=True) for spec in self.sweep}

    @property
    def digest(self) -> str:
        """Identity of what was asked, in any form (`written_forms.flat`), less unset newer keys and report settings."""
        asked = self.model_dump(exclude={**_PLACES, "table": True, "baseline": True, "gates": True})
        for arm in (*asked["reward_models"], *asked["arms"]):
            arm["align"] = written_forms.flat(arm["align"])
            for key in [key for key in ("after", "reference", "round") if arm[key] is None]:  # as before there were any
                del arm[key]
        asked["sweep"] = [{k: v for k, v in spec.items() if k != "judge_repeats" or v} for spec in asked["sweep"]]
        return value_digest(asked)

    def as_yaml(self) -> str:
        """The study as asked; not where it is written or runs, so that reports are the same bytes everywhere."""
        asked = self.model_dump(exclude_none=True, exclude=_PLACES)
        return yaml.safe_dump(asked, sort_keys=False, allow_unicode=True)


def load(path: Path | None, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a run's configuration; without a path, the built-in miniature study.

    Args:
        path: YAML file.
        overrides: `key.path=value` with YAML values; in a list, the path goes on with a number, a label or a name.
    Raises ConfigError naming every fault, its place and the nearest known key.
    """
    return parse(read_tree(path), path.name if path is not None else "the built-in study", overrides)


def read_tree(path: Path | None) -> dict[str, Any]:
    """The keys and values of a configuration file, unchecked; without a path, of the built-in study."""
    source = path if path is not None else Path(__file__).parent / "studies" / "mini.yaml"
    tree = yaml_text.read_file(source)
    if not isinstance(tree, dict):
        raise ConfigError(f"{source} must hold keys and values (name, model, arms, sweep, ...).")
    return tree


def load_table(name: str, mini: bool, overrides: Sequence[str] = ()) -> tuple[RunConfig, list[str]]:
    """A table of the study ("table6"), real or on the miniature world, and its rows that had to be left out.

    Its notes keep the study as it is shipped, so that a report can tell what was changed.
    """
    tree, left = study.tree(name, mini)
    shipped = {part: json.dumps(values) for part, values in parse(tree, f"study:{name}").parts.items()}
    return parse({**tree, "table": {**tree["table"], "shipped": shipped}}, f"study:{name}", overrides), left


def stored(text: str, where: str) -> RunConfig:
    """A configuration as a store keeps it, also in the form of version 0.1.

    Plug-ins and options are not checked again: one may no longer be installed. Raises ConfigError for another text.
    """
    with refused_as(ConfigError, f"{where} cannot be read", "Restore it from a copy, or run the study again."):
        return RunConfig.model_validate(written_forms.nested(yaml.safe_load(text), []))


def parse(tree: Mapping[str, Any], where: str = "configuration", overrides: Sequence[str] = ()) -> RunConfig:
    """A checked configuration from plain values and `key.path=value` changes to them.

    Raises ConfigError naming every fault at once: of the changes, of the keys, and of the plug-ins' options.
    """
    if not isinstance(tree, Mapping):
        raise ConfigError(f"{where} must hold keys and values (name, model, arms, sweep, ...).")
    faults: list[str] = []
    tree = changed(yaml_text.unshared(dict(tree), where), overrides, faults)
    own: list[str] = []  # with places among the arms as they are written out
    tree, written = grid.expand(tree, faults)
    tree = gate_policy.written_out(written_forms.with_numbers(written_forms.nested(tree, own)), faults)
    own += option_faults(tree, overrides)
    try:
        config = RunConfig.model_validate(tree)
    except ValidationError as error:
        refused = written.in_the_file([*schema_faults(error, tree, RunConfig), *own])
        raise ConfigError(all_faults([*faults, *refused], where)) from error
    faults += [*written.in_the_file(own), *_contradictions(config, written), *gate_policy.faults_of(config.gates, config.arms)]
    if faults:
        raise ConfigError(all_faults(faults, where))
    return config


def _contradictions(config: RunConfig, written: Written) -> list[str]:
    """Names that are used twice, and arms whose reward model is not there."""
    trained = [*config.reward_models, *config.arms]
    faults = [f"arms: two arms are named {name!r}" for name in _repeated([a.name for a in trained])]
    faults += _alike([a.name for a in trained])
    faults += [f"sweep: two benchmarks are named {t!r}; give one a `label`" for t in _repeated([b.title for b in config.sweep])]
    lists = {"published": config.published, **{f"sweep.{b.title}.items": b.items or [] for b in config.sweep}}
    faults += [f"{place}: names {one!r} twice" for place, names in lists.items() for one in _repeated(names)]
    faults += ["arms: 'base' is the name of the unaligned checkpoint"] if any(a.name == "base" for a in trained) else []
    rewards = [m.name for m in config.reward_models]
    faults += [
        f"reward_models: {m.name} must be aligned by reward_model"
        for m in config.reward_models
        if m.align.name != "reward_model"
    ]
    faults += [
        f"arms: {a.name} is a reward model; it belongs under reward_models"
        for a in config.arms
        if a.align.name == "reward_model"
    ]
    faults += [
        f"arms: {a.name} names the reward {a.align.reward!r}; reward_models has {', '.join(rewards) or 'none'}."
        f"{did_you_mean(a.align.reward, rewards)}"
        for a in config.arms
        if a.align.reward is not None and a.align.reward not in rewards
    ]
    return [*faults, *order_faults(config.arms, config.reward_models, written), *baseline_faults(config.baseline, config.arms)]


def _alike(names: list[str]) -> list[str]:
    """Names that differ in their capitals alone: on macOS and Windows the folders of such arms are one."""
    first = {name.casefold(): name for name in reversed(names)}
    pairs = [(first[name.casefold()], name) for name in names if first[name.casefold()] != name]
    return [f"arms: the names {one!r} and {other!r} differ in capitals alone; rename one" for one, other in pairs]


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
