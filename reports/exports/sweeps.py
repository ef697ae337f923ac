"""What every export walks over: each checkpoint's result on each benchmark, once, with its metrics."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.digests import value_digest
from harness.core.evaluation import Answer, Formula, Item, Metric, Score
from harness.core.run_record import BenchmarkResult, Checkpoint, RunRecord
from harness.core.stats import evaluate, metrics, sample
from reports.text.studies import part_of


@dataclass(frozen=True, slots=True)
class Measured:
    """One checkpoint on one benchmark."""

    record: RunRecord
    label: str
    checkpoint: Checkpoint
    result: BenchmarkResult

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return metrics(self.result.items, self.result.scores, self.result.formulas, self.result.units)

    @property
    def answered(self) -> list[tuple[Item, Answer, Score]]:
        """Items with their answers and scores, less the missing ones."""
        answers = {answer.item_id: answer for answer in self.result.answers}
        scores = {score.item_id: score for score in self.result.scores}
        items = (item for item in self.result.items if item.id in answers and item.id in scores)
        return [(item, answers[item.id], scores[item.id]) for item in items]

    @property
    def partial(self) -> str:
        """Which part of the benchmark was asked ("POPE over its first 300 images"); "" for all of it."""
        return part_of(self.record.study.partial, self.result.benchmark)

    def id(self, *what: str) -> str:
        """A version 4 UUID that is the same for the same run, checkpoint and benchmark."""
        facts = [self.record.run_id, self.label, self.checkpoint.digest, self.result.benchmark, *what]
        return str(uuid.UUID(hex=value_digest(facts)[:32], version=4))


def measured(records: Sequence[RunRecord]) -> Iterator[Measured]:
    """Every result of every record; a base that several arms share comes once."""
    seen: set[tuple[str, str, str]] = set()
    for record in records:
        for sweep in record.sweeps:
            for result in sweep.results:
                key = (record.run_id, sweep.label, result.benchmark)
                if key not in seen:
                    seen.add(key)
                    yield Measured(record, sweep.label, sweep.checkpoint, result)


def headline(result: BenchmarkResult) -> Formula:
    """The metric that an item's own score is shown as: the first headline one, else the first."""
    return next((f for f in result.formulas if f.headline), result.formulas[0])


def own_value(formula: Formula, score: Score) -> float | None:
    """The metric of one item alone; None where it is unknown."""
    return own_values(formula, [score])[0]


def own_values(formula: Formula, scores: Sequence[Score]) -> list[float | None]:
    """The metric of each item alone; None where it is unknown."""
    data = sample([score.item_id for score in scores], scores)
    values = evaluate(formula, data.names, data.values).tolist() if data.names else [None] * len(scores)
    return [value if value is not None and value == value else None for value in values]


def file_part(text: str) -> str:
    """Text as a portable part of a path."""
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in text).strip(".-_ ")
    return kept[:80] or "unnamed"


def model_name(one: Measured) -> tuple[str, str]:
    """(organization, model): the parts of a hub name, else "local" and the checkpoint's own."""
    base = one.checkpoint.base or one.checkpoint.id
    organization, _, name = base.rpartition("/") if re.fullmatch(r"[\w.-]+/[\w.-]+", base) else ("", "", one.checkpoint.id)
    own = name if one.label == "base" else f"{name or one.checkpoint.id}-{one.label}"
    return file_part(organization or "local"), file_part(f"{own or one.label}-{one.checkpoint.digest[:8]}")


def within(folder: Path, name: str) -> Path | None:
    """A file of a folder; None where the name leads out of it, or there is none."""
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        return path if name and inside and path.is_file() else None
    except (OSError, ValueError):
        return None
