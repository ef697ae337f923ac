"""Answers that already exist -> an ordinary run without a model: scored, stored, with every report.

`report`, `compare`, `audit` and `rescore` work on it as on any run. Its protocol says that the answers came from files, by
digest; its checkpoint is these files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.answer_files.file_judge import FileJudge
from harness.answer_files.keep import FileRun, keep
from harness.answer_files.matching import Matched, match
from harness.answer_files.rows import rows_of, tool_of
from harness.answer_files.stated_labels import labels_fact
from harness.answer_files.used_files import UsedFiles
from harness.config.schema import BenchmarkConfig, RunConfig
from harness.core.capabilities import Judged
from harness.core.digests import value_digest
from harness.core.edge.answer_form import ChosenByAnswers, form_of, refuse_unknown_ends
from harness.core.edge.text import count
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Item, Score
from harness.core.final_answer import final_answer
from harness.core.flags import UNJUDGED
from harness.core.plugins import Benchmark, Data, Judge
from harness.core.run_record import AS_WRITTEN, FACT_FILES, FACT_FROM_FILES, STRANGERS, Checkpoint
from harness.evaluation.asked_items import items_of
from harness.evaluation.protocol import VERSION, as_written, benchmark_facts, benchmark_version, item_digest
from harness.evaluation.scoring import build, judge_of, score_answer, together
from harness.results.report_files import Outcome
from harness.storage.run_folder import locked
from harness.storage.run_store import Store

_SHOWN = 3  # rows that match nothing, as examples
_UNCHECKED = (
    "No row repeats its question, so nothing shows that the other rows are about these questions. Compare a few ids with the "
    "question file: ids that are counted otherwise give every answer to another question."
)


@dataclass(frozen=True, slots=True)
class AnswerFiles:
    """What is scored. `column`: the answers' column where it is not a usual one; `cut`: reasoning and white space first."""

    answers: Sequence[Path]
    reviews: Sequence[Path] = ()
    column: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Scored:
    """The run, and what a reader must know: lines for the terminal. `lost`: rows without truth, which were to be scored."""

    outcome: Outcome
    notes: tuple[str, ...] = field(default_factory=tuple)
    lost: int = 0


def score_files(
    spec: BenchmarkConfig,
    files: AnswerFiles,
    name: str,
    data: Data,
    output: Path,
    command: str,
    say: Callable[[str], None] = lambda text: None,
) -> Scored:
    """Score answer files and keep them as the run `name`; `say` hears what a judge's server was asked and charged.

    Raises DataError, with file and row, for what cannot be read.
    """
    used = UsedFiles.of(files.answers, files.reviews, files.column)
    answers = [row for path in files.answers for row in rows_of(path)]
    reviews = [row for path in files.reviews for row in rows_of(path)]
    with Store(output / "store.sqlite") as store:
        judge = _file_judge(spec, store, data)
        benchmark = build(spec, judge)
        refuse_unknown_ends(spec.name, benchmark)
        items = _items(spec, benchmark, data)
        tasks = [task.name for task in benchmark.judge_tasks] if isinstance(benchmark, Judged) else []
        if reviews and not tasks:
            raise ConfigError(
                f"{spec.name} asks no judge with these options, so that it reads no reviews. Leave --reviews out."
            )
        form = form_of(benchmark)
        try:
            matched = match(items, form, answers, reviews, tasks, files.column)
            if isinstance(benchmark, ChosenByAnswers):
                matched.cut(spec.limit)
            if not matched.answers:
                raise DataError(_no_answer(spec.name, form.names(items[0])[0], used.names, matched))
        except DataError as error:
            if tool := tool_of(answers):
                command = f"python -m harness import-run FILE --benchmark {spec.name}"
                raise DataError(f"{error} The rows look like {tool}, which `{command}` reads.") from error
            raise
        if matched.replies and spec.judge is not None:
            raise ConfigError(f"The files hold replies of a judge, and `judge` names {spec.judge.name}. Leave one of them out.")
        if matched.replies:
            judge = FileJudge(matched.replies, used.verdicts[:16])
            benchmark = build(spec, judge)
            benchmark.load(data)  # its facts name the files it read
        run = _Run(spec, name, used, files, benchmark, judge, matched)
        return Scored(run.keep(store, data, output, command, say), run.notes(), run.lost())


def _items(spec: BenchmarkConfig, benchmark: Benchmark, data: Data) -> tuple[Item, ...]:
    """The items that the files may answer. `limit` is of those that they do answer, where they choose them."""
    if not isinstance(benchmark, ChosenByAnswers):
        return items_of(spec, benchmark, data)
    return items_of(spec.model_copy(update={"limit": None}), benchmark, data, benchmark.known)


def _no_answer(benchmark: str, name: str, files: Sequence[str], matched: Matched) -> str:
    """What to say where no row goes by the name of an item; `name`: that of one."""
    strangers = matched.strangers
    first = f" The first row is {strangers[0]}; items go by names like {name[:80]!r}." if strangers else ""
    why = matched.padded or matched.folder or matched.not_asked or "Is it another benchmark's file?"
    return f"No row of {', '.join(files)} answers an item of {benchmark}.{first} {why}"


def _file_judge(spec: BenchmarkConfig, store: Store, data: Data) -> Judge:
    """The configured judge; where none is, one that has no replies."""
    return (judge_of(spec, store, data) if spec.judge is not None else None) or FileJudge({}, "none")


def _scores(benchmark: Benchmark, judge: Judge, matched: Matched, cut: bool) -> tuple[Score, ...]:
    answers = {item: Answer(item, text, -1, "") for item, text in matched.answers.items()}
    answered = [item for item in matched.items if item.id in answers]
    scores = []
    for item in answered:
        if isinstance(judge, FileJudge):
            judge.item_id = item.id
        scores.append(score_answer(benchmark, item, answers[item.id], not cut))
    return tuple(map(_without_value, together(benchmark, answered, scores, answers, not cut)))


def _without_value(score: Score) -> Score:
    """Replies in files have a value, so that official rules count them; one that no rule could read states none."""
    if score.flag != UNJUDGED or score.verdict is None:
        return score
    return replace(score, verdict=replace(score.verdict, value=None))


@dataclass(frozen=True, slots=True)
class _Run:
    spec: BenchmarkConfig
    name: str
    used: UsedFiles
    files: AnswerFiles
    benchmark: Benchmark
    judge: Judge
    matched: Matched

    def keep(self, store: Store, data: Data, output: Path, command: str, say: Callable[[str], None]) -> Outcome:
        """Score and store the run, and write its reports."""
        config = RunConfig.model_validate({
            "name": self.name,
            "data": str(data.folder),
            "model": {"name": "answers", **self.used.settings(), "cut_reasoning": self.files.cut},
            "sweep": [self.spec.model_dump(exclude_none=True)],
        })  # fmt: skip
        run_id, digest = self._run_id(config), self.used.digest
        texts = self.matched.answers
        run = FileRun(
            config=config,
            run_id=run_id,
            checkpoint=Checkpoint(self.name, "answers from files", "", digest),
            items=tuple(self.matched.items),
            answers={item: Answer(item, text, -1, "") for item, text in texts.items()},
            keys={item: value_digest([digest, self.spec.name, item, text]) for item, text in texts.items()},
            lacking="the files have no answer",
            judge=self.judge,
            score=lambda: _scores(self.benchmark, self.judge, self.matched, self.files.cut),
            facts=self._facts,
        )
        with locked(output / run_id):
            return keep(run, store, data.folder, output, command, say)

    def _run_id(self, config: RunConfig) -> str:
        """Another run for whatever could change a number, so that none takes the place of another's."""
        matched = self.matched
        scored = [item_digest(matched.items), matched.answers, sorted([*key, text] for key, text in matched.replies.items())]
        return config.run_id(benchmark_version(self.benchmark), *scored)

    def _facts(self) -> dict[str, str]:
        items = self.matched.items
        facts = {
            "benchmark": self.spec.name,
            VERSION: benchmark_version(self.benchmark),
            "items": str(len(items)),
            "item digest": item_digest(items),
            FACT_FROM_FILES: "from files; prompt and decoding are not known here",
            FACT_FILES: self.used.fact(),
            STRANGERS: str(len(self.matched.strangers)),
            **labels_fact(*self.matched.labels),
            **benchmark_facts(self.benchmark, items),
        }
        return facts if self.files.cut else facts | {AS_WRITTEN: as_written(self.benchmark)}

    def lost(self) -> int:
        """Rows that no option leaves out and that have no truth here, where the files choose what is scored."""
        open_to_all = isinstance(self.benchmark, ChosenByAnswers) and not self.benchmark.chosen
        return len(self.matched.strangers) if open_to_all else 0

    def _why_strangers(self) -> str:
        """Why rows may match no item; "" where nothing is to be said."""
        if self.matched.folder:
            return self.matched.folder
        if self.lost():
            files = f"`python -m harness fetch {self.spec.name}` fetches missing files"
            return f"The data folder has no truth for them: {files}; or their ids are wrong."
        if isinstance(self.benchmark, ChosenByAnswers):
            return f"They are left out by {self.benchmark.chosen}."
        return self.matched.padded or ("" if self.matched.compared else _UNCHECKED)

    def notes(self) -> tuple[str, ...]:
        """Counts of what does not fit: rows without an item, items without an answer, reasoning that was scored."""
        strangers, total = self.matched.strangers, len(self.matched.items)
        answered = len(self.matched.answers)
        notes = [f"{answered:,} of {total:,} items have an answer in the files.", *self.matched.notes]
        notes += filter(None, [self.matched.places.note(), self.matched.unlike])
        if renamed := self.matched.renamed:
            more = ", ..." if len(renamed) > _SHOWN else ""
            listed = ", ".join(renamed[:_SHOWN])
            rows = f"{count(len(renamed), 'row')} with the id of another question than the image and question that they repeat"
            notes.append(f"{rows}, by which they are scored: {listed}{more}")
        if strangers:
            more = ", ..." if len(strangers) > _SHOWN else ""
            notes.append(f"{count(len(strangers), 'row')} without an item, not scored: {', '.join(strangers[:_SHOWN])}{more}")
            notes += filter(None, [self._why_strangers()])
        if lost := [item.id for item in self.matched.items if item.id not in self.matched.answers]:
            more = ", ..." if len(lost) > _SHOWN else ""
            notes.append(f"{count(len(lost), 'item')} without an answer, in no metric: {', '.join(lost[:_SHOWN])}{more}")
        reasoned = sum(final_answer(text).reasoned for text in self.matched.answers.values())
        if reasoned and not self.files.cut:
            with_reasoning = f"{count(reasoned, 'answer')} with reasoning, which is scored as written"
            notes.append(f"{with_reasoning}. Add --cut-reasoning to leave it out.")
        return tuple(notes)
