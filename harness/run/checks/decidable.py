"""Can a gate against a run that is there already be decided at all? Looked at before the first question is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from harness.config.schema import BenchmarkConfig
from harness.core.errors import ConfigError
from harness.core.flags import UNJUDGED
from harness.core.run_record import STOPPED, BenchmarkResult, RunRecord
from harness.results.run_state import state_of
from harness.storage.run_store import StoredRun


def base_results(run: StoredRun, base: RunRecord, specs: Sequence[BenchmarkConfig], output: Path) -> dict[str, BenchmarkResult]:
    """The base's result on each benchmark that is to be swept, by its title.

    Raises ConfigError where the base's run lacks one, is not finished, or was itself stopped early.
    """
    known = {result.benchmark: result for result in base.sweeps[0].results} if base.sweeps else {}
    found = {spec.title: known[spec.title] for spec in specs if spec.title in known}
    if any(STOPPED in result.protocol.facts for result in found.values()):
        raise ConfigError(
            f"{run.id} was itself stopped early by `--until decided`. Give `--against` a whole sweep of the base (`list runs`)."
        )
    if not (state := state_of(run, output)).startswith("complete"):
        raise ConfigError(
            f"{run.id} is not finished ({state}). Give its command again ({run.command}), or sweep the base alone and give "
            "`--against` that run; stored answers are used."
        )
    if lacking := [spec.title for spec in specs if spec.title not in known]:
        raise ConfigError(f"{run.id} has no result of {', '.join(lacking)}. Sweep the base over the same benchmarks first.")
    return found


def require_answered(run: StoredRun, results: Mapping[str, BenchmarkResult], deciding: Set[str]) -> None:
    """Raise ConfigError where the base lacks answers or verdicts on a benchmark that decides: no rule on it can be met."""
    for title in (title for title in results if title in deciding):
        lost, unread = len(results[title].missing), sum(score.flag == UNJUDGED for score in results[title].scores)
        if lost or unread:
            lacks = [f"{lost:,} without an answer"] * bool(lost) + [f"{unread:,} without a verdict"] * bool(unread)
            raise ConfigError(
                f"{title}: of {len(results[title].items):,} items of {run.id} are {' and '.join(lacks)}, so that the gate "
                f"cannot be decided. Give its command again ({run.command}): only those are asked again."
            )
