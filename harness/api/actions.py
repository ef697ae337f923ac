"""What a user does, as functions; `harness.run`, `harness.sweep`, ... and the commands of the same names call these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.changes import Changes, as_call, as_texts, is_unknown, listed, plain
from harness.api.progress import ProgressBars, ShowsLines, Silent
from harness.api.results import Results, of_one_sweep
from harness.api.stored import Run, RunStore, output_of
from harness.core import registry
from harness.core.edge.text import shown
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item
from harness.core.plugins import Benchmark, Judge
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, RunRecord, SweepResult
from harness.startup import start

if TYPE_CHECKING:
    from harness.config.schema import RunConfig
    from reports.values.comparison import Comparison

Show = ProgressBars | Silent | Callable[[str, int, int], None]


def run(
    study: str | Path | Mapping[str, Any] | None = None,
    changes: Changes = (),
    *,
    mini: bool = False,
    baseline: str | None = None,
    output: str | Path | None = None,
    progress: Show | None = None,
) -> Run | None:
    """Build pairs, align, sweep base and aligned checkpoints, write the reports; go on where the run was stopped.

    Args:
        study: a YAML file, "study:table6" or "study:finding-rho" of the paper, a mapping with the same keys, or None for the
            built-in study on the miniature world.
        changes: {"arms.0.align.beta": 0.2} or ["arms.0.align.beta=0.2"].
        mini: a table of the study on the miniature world.
        baseline: the arm that the written reports compare all others with; another one costs no sweep.
        output: folder of all runs; the study's own if None.
        progress: called with (what, done, total), and its `say` with stage lines where it has one. None: `ProgressBars()`.
    Returns None in a process that only helped to train. Raises HarnessError for everything the user can fix.
    """
    study = plain(study, "the study")
    own = {"baseline": baseline, "output": output}
    listed, last = as_texts(changes), as_texts({key: str(value) for key, value in own.items() if value is not None})
    config, _ = read_study(study, [*listed, *last], mini=mini)
    return _carried_out(config, as_call(run, study, listed, mini=mini, **own), progress)


def sweep(
    model: str | None = None,
    benchmarks: Sequence[str] = (),
    *,
    study: str | Path | None = None,
    data: str | None = None,
    limit: int | None = None,
    items: Sequence[str] = (),
    changes: Changes = (),
    output: str | Path | None = "runs",
    progress: Show | None = None,
) -> Run:
    """Evaluate a checkpoint (folder or hub name) or a server (http address) without training.

    `benchmarks`: names; options of one are changes, as {"sweep.pope.splits": ["adversarial"]}. The other arguments are
    those of `harness.config.sweep_only.evaluation` (`output` None: the study's own folder) and of `run`. Raises HarnessError
    for everything the user can fix.
    """
    from harness.config.sweep_only import evaluation

    if isinstance(study, Mapping):
        raise ConfigError("`sweep` takes its study from a YAML file. Give a mapping to `harness.run`, without arms.")
    given = {"data": data, "limit": limit, "items": listed(items, "items"), "output": output}
    asked = {key: plain(value, key) for key, value in given.items()} | {"changes": as_texts(changes)}
    model, names = plain(model, "model"), listed(benchmarks, "benchmarks")
    config = evaluation(model, names, study=Path(study) if study is not None else None, **asked)
    done = _carried_out(config, as_call(sweep, model, names, study=study, **asked), progress)
    assert done is not None  # only a training has helpers
    return done


def compare(
    *runs: str | Run,
    names: Sequence[str] | None = None,
    published: bool = False,
    labels: Sequence[str] = (),
    baseline: str | None = None,
    output: str | Path | None = None,
) -> Results:
    """Several runs side by side; the first is the baseline unless another is named. Seeds of one method stand together.

    Args:
        runs: runs, or ids or names of runs of `output`.
        names: shown instead of the runs' names, one a run.
        published: put the study's own rows beside, of the tables that the runs name, or of table 2.
        labels: names of label revisions; what they change is put beside.
        baseline: the column, or the method with all its seeds, that others are compared with; None: that of the studies.
        output: folder of the runs; by default that of the first `Run`, else "runs".
    """
    from harness.results.run_records import records_of_all
    from harness.storage.run_store import open_store as opened

    place = output_of(runs, output)
    ids = [one if isinstance(one, str) else one.id for one in runs]
    names, labels = names if names is None else listed(names, "names"), listed(labels, "labels")

    @cache
    def read() -> list[RunRecord]:
        with opened(place) as store:
            return records_of_all(store, ids)

    beside = {"labels": labels, "published": published}
    return Results(read, lambda: compared(place, ids, names, published, labels, baseline, read), beside)


def compared(
    output: Path,
    runs: Sequence[str],
    names: Sequence[str] | None,
    published: bool,
    labels: Sequence[str],
    baseline: str | None = None,
    read: Callable[[], list[RunRecord]] | None = None,
) -> Comparison:
    """The comparison of stored runs, as values; `compare` of Python and of the command line. `read`: gives their records."""
    from harness.audit.audited_comparison import audited
    from harness.results.run_records import baseline_named, records_of_all, shown_labels, tables_named
    from harness.storage.run_store import open_store as opened
    from reports.comparison.compare import compare as side_by_side

    with opened(output) as store:
        tables = tables_named(store, runs) if published else []
        baseline = baseline or (None if names else baseline_named(store, runs))
        records = [] if labels else read() if read is not None else records_of_all(store, runs)
    if labels:
        return audited(output, runs, labels, names, tables, baseline)
    return side_by_side(records, labels=shown_labels(records, names), published=tables, baseline=baseline)


def open_store(output: str | Path = "runs") -> RunStore:
    """The runs of an output folder. Raises StoreError where no run was started there."""
    return RunStore(output)


@dataclass(frozen=True, slots=True)
class LoadedBenchmark:
    """A benchmark with its items, to score answers that came from elsewhere."""

    name: str
    benchmark: Benchmark
    items: tuple[Item, ...]
    judge: Judge | None = field(default=None, repr=False)

    def prompts(self) -> dict[str, str]:
        """Item id -> what a model is asked."""
        return {item.id: self.benchmark.prompt(item) for item in self.items}

    def score(self, answers: Mapping[str, str | float | None]) -> Results:
        """Score answers by item id; items without one (None and NaN too) are listed as missing.

        Raises ConfigError for an unknown id, and for an answer that is not a text.
        """
        from harness.evaluation.protocol import benchmark_facts
        from harness.evaluation.scoring import score_all
        from harness.results.server_use import asked_since_cleared

        texts = self._texts(answers)
        given = {item.id: Answer(item.id, texts[item.id], -1, "") for item in self.items if item.id in texts}
        result = BenchmarkResult(
            self.name,
            ProtocolRecord(benchmark_facts(self.benchmark, self.items)),
            self.items,
            tuple(given.values()),
            score_all(self.benchmark, self.items, given),
            tuple(self.benchmark.formulas),
            {item.id: "no answer was given" for item in self.items if item.id not in given},
        )
        use = asked_since_cleared(self.judge)
        asked = {"judge": use} if use is not None else {}
        return of_one_sweep(self.name, SweepResult("answers", Checkpoint("answers", "", "", ""), (result,)), asked)

    def _texts(self, answers: Mapping[str, str | float | None]) -> dict[str, str]:
        """The answers that there are. Raises ConfigError for an unknown id, and for an answer that is not a text."""
        if not isinstance(answers, Mapping):
            raise ConfigError(f"The answers are of the type {type(answers).__name__}. Give a mapping {{item id: answer}}.")
        known = {item.id for item in self.items}
        unknown = [id for id in answers if id not in known]
        if unknown:
            raise ConfigError(f"{self.name} has no item {unknown[0]!r} ({len(unknown)} unknown ids). See `.items`.")
        there = {id: text for id, text in answers.items() if not is_unknown(text)}
        for id, text in there.items():
            if not isinstance(text, str):
                raise ConfigError(f"The answer to {self.name}, item {id!r}, is {shown(text)}. Give a text; None is no answer.")
        return {id: str(text) for id, text in there.items()}


def load_benchmark(
    name: str, *, data: str | Path = "miniworld", output: str | Path = "runs", **options: Any
) -> LoadedBenchmark:
    """A benchmark and its items, read from a data folder; `miniworld` is the embedded one, written below `output`.

    `options` are the benchmark's own, and `limit`, `items` and `judge` as in a study: {"name": "keywords"}.
    Raises HarnessError where files, options or the judge are missing.
    """
    start()
    from harness.config import schema
    from harness.evaluation.scoring import build, judge_of
    from harness.evaluation.sweep import items_of
    from harness.run.data import open_data

    registry.get("benchmark", name)
    own = plain(options, f"an option of {name}")
    own |= {"items": listed(own["items"], "items")} if "items" in own else {}
    tree = {"model": {"name": "transformers", "path": "none"}, "sweep": [{"name": name, **own}]}
    try:
        spec = schema.parse(tree, f"the options of {name}").sweep[0]
    except ConfigError as error:
        raise ConfigError(str(error).replace("- sweep.0: ", "- ").replace("- sweep.0.", "- ")) from error
    folder = open_data(str(data), Path(output).expanduser())
    judge = judge_of(spec, None, folder)
    benchmark = build(spec, judge)
    return LoadedBenchmark(spec.title, benchmark, items_of(spec, benchmark, folder), judge)


def read_study(
    study: str | Path | Mapping[str, Any] | None, changes: Sequence[str], *, mini: bool = False
) -> tuple[RunConfig, list[str]]:
    """A study's configuration, and the rows of a table that had to be left out. Raises ConfigError naming what is off."""
    from harness.config import schema, study_tables

    if isinstance(study, str) and study.startswith(study_tables.PREFIX):
        return schema.load_table(study.removeprefix(study_tables.PREFIX), mini, changes)
    if mini:
        raise ConfigError("--mini goes with a table of the study: `run study:table6 --mini`.")
    if isinstance(study, Mapping):
        return schema.parse(study, "the study", changes), []
    return schema.load(Path(study) if study is not None else None, changes), []


def _carried_out(config: RunConfig, command: str, progress: Show | None) -> Run | None:
    start()
    from harness.config.check_paths import check_paths

    check_paths(config)
    from harness.run import pipeline

    shown = progress if progress is not None else ProgressBars()
    say = shown.say if isinstance(shown, ShowsLines) else Silent().say
    outcome = pipeline.run(config, command, shown, say)
    return RunStore(config.output).run(outcome.run_id) if outcome is not None else None
