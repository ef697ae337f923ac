"""What a user does, as functions; `harness.run`, `harness.sweep`, ... and the commands of the same names call these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.changes import (
    Changes,
    as_call,
    as_texts,
    chosen,
    listed,
    own_errors,
    plain,
    study_of,
    text_of,
    yes_or_no,
)
from harness.api.progress import Show, both_of
from harness.api.results import Results
from harness.api.stored import Run, RunStore, ids_of, output_of
from harness.api.turns import only_asks
from harness.core.edge.text import count
from harness.core.errors import ConfigError
from harness.core.run_record import RunRecord
from harness.startup import start

if TYPE_CHECKING:
    from harness.config.schema import RunConfig
    from reports.values.comparison import Comparison


@own_errors()
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
    study, mini = study_of(study, "the study"), yes_or_no(mini, "mini")
    own = {"baseline": baseline, "output": text_of(output, "output") if output is not None else None}
    listed = as_texts(changes)
    config, _ = read_study(study, listed, own, mini=mini)
    return _carried_out(config, as_call(run, study, listed, mini=mini, **own), progress)


@own_errors()
def sweep(
    model: str | None = None,
    benchmarks: Sequence[str] | None = None,
    *,
    study: str | Path | None = None,
    data: str | None = None,
    limit: int | None = None,
    items: Sequence[str] | None = None,
    changes: Changes = (),
    output: str | Path | None = None,
    progress: Show | None = None,
) -> Run:
    """Evaluate a checkpoint (folder or hub name) or a server (http address) without training.

    `benchmarks`: names, None for all of the study's; options of one are changes, as {"sweep.pope.splits": ["adversarial"]}.
    `items`: ids, None for all. The other arguments are those of `harness.config.sweep_only.evaluation` and of
    `run`. Raises HarnessError for everything the user can fix.
    """
    from harness.config.sweep_only import evaluation

    if isinstance(study, Mapping):
        raise ConfigError("`sweep` takes its study from a YAML file. Give a mapping to `harness.run`, without arms.")
    given = {"data": data, "limit": limit, "output": output}
    asked = {key: plain(value, key) for key, value in given.items()} | {"changes": as_texts(changes)}
    model = text_of(model, "the model") if model is not None else None
    file = Path(text_of(study, "the study")) if study is not None else None
    names, ids = chosen(benchmarks, "benchmarks"), chosen(items, "items")
    config = evaluation(model, names or (), study=file, items=ids or (), say=both_of(progress)[1], **asked)
    done = _carried_out(config, as_call(sweep, model, names, study=file, items=ids, **asked), progress)
    assert done is not None  # only a training has helpers
    return done


@own_errors()
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
    Raises HarnessError for runs, names and label revisions that are not there. Answers are read when a table is first asked
    for; a baseline that the runs do not have is refused then.
    """
    from harness.results.run_records import records_of_all, run_ids
    from harness.storage.label_revisions import read as revision
    from harness.storage.run_store import open_store as opened

    place, ids, labels = output_of(runs, output), ids_of(runs), listed(labels, "labels")
    names, published = listed(names, "names") if names is not None else None, yes_or_no(published, "published")
    baseline = text_of(baseline, "baseline") if baseline is not None else None
    if names is not None and len(names) != len(ids):
        raise ConfigError(
            f"names has {count(len(names), 'name')} for {count(len(ids), 'run')}. Give one for each, in their order."
        )
    with opened(place) as store:
        run_ids(store, ids)
    for label in labels:
        revision(label, place)

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
    from harness.results.run_records import baseline_named, gate_named, records_of_all, shown_labels, tables_named
    from harness.storage.run_store import open_store as opened
    from reports.comparison.compare import compare as side_by_side

    with opened(output) as store:
        tables = tables_named(store, runs) if published else []
        baseline = baseline or (None if names else baseline_named(store, runs))
        policy = gate_named(store, runs)
        records = [] if labels else read() if read is not None else records_of_all(store, runs)
    if labels:
        return audited(output, runs, labels, names, tables, baseline)
    return side_by_side(records, labels=shown_labels(records, names), published=tables, baseline=baseline, policy=policy)


@own_errors()
def open_store(output: str | Path = "runs") -> RunStore:
    """The runs of an output folder. Raises StoreError where no run was started there."""
    return RunStore(output)


def read_study(
    study: str | Path | Mapping[str, Any] | None,
    changes: Sequence[str],
    options: Mapping[str, str | None] | None = None,
    *,
    mini: bool = False,
) -> tuple[RunConfig, list[str]]:
    """A study's configuration, and the rows of a table that had to be left out. Raises ConfigError naming what is off.

    options: keys of the study that arguments set, None where they do not; one that a change sets too is refused.
    """
    from harness.config import schema, study_tables
    from harness.config.changes import refuse_twice

    given = {key: value for key, value in (options or {}).items() if value is not None}
    refuse_twice(given, changes)
    changes = [*changes, *as_texts(given)]
    if isinstance(study, str) and study.startswith(study_tables.PREFIX):
        return schema.load_table(study.removeprefix(study_tables.PREFIX), mini, changes)
    if mini:
        raise ConfigError("--mini goes with a table of the study: `run study:table6 --mini`.")
    if isinstance(study, Mapping):
        return schema.parse(study, "the study", changes), []
    return schema.load(Path(study) if study is not None else None, changes), []


def _carried_out(config: RunConfig, command: str, progress: Show | None) -> Run | None:
    shown, say = both_of(progress)
    start()
    from harness.config.check_paths import check_paths

    check_paths(config)
    from harness.api.torch_state import of_its_own
    from harness.run import pipeline

    with nullcontext() if only_asks(config) else of_its_own(say):
        outcome = pipeline.run(config, command, shown, say)
    return RunStore(config.output).run(outcome.run_id) if outcome is not None else None
