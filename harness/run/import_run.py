"""Answers from another tool's log as a run: scored by our benchmark, without asking the model again.

Its protocol says so: prompt, decoding and weights are the other tool's, so that reports name what is not known of it and gates
never decide on it. Items that the log lacks are missing, with that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.answer_files.keep import FileRun, keep
from harness.answer_files.names import Names
from harness.answer_files.stated_labels import labels_fact, other_labels
from harness.answer_files.taken_apart import answered
from harness.config.schema import RunConfig, parse
from harness.core.digests import file_digest, value_digest
from harness.core.edge.answer_form import AnswerForm, form_of, refuse_unknown_ends
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Item
from harness.core.files import write_text_whole
from harness.core.plugins import Benchmark, Judge
from harness.core.run_record import (
    FACT_FILES,
    FACT_FROM_FILES,
    OTHER_PROMPTS,
    UNKNOWN_FACT,
    Checkpoint,
)
from harness.evaluation.asked_items import items_of
from harness.evaluation.protocol import VERSION, benchmark_facts, benchmark_version, item_digest
from harness.evaluation.scoring import build, judge_of, score_all
from harness.results.report_files import Outcome
from harness.run.data import open_data
from harness.run.sample_logs import LoggedAnswer, SampleLog, given, matched, read_sample_log
from harness.storage.run_folder import locked
from harness.storage.run_store import Store

LACKING = "not in the imported log"


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a log. `other_prompts`: rows whose prompt is not this benchmark's; `unmatched`: rows that fit no item;
    `not_asked`: rows of question files of which no item is asked."""

    run_id: str
    tool: str
    items: int
    answered: int
    unmatched: int
    other_prompts: int
    outcome: Outcome
    not_asked: int = 0


def import_run(
    file: Path, benchmark: str, *, name: str = "", data: str = "miniworld", output: Path = Path("runs"),
    command: str = "", changes: Sequence[str] = (), say: Callable[[str], None] = lambda text: None,
) -> Imported:  # fmt: skip
    """Store a log's answers as a run of one checkpoint, with its reports. The same file imported again is the same run.

    Args:
        file: lmms-eval's samples (JSON lines) or VLMEvalKit's results (CSV, TSV, JSON).
        benchmark: the benchmark that scores them. changes: its options, as `sweep.pope.splits=[adversarial]`.
        say: hears what a judge's server was asked and charged.
        name: of the run; the file's where empty.
    Raises DataError where no row fits an item of the benchmark, two rows answer one question differently, or the file is not
    such a log.
    """
    log = read_sample_log(file)
    tree = {"name": _name(name or file.stem), "data": data, "model": {"name": "scripted"}, "sweep": [{"name": benchmark}]}
    config = parse({**tree, "output": str(output)}, "the import", changes)
    spec = config.sweep[0]
    folder = open_data(data, output)
    with Store(output / "store.sqlite") as store:
        judge = judge_of(spec, store, folder)
        made = build(spec, judge)
        refuse_unknown_ends(spec.name, made)
        asked = items_of(spec, made, folder)
        names, form = Names.of(asked, form_of(made)), form_of(made)
        logged = [row for row in log.rows if not names.not_asked(row.doc, form)]
        found, lost = matched(asked, logged)
        if not logged:
            raise DataError(f"All rows of {file} are of question files of which this run asks nothing ({', '.join(changes)}).")
        if not found:
            raise DataError(
                f"None of the {len(logged):,} rows of {file} fits an item of {benchmark} in {folder.folder}: no row has the "
                f"question and the image of one. The benchmark's first question is {asked[0].question!r} ({asked[0].image})."
            )
        items, rows = _answers(asked, found, form, file.stem)
        other = sum(bool(row.prompt) and _plain(row.prompt) != _plain(made.prompt(i)) for i in items if (row := rows.get(i.id)))
        differ = other_labels((item, row.label) for item in asked for row in found.get(item.id, ()))
        run = _Run(config, log, file, judge, made, items, rows, other, differ)
        outcome = run.keep(store, command, folder.folder, output, say)
    return Imported(outcome.run_id, log.tool, len(items), len(rows), lost, other, outcome, len(log.rows) - len(logged))


def _answers(
    asked: Sequence[Item], found: Mapping[str, Sequence[LoggedAnswer]], form: AnswerForm, file: str
) -> tuple[tuple[Item, ...], dict[str, LoggedAnswer]]:
    """(items as they are scored, item id -> its row): as `score` has them, but that a log answers each question once."""
    once = replace(form, repeats=False)
    items: list[Item] = []
    rows: dict[str, LoggedAnswer] = {}
    for item in asked:
        own = found.get(item.id, ())
        by_place = {row.where: row for row in own}
        for part, answer in answered(item, [given(item, row, form, file) for row in own], once):
            items.append(part)
            if answer is not None:
                rows[part.id] = by_place[answer.where]
    return tuple(items), rows


@dataclass(frozen=True, slots=True)
class _Run:
    config: RunConfig
    log: SampleLog
    file: Path
    judge: Judge | None
    benchmark: Benchmark
    items: tuple[Item, ...]
    rows: Mapping[str, LoggedAnswer]
    other: int
    labels: tuple[int, int]

    def keep(self, store: Store, command: str, data: Path, output: Path, say: Callable[[str], None]) -> Outcome:
        """Score and store the run, and write its reports."""
        digest = file_digest(self.file)
        answers = {item: Answer(item, row.answer, -1, "") for item, row in self.rows.items()}
        key_of = ["imported", digest, self.config.sweep[0].name]
        run = FileRun(
            config=self.config,
            run_id=self._run_id(digest),
            checkpoint=Checkpoint(self.file.stem, self.log.tool, "", digest),
            items=self.items,
            answers=answers,
            keys={item: value_digest([*key_of, item, answer.text]) for item, answer in answers.items()},
            lacking=LACKING,
            judge=self.judge,
            score=lambda: score_all(self.benchmark, self.items, answers),
            facts=self._facts,
        )
        with locked(output / run.run_id):
            write_text_whole(output / run.run_id / "run.yaml", self.config.as_yaml())
            return keep(run, store, data, output, command, say)

    def _run_id(self, digest: str) -> str:
        """Another run for whatever could change a number, so that none takes the place of another's."""
        scored = [item_digest(self.items), {item: row.answer for item, row in self.rows.items()}]
        return self.config.run_id(digest, benchmark_version(self.benchmark), *scored)

    def _facts(self) -> dict[str, str]:
        first = next((row.prompt for row in self.rows.values() if row.prompt), "")
        unknown = f"{UNKNOWN_FACT}: {self.log.tool}'s"
        return benchmark_facts(self.benchmark, self.items) | {
            "benchmark": self.config.sweep[0].name,
            VERSION: benchmark_version(self.benchmark),
            "items": str(len(self.items)),
            "item digest": item_digest(self.items),
            FACT_FROM_FILES: f"imported from {self.log.tool}",
            FACT_FILES: self.file.name,
            "prompt (first item)": first or unknown,
            OTHER_PROMPTS: str(self.other) if first else UNKNOWN_FACT,
            "decoding": unknown,
            "token limit": unknown,
            **labels_fact(*self.labels),
        }


def _plain(prompt: str) -> str:
    return " ".join(prompt.replace("<image>", " ").split())


def _name(text: str) -> str:
    kept = "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in text).strip("-._")
    return kept[:60] or "imported"
