"""Can a gate against a run that is there already be decided at all? Looked at before the first question is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.config.schema import BenchmarkConfig
from harness.core.digests import digest_if_readable
from harness.core.edge.text import count
from harness.core.errors import ConfigError
from harness.core.flags import UNJUDGED
from harness.core.gating import GatePolicy
from harness.core.plugins import Data, Model
from harness.core.run_record import IMAGES, STOPPED, BenchmarkResult, RunRecord
from harness.evaluation.asked_items import items_of, requests_of
from harness.evaluation.protocol import image_digest, protocol_of
from harness.evaluation.scoring import build, judge_of, unjudged
from harness.results.judge_results import with_judge_check
from harness.results.run_state import state_of
from harness.storage.run_store import Store, StoredRun
from reports.gate.resolve import targets, unmeasured

_SHOWN = 60  # characters of a fact


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


def require_measured(policy: GatePolicy, results: Mapping[str, BenchmarkResult], run: StoredRun) -> set[str]:
    """The benchmarks that decide. Raises ConfigError where the policy does not fit, or nothing could pass: what a rule needs is
    not measured, or the base lacks answers or verdicts there."""
    measured = {name: result.formulas for name, result in results.items()}
    deciding = {target.benchmark for target in targets(policy, measured) if target.rule.role != "watch"}
    if kinds := unmeasured(policy, measured):
        raise ConfigError(
            f"The policy {policy.name!r} decides on {', '.join(kinds)}, which no benchmark of this sweep measures, so that no "
            "checkpoint passes. Sweep one that does, or give another policy."
        )
    for title in (title for title in results if title in deciding):
        lost, unread = len(results[title].missing), sum(score.flag == UNJUDGED for score in results[title].scores)
        if lost or unread:
            lacks = [f"{lost:,} without an answer"] * bool(lost) + [f"{unread:,} without a verdict"] * bool(unread)
            raise ConfigError(
                f"{title}: of {len(results[title].items):,} items of {run.id} are {' and '.join(lacks)}, so that the gate "
                f"cannot be decided. Give its command again ({run.command}): only those are asked again."
            )
    return deciding


def require_same_items(spec: BenchmarkConfig, result: BenchmarkResult, data: Data, run: str) -> None:
    """Raise ConfigError where `limit` or `items` choose others than those that the base was asked."""
    if spec.limit is None and spec.items is None:
        return
    asked = {item.id for item in items_of(spec, unjudged(spec), data)}
    if asked != {item.id for item in result.items}:
        raise ConfigError(
            f"{spec.title}: `limit` and `items` (--limit, --sample-id) choose {count(len(asked), 'item')}, and {run} has "
            f"{len(result.items):,}. `--until decided` asks about the base's images until the gate is decided: leave them out."
        )


def require_same_protocol(
    spec: BenchmarkConfig, result: BenchmarkResult, model: Model, data: Data, store: Store, run: str
) -> None:
    """Raise ConfigError where the benchmark would be measured under another protocol than the base was.

    All items are looked at, their labels and the bytes of their images too, which a part of them does not tell.
    """
    benchmark = build(spec, judge_of(spec, store, data))
    wanted = {item.id for item in result.items}
    items = tuple(i for i in items_of(_all(spec), benchmark, data) if i.id in wanted)
    if len(items) < len(wanted):
        raise ConfigError(
            f"{spec.title}: {len(wanted) - len(items):,} of the {len(wanted):,} items of {run} are not there. Give the "
            "options and the data of that run."
        )
    known = IMAGES in result.protocol.facts
    images = image_digest(requests_of(spec.name, benchmark, items, data), digest_if_readable) if known else ""
    own = with_judge_check(protocol_of(benchmark, spec, items, model, images), store.path.parent)
    if unknown := result.protocol.unknown_beside(own):
        raise ConfigError(
            f"{spec.title}: the answers of {run} came from files, so that its protocol is not known "
            f"({', '.join(unknown[:3])}) and the gate cannot be decided. Sweep the base here, and give that run."
        )
    if differing := result.protocol.differs_from(own):
        told = ", ".join(f"{fact} ({_short(there)} there, {_short(here)} here)" for fact, (there, here) in differing.items())
        raise ConfigError(
            f"{spec.title}: {run} was measured under another protocol, so that the gate cannot be decided: {told}. Give the "
            "settings and the data of that run, or sweep the base with these."
        )


def _all(spec: BenchmarkConfig) -> BenchmarkConfig:
    return spec.model_copy(update={"items": None, "limit": None})


def _short(fact: str) -> str:
    return repr(fact) if len(fact) <= _SHOWN else repr(f"{fact[:_SHOWN]}...")
