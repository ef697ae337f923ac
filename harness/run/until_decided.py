"""A sweep that ends when its gate is decided: images in random order, a look after each batch, tests valid at any look.

The base is a finished run; only the new checkpoint is asked, and only as many images as it takes. What is stored says how it
was stopped, so that reports show it as another protocol and no later gate counts it as a whole sweep.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.schema import BenchmarkConfig, RunConfig
from harness.core.digests import value_digest
from harness.core.edge.plugin_modules import facts_of
from harness.core.errors import ConfigError, FactsChanged
from harness.core.files import write_text_whole
from harness.core.gating import GatePolicy
from harness.core.plugins import Data, Model, Progress, no_progress
from harness.core.run_record import STOPPED, BenchmarkResult, ProtocolRecord, RunRecord, SweepResult
from harness.evaluation.sweep import Say, sweep
from harness.models._own_server.shared_servers import kept_servers
from harness.results.report_files import write_reports
from harness.results.run_records import records_of
from harness.results.run_state import begin, finish
from harness.run.checks.decidable import base_results, require_measured, require_same_items, require_same_protocol
from harness.run.checks.earlier_forms import is_begun
from harness.run.checks.models import check_models
from harness.run.checks.study import check_files
from harness.run.data import open_data
from harness.run.models import load_model
from harness.storage.run_folder import locked
from harness.storage.run_store import Store, open_store
from reports.comparison.compare import compare
from reports.gate.anytime import Anytime, looks
from reports.gate.decide import gate
from reports.gate.shown import as_shown
from reports.values.gate import INCONCLUSIVE, Gate
from reports.values.table import Column, Table


@dataclass(frozen=True, slots=True)
class Stopped:
    """What came of it: the gate at the last look, and the images asked of all."""

    run_id: str
    folder: Path
    gate: Gate
    asked: int
    planned: int


@kept_servers()
def until_decided(
    config: RunConfig,
    policy: GatePolicy,
    against: str,
    command: str,
    progress: Progress = no_progress,
    say: Say = lambda text: None,
) -> Stopped:
    """Sweep the configuration's model until the policy is decided against the base of a finished run.

    Raises ConfigError where that run is not a whole sweep of the base under the same protocol, lacks a benchmark, or the policy
    does not fit: a gate that cannot be decided asks nothing.
    """
    if config.fleet is not None:
        raise ConfigError("`--until decided` asks a few images at a time, in this process. Leave the fleet out.")
    new = not is_begun(config)
    if new:
        check_models(config)
    output = Path(config.output).expanduser()
    with open_store(output, reading=False) as store:
        against = store.run(against).id  # a name will be this run's, too, once it is begun
        base = records_of(store, against)[0]
        results = base_results(store.run(against), base, config.sweep, output)
        deciding = require_measured(policy, results, store.run(against))
        if new:
            check_files(config)
        data = open_data(config.data, output, say)
        for spec in config.sweep:
            require_same_items(spec, results[spec.title], data, against)
        model = load_model(config)
        run_id = _run_id(config, model.checkpoint.digest, base.run_id, policy)
        _require_free(folder := output / run_id)
        decisive = [spec for spec in config.sweep if spec.title in deciding]
        facts = _agreed_facts(decisive, results, model, data, store, against)
        order = {name: _order(result, config.seed) for name, result in results.items()}
        planned = {name: len(images) for name, images in order.items()}
        anytime = Anytime(planned, policy.alpha, sum(rule.role != "watch" for rule in policy.rules))
        with locked(folder):
            begin(store, run_id, config, command, data.folder)
            write_text_whole(folder / "run.yaml", config.as_yaml())
            for asked in looks(max(planned.values())):
                specs = {n: _part(s, results[s.title], order[s.title][:asked]) for n, s in enumerate(config.sweep)}
                sweep("base", model, specs, data, store, run_id, progress, say)
                _require_same_facts(facts, facts_of(model), against)
                found = _look(store, run_id, config.name, base, policy, anytime)
                say(f"{asked:,} images: {found.words}")
                if found.verdict != INCONCLUSIVE:
                    break
            found = replace(found, stopped=_words(asked, max(planned.values()), config.seed, found))
            _say_how(store, run_id, found.stopped)
            finish(store, run_id)
            found = _report(store, folder, run_id, against, found)
    return Stopped(run_id, folder, found, asked, max(planned.values()))


def _require_free(folder: Path) -> None:
    """Raises RunLocked where another process works in the run's folder: before a server starts for it."""
    if folder.is_dir():
        with locked(folder):
            pass


def _agreed_facts(
    specs: Sequence[BenchmarkConfig],
    results: Mapping[str, BenchmarkResult],
    model: Model,
    data: Data,
    store: Store,
    against: str,
) -> dict[str, str]:
    """The model's facts, under which each benchmark has the protocol of the base. Raises ConfigError where one has another."""
    for spec in specs:
        require_same_protocol(spec, results[spec.title], model, data, store, against)
    return facts_of(model)


def _require_same_facts(before: Mapping[str, str], now: Mapping[str, str], against: str) -> None:
    if before != now:
        raise ConfigError(
            f"{FactsChanged(before, now)} The base ({against}) was measured under the facts before, so that the gate cannot be "
            "decided. Sweep the base again, and give that run."
        )


def _run_id(config: RunConfig, checkpoint: str, against: str, policy: GatePolicy) -> str:
    written = repr(policy).removeprefix("Gate")  # older versions, whose runs go on, named the class Policy
    return f"{config.name}-until-decided-{value_digest([config.digest, checkpoint, against, written])[:8]}"


def _order(result: BenchmarkResult, seed: int) -> list[str]:
    """The images (clusters) of a benchmark in random order."""
    images = sorted({item.cluster for item in result.items})
    random.Random(f"{seed} {result.benchmark}").shuffle(images)
    return images


def _part(spec: BenchmarkConfig, result: BenchmarkResult, images: Sequence[str]) -> BenchmarkConfig:
    chosen = set(images)
    return spec.model_copy(update={"items": [item.id for item in result.items if item.cluster in chosen], "limit": None})


def _look(store: Store, run_id: str, name: str, base: RunRecord, policy: GatePolicy, anytime: Anytime) -> Gate:
    own = records_of(store, run_id)[0].sweeps[0]
    columns = [_column("base", base.sweeps[0], base.run_id, True), _column(name, own, run_id, False)]
    return gate(policy, columns, [base.sweeps[0], own], anytime=anytime)


def _column(label: str, found: SweepResult, run_id: str, is_baseline: bool) -> Column:
    c = found.checkpoint
    return Column(label, run_id, label, c.id, c.digest, c.aligner, complete=True, is_baseline=is_baseline)


def _words(asked: int, planned: int, seed: int, found: Gate) -> str:
    if found.verdict == INCONCLUSIVE:
        return f"Not decided with all {planned:,} images, which were asked in random order (seed {seed})."
    return (
        f"Stopped when the gate was decided, after {min(asked, planned):,} of {planned:,} images in random order "
        f"(seed {seed}). The gate's p values hold at any stopping time; other intervals and p values of this run do not."
    )


def _say_how(store: Store, run_id: str, words: str) -> None:
    """Make how it was stopped a part of every result's protocol."""
    for place, result in enumerate(store.results(run_id)):
        facts = {**result.protocol.facts, STOPPED: words}
        store.add_result(run_id, place, replace(result, protocol=ProtocolRecord(facts)))


def _report(store: Store, folder: Path, run_id: str, against: str, found: Gate) -> Gate:
    """Write the reports; the gate as they show it."""
    base = replace(records_of(store, against)[0], name="base")
    whole = replace(base, sweeps=base.sweeps[:1])
    comparison = compare([whole, *records_of(store, run_id)])
    labels = [found.base, *(one.column for one in found.checkpoints)]
    columns = tuple(replace(one, label=label) for one, label in zip(comparison.columns, labels, strict=True))
    found = as_shown(found, Table(columns, comparison.rows))
    write_reports(replace(comparison, gate=found), folder)
    return found
