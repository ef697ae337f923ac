"""One checkpoint's answers to a few questions of a built-in benchmark, scored by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.core import registry
from harness.core.capabilities import AsksAboutObjects, CountsYesNo, ScoresTogether
from harness.core.evaluation import Answer, Item
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, SweepResult
from reports.values.table import Column

COLUMNS = [Column("base", "", "", "", "", "", True, True)]
Row = tuple[str, Mapping[str, object], str]  # question, truth, answer


def answered(name: str, rows: Sequence[Row], options: Mapping[str, object] | None = None) -> SweepResult:
    benchmark = registry.make("benchmark", name, options or {})
    items = tuple(Item(str(n), f"{n}.jpg", question, truth) for n, (question, truth, _) in enumerate(rows))
    answers = tuple(Answer(item.id, said, 1, "end") for item, (_, _, said) in zip(items, rows, strict=True))
    scores = [benchmark.score(item, answer) for item, answer in zip(items, answers, strict=True)]
    if isinstance(benchmark, ScoresTogether):
        scores = benchmark.together(items, scores, {answer.item_id: answer for answer in answers})
    result = BenchmarkResult(name, ProtocolRecord({}), items, answers, tuple(scores), benchmark.formulas)
    result = replace(result, subject=benchmark.subject, reference=benchmark.reference)
    if isinstance(benchmark, AsksAboutObjects):
        result = replace(result, asked_object=benchmark.asked_object)
    if isinstance(benchmark, CountsYesNo):
        result = replace(result, labels_by_slice=benchmark.labels_by_slice)
    return SweepResult("base", Checkpoint("", "", "", ""), (result,))
