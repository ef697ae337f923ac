"""Runs that the same study has begun in another form of it: they are gone on with, and nothing is made twice.

**Numbers.** 1e-1 was kept as the text that YAML reads it as, and 1 and 1.0 are two values of JSON, so runs of one study can
have several names. The run that is there is the study's, whichever way its numbers are written now.

**Rounds.** In earlier versions every round of an arm repeated the random draws of the first (`Arm.round` was not there). The
draws of a round are part of a study's identity now. The same study given again is still the run that was made before where
all of its rounds are trained; where some are not, it is refused, so that no run has rounds of both kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from harness.config.schema import Arm, RunConfig, stored
from harness.config.written_forms import same_values
from harness.core.edge.launch import command_line
from harness.core.errors import ConfigError, DataError


def run_of(config: RunConfig, base: str, output: Path, say: Callable[[str], None]) -> tuple[RunConfig, str]:
    """The study as it is to be carried out, and the id of its run. `base`: digest of the base checkpoint.

    Raises DataError where an earlier version has begun it and not trained all rounds.
    """
    before = as_before(config)
    if before == config:
        return _as_begun(config, base, output)
    before, run = _as_begun(before, base, output)
    folder = output / run
    if not (folder / "run.yaml").is_file():
        return _as_begun(config, base, output)
    later = [arm for arm in config.arms if arm.round is not None]
    left = [arm.name for arm in later if not (folder / config.place_of(arm) / "alignment.json").is_file()]
    if left:
        raise DataError(
            f"The run {folder.name} was begun by an earlier version, whose later rounds repeat the random draws of the first, "
            f"and {', '.join(left)} of it {'is' if len(left) == 1 else 'are'} not trained. Now every round has draws of its "
            "own, and one run does not mix both. Start anew under another name (`name=...`), or go on as it was begun: "
            f"`{command_line('run', folder / 'run.yaml', f'output={output}')}`."
        )
    say(
        f"{folder.name} was made by an earlier version, whose later rounds repeat the random draws of the first; it is shown "
        "as it is. For rounds with draws of their own, give the run another name (`name=...`)."
    )
    return before, folder.name


def _as_begun(config: RunConfig, base: str, output: Path) -> tuple[RunConfig, str]:
    """The study with its numbers as the run was begun that has the same values, and that run's id."""
    if (output / config.run_id(base) / "run.yaml").is_file():
        return config, config.run_id(base)
    asked = _values(config)
    for folder, begun in _begun_runs(config, output):
        if begun.run_id(base) == folder.name and _values(begun) == asked:
            now = {name: getattr(config, name) for name in ("output", "fleet", "jobs", "table", "baseline", "gates")}
            trained = {
                part: [
                    one.model_copy(update={"resources": own.resources})
                    for one, own in zip(getattr(begun, part), getattr(config, part), strict=True)
                ]
                for part in ("reward_models", "arms")
            }
            return begun.model_copy(update={**now, **trained}), folder.name
    return config, config.run_id(base)


def _begun_runs(config: RunConfig, output: Path) -> Iterator[tuple[Path, RunConfig]]:
    """Folder and study of every run of the configuration's name and parts that can be read."""
    for written in sorted(output.glob("*/run.yaml")):
        if written.parent.name.startswith(f"{config.name}-"):
            try:
                begun = stored(written.read_text(encoding="utf-8"), str(written))
            except (ConfigError, OSError, UnicodeDecodeError):
                continue  # of another version, or not ours
            if _parts(begun) == _parts(config):
                yield written.parent, begun


def _parts(config: RunConfig) -> tuple[object, ...]:
    """What no form changes. It tells most studies of one name apart at once: comparing values takes five times as long."""
    names = [[part.name for part in parts] for parts in (config.reward_models, config.arms, [config.model], config.sweep)]
    return config.seed, names


def is_begun(config: RunConfig) -> bool:
    """Whether the output folder has a run of the same study, in whichever form."""
    asked = {_values(config), _values(as_before(config))}
    return any(_values(begun) in asked for _, begun in _begun_runs(config, Path(config.output).expanduser()))


def _values(config: RunConfig) -> str:
    """Explicit nulls count, which run.yaml leaves out: an option that is 5 by default is another one with null."""
    asked = config.model_dump(exclude={"output", "fleet", "jobs", "table", "baseline", "gates"})
    for arm in (*asked["reward_models"], *asked["arms"]):
        del arm["resources"]
    return same_values(asked)


def as_before(config: RunConfig) -> RunConfig:
    """The study as earlier versions wrote its `rounds` out; the same where an arm has a `round` of its own."""
    later = [arm for arm in config.arms if arm.round is not None]
    if not all(map(_is_written_out, later)):
        return config
    return config.model_copy(update={"arms": [arm.model_copy(update={"round": None}) for arm in config.arms]})


def _is_written_out(arm: Arm) -> bool:
    """Whether it is an arm that `rounds` makes: "dpo-round3" after "dpo-round2"."""
    name, _, number = arm.name.rpartition("-round")
    return number == str(arm.round) and arm.after == f"{name}-round{int(number) - 1}"
