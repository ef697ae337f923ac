"""Runs of earlier versions, in which every round of an arm repeated the random draws of the first (`Arm.round` was not there).

The draws of a round are part of a study's identity now. The same study given again is still the run that was made before where
all of its rounds are trained; where some are not, it is refused, so that no run has rounds of both kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.config.schema import Arm, RunConfig
from harness.core.edge.launch import command_line
from harness.core.errors import DataError


def run_of(config: RunConfig, base: str, output: Path, say: Callable[[str], None]) -> tuple[RunConfig, str]:
    """The study as it is to be carried out, and the id of its run. `base`: digest of the base checkpoint.

    Raises DataError where an earlier version has begun it and not trained all rounds.
    """
    before = as_before(config)
    folder = output / before.run_id(base)
    if before == config or not (folder / "run.yaml").is_file():
        return config, config.run_id(base)
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
