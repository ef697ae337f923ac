"""Results as pandas DataFrames, from the records that reports are made of. Nothing is computed again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.changes import folder_of, own_errors, text_of
from harness.api.forms import require_shown
from harness.core.evaluation import Answer, Item, Score
from harness.core.flags import UNJUDGED
from harness.core.run_record import BenchmarkResult, RunRecord, ServerUse, SweepResult

if TYPE_CHECKING:
    import pandas as pd

    from reports.values.comparison import Comparison

_log = logging.getLogger("harness")
_ITEMS = (
    "run", "checkpoint", "benchmark", "item", "image", "group", "question", "truth", "answer", "n_tokens", "stopped",
    "yes_log_odds", "option_log_probs", "reading", "correct", "flag", "why", "judge", "judge_value", "judge_reply", "missing",
)  # fmt: skip
_ADDENDS = ("run", "checkpoint", "benchmark", "item", "group", "addend", "value")


class Results:
    """Scored answers of one or more checkpoints. Every frame has a fresh index; changing one changes nothing else."""

    def __init__(
        self,
        read: Callable[[], Sequence[RunRecord]],
        compared: Callable[[], Comparison] | None = None,
        beside: Mapping[str, object] | None = None,
    ) -> None:
        """`read` gives the records when they are first needed; `compared` makes the comparison, by default of all records.

        `beside`: what was asked to stand beside the metrics, by argument of `compare`.
        """
        self._read, self._compared, self._beside = read, compared, beside or {}

    @cached_property
    def records(self) -> tuple[RunRecord, ...]:
        """The records that the frames are made of: one for each arm, its checkpoint beside the base."""
        return tuple(self._read())

    @cached_property
    def comparison(self) -> Comparison:
        """The content of the report, as values. Raises ConfigError where no benchmark is finished yet."""
        if self._compared is not None:
            return self._compared()
        from reports.comparison.compare import compare

        return compare(self.records)

    @cached_property
    def _caveats(self) -> list[str]:
        """What must be known of the metrics, which a table does not tell."""
        return list(
            dict.fromkeys(f"{record.run_id or record.name}: {line}" for record in self.records for line in record.caveats)
        )

    def items(self) -> pd.DataFrame:
        """One row for each checkpoint, benchmark and item: question, truth, answer, how it was read, and the verdict.

        `missing` says why an item has no answer; `correct` is None where an item is neither right nor wrong;
        `yes_log_odds` is in nats, as are the `option_log_probs` of the answers that a benchmark offers.
        """
        return _frame(_ITEMS, (row for place in self._results() for row in _item_rows(*place)))

    def scores(self) -> pd.DataFrame:
        """One row for each item and addend: the numbers that metrics are formulas over."""
        return _frame(_ADDENDS, (row for place in self._results() for row in _addend_rows(*place)))

    def metrics(self) -> pd.DataFrame:
        """One row for each checkpoint and metric: value, 95 % interval, difference to the baseline, p values.

        The columns of `metrics.csv`; shares are in 0..1. None: unknown, and `why` gives the
        reason where a value or its interval is. What must be known of them beside (a benchmark that has changed since) is
        logged as a warning of the logger "harness". Seeds of a method have a row each, and a method has none. Metrics are those
        under the official labels; what label revisions change is in `comparison.audit`.
        """
        from reports.writers.csv import COLUMNS, rows_of

        for line in self._caveats:
            _log.warning("%s", line)
        return _frame(COLUMNS, rows_of(self.comparison))

    def training(self) -> pd.DataFrame:
        """One row for each arm and logged training step, columns named as in TRL (`loss`, `rewards/margins`, ...)."""
        rows = [{"run": r.run_id, "arm": r.name, **row} for r in self.records for row in r.training]
        return _frame(tuple(dict.fromkeys(["run", "arm", "step", *(key for row in rows for key in row)])), rows)

    def render(self, style: str = "html") -> str:
        """The comparison as text of a report writer: html, markdown, json, csv, latex or an installed one.

        Raises ConfigError for csv and latex of a comparison with label revisions or published rows, which they do not have.
        """
        from harness.core import registry
        from harness.results.report_files import written

        registry.get("report", text_of(style, "style"))
        require_shown(style, self._beside)
        return written(style, self.comparison)

    @own_errors()
    def export(self, style: str, folder: str | Path) -> list[Path]:
        """Write the runs in another tool's format below `folder`: "eee" (Every Eval Ever) or "inspect" (logs of inspect_ai).

        Raises ConfigError for another style, and for a comparison with label revisions or published rows.
        """
        from harness.core.errors import ConfigError
        from reports.exports import eee, inspect

        exporters = {"eee": eee.export, "inspect": inspect.export}
        if text_of(style, "style") not in exporters:
            raise ConfigError(f"There is no export {style!r}; choose {' or '.join(exporters)}, or `render` for one text.")
        require_shown(style, self._beside)
        return exporters[style](self.records, folder_of(folder, "folder"))

    def track(self, tracker: str) -> str:
        """Send the table to an experiment tracker that is installed: "wandb" or "mlflow". Returns where it is, in words.

        Raises ConfigError for a comparison with label revisions or published rows.
        """
        from harness.results.trackers import log_table

        require_shown(tracker, self._beside)
        return log_table(tracker, self.comparison)

    def _repr_markdown_(self) -> str:
        return self.render("markdown")

    def _results(self) -> Iterator[tuple[str, str, BenchmarkResult]]:
        """(run, checkpoint, result); the base that several arms share comes once."""
        seen: set[tuple[str, str, str]] = set()
        for record, sweep in ((r, s) for r in self.records for s in r.sweeps):
            for result in sweep.results:
                place = (record.run_id, sweep.label, result.benchmark)
                if place not in seen:
                    seen.add(place)
                    yield record.run_id, sweep.label, result


def of_one_sweep(name: str, sweep: SweepResult, asked: Mapping[str, ServerUse], data: Path) -> Results:
    """Results of answers that belong to no stored run, about items of the folder `data`; `asked`: of servers, by role."""
    served = {sweep.label: asked}
    record = RunRecord("", name, True, config_yaml="{}", command="", sweeps=(sweep,), served=served, data_folder=data)
    return Results(lambda: [record])


def _frame(columns: Sequence[str], rows: Any) -> pd.DataFrame:
    import pandas as pd

    frame: pd.DataFrame = pd.DataFrame(list(rows), columns=list(columns))
    return frame


def _item_rows(run: str, checkpoint: str, result: BenchmarkResult) -> Iterator[dict[str, Any]]:
    answers = {answer.item_id: answer for answer in result.answers}
    scores = {score.item_id: score for score in result.scores}
    for item in result.items:
        place = {"run": run, "checkpoint": checkpoint, "benchmark": result.benchmark}
        yield place | _item_row(item, answers.get(item.id), scores.get(item.id), result.missing.get(item.id))


def _item_row(item: Item, answer: Answer | None, score: Score | None, missing: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"item": item.id, "image": item.image, "group": item.cluster, "question": item.question}
    row["truth"] = dict(item.truth)
    if answer is not None:
        row |= {"answer": answer.text, "n_tokens": answer.n_tokens if answer.n_tokens >= 0 else None}
        row |= {"stopped": answer.stopped or None}
        row |= {"yes_log_odds": answer.yes_nats, "option_log_probs": answer.option_nats}
    if score is not None:
        row |= {"reading": score.reading, "correct": score.correct, "flag": score.flag, "why": score.why}
        if (verdict := score.verdict) is not None:
            value = None if score.flag == UNJUDGED else verdict.value  # versions before kept a 0 for a reply in a file
            row |= {"judge": verdict.judge, "judge_value": value, "judge_reply": verdict.raw}
    return row | {"missing": missing}


def _addend_rows(run: str, checkpoint: str, result: BenchmarkResult) -> Iterator[dict[str, Any]]:
    groups = {item.id: item.cluster for item in result.items}
    for score in result.scores:
        place = {"run": run, "checkpoint": checkpoint, "benchmark": result.benchmark, "item": score.item_id}
        for addend, value in score.values.items():
            yield place | {"group": groups[score.item_id], "addend": addend, "value": value}
