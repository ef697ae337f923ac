"""What a configuration asks of its plug-ins: that they exist, take their options, and get what they cannot do without."""

from __future__ import annotations

import inspect

from harness.config.option_faults import all_faults
from harness.config.schema import AlignConfig, BenchmarkConfig, Plugin, RunConfig
from harness.core import registry
from harness.core.capabilities import CanBeTrained, Judged, NeedsJudge, NeedsReward
from harness.core.errors import ConfigError
from harness.core.judging import NoJudge
from harness.core.plugins import HasWaves


def check_plugins(config: RunConfig) -> None:
    """Every plug-in exists and takes its options; benchmarks, sources and aligners their values too; all faults at once.

    Imports the plug-ins' modules; loads no model and reads no data.
    """
    faults = plugin_faults(config)
    if faults:
        raise ConfigError(all_faults(faults, "the configuration"))


def plugin_faults(config: RunConfig) -> list[str]:
    """The same as a list, each fault once."""
    wanted: list[tuple[str, Plugin]] = [("model", config.model)]
    trained = [*config.reward_models, *config.arms]
    wanted += [pair for arm in trained for pair in (("source", arm.pairs), ("aligner", arm.align))]
    wanted += [("benchmark", b) for b in config.sweep]
    wanted += [("judge", b.judge) for b in config.sweep if b.judge is not None]
    wanted += [("judge", arm.align.judge) for arm in config.arms if arm.align.judge is not None]
    faults = []
    for kind, plugin in wanted:
        try:
            registry.check_options(kind, plugin.name, registry.get(kind, plugin.name), plugin.options)
        except ConfigError as error:
            faults.append(str(error))
    faults += [*_needs(config), *_values(config)] if not faults else []
    return list(dict.fromkeys(faults))


def _values(config: RunConfig) -> list[str]:
    """What benchmarks, sources and aligners say to the values of their options: a wrong beta costs a second, not a night."""
    faults = []
    for spec in config.sweep:
        needed = registry.get("benchmark", spec.name)
        is_judged = spec.judge is not None or (isinstance(needed, NeedsJudge) and needed.needs_judge)  # lacking: see `_needs`
        try:
            registry.make("benchmark", spec.name, spec.options, **({"judge": NoJudge()} if is_judged else {}))
        except ConfigError as error:
            faults.append(f"{spec.title}: {error}")
    for arm in (*config.reward_models, *config.arms):
        for kind, plugin in (("source", arm.pairs), ("aligner", arm.align)):
            try:
                registry.make(kind, plugin.name, plugin.options, judge=None, reward=None)
            except ConfigError as error:
                faults.append(f"arm {arm.name}: {error}")
    return faults


def _unshared(config: RunConfig) -> list[str]:
    """Several processes for a model behind a server: each would load it, or start the server again."""
    several = "fleet" if config.fleet is not None else "jobs" if config.jobs not in ("auto", 1) else ""
    model = registry.get("model", config.model.name)
    if not several or not inspect.isclass(model) or issubclass(model, HasWaves):
        return []
    what = "starts one server and sends" if config.model.options.get("serve") else "sends"
    return [
        f"`{several}` shares a model out among processes, but the model {config.model.name} {what} its questions from this "
        f"process, many at a time. Leave `{several}` out."
    ]


def no_judge(who: str) -> str:
    """What to say of a benchmark that cannot do without a judge."""
    known = ", ".join(registry.names("judge"))
    return (
        f"{who} needs a judge. Add `judge: {{name: ...}}` to it (sweep.{who}.judge.name=... on the command line); "
        f"known: {known}."
    )


def _unasked_judge(spec: BenchmarkConfig) -> list[str]:
    """A judge of a benchmark that asks none: its user takes the numbers for a judge's."""
    plugin = registry.get("benchmark", spec.name)
    if "judge" not in inspect.signature(plugin).parameters:
        return [f"{spec.name} asks no judge, and one is configured. Leave `judge` out"]
    try:
        made = registry.make("benchmark", spec.name, spec.options, judge=NoJudge())
    except ConfigError:
        return []  # reported where it is made
    if not isinstance(made, Judged) or made.judge_tasks:
        return []
    return [
        f"{spec.name} asks no judge with these options, and one is configured. Leave `judge` out, or set the option by which "
        "it asks one (docs/configuration.md)"
    ]


def _unasked_rater(spec: AlignConfig) -> list[str]:
    """A judge or a reward model that the aligner does not ask: its user takes the training for one by it."""
    taken = inspect.signature(registry.get("aligner", spec.name)).parameters
    if spec.reward is not None and spec.judge is not None and "reward" in taken and "judge" not in taken:
        return [
            f"{spec.name} learns from one reward, and both `reward` and `judge` are configured in align. Leave one of them out"
        ]
    asked = {"judge": ("judge", "reward"), "reward": ("reward",)}  # a judge's rating is a reward
    given, words = {"judge": spec.judge, "reward": spec.reward}, {"judge": "judge", "reward": "reward model"}
    return [
        f"{spec.name} asks no {words[name]}, and one is configured. Leave `{name}` out of align"
        for name, value in given.items()
        if value is not None and not any(parameter in taken for parameter in asked[name])
    ]


def _needs(config: RunConfig) -> list[str]:
    """Judges and rewards that are needed and lacking, or there and not asked; a model that cannot be trained, or not shared."""
    model = config.model.name
    faults = _unshared(config)
    for spec in config.sweep:
        benchmark = registry.get("benchmark", spec.name)
        if spec.judge is None and isinstance(benchmark, NeedsJudge) and benchmark.needs_judge:
            faults.append(no_judge(spec.name))
        faults += _unasked_judge(spec) if spec.judge is not None else []
    if (config.arms or config.reward_models) and not registry.offers("model", model, CanBeTrained):
        faults.append(f"the model {model} only answers; arms need one that can be trained, e.g. transformers")
    if (config.arms or config.reward_models) and config.model.options.get("dtype") == "float16":
        faults.append("model.dtype: training in float16 loses small gradients. Set model.dtype to bfloat16 or float32")
    for arm in (*config.reward_models, *config.arms):
        faults += [f"arm {arm.name}: {fault}" for fault in _unasked_rater(arm.align)]
    for arm in config.arms:
        plugin = registry.get("aligner", arm.align.name)
        if isinstance(plugin, NeedsJudge) and plugin.needs_judge and arm.align.judge is None:
            known = ", ".join(registry.names("judge"))
            faults.append(f"arm {arm.name}: {arm.align.name} needs `judge: {{name: ...}}` in align; known: {known}")
        if isinstance(plugin, NeedsReward) and plugin.needs_reward and arm.align.judge is None and arm.align.reward is None:
            faults.append(f"arm {arm.name}: {arm.align.name} needs `reward:` (one of reward_models) or `judge:` in align")
    return faults
