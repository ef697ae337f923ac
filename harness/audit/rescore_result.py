"""A stored result under edited labels: the answers to changed items are scored again, the rest stays; no judge is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.errors import JudgeError
from harness.core.evaluation import Item, LabelEdit, Score, Verdict
from harness.core.flags import UNJUDGED
from harness.core.judging import Facts, JudgeTask
from harness.core.run_record import AS_WRITTEN, BenchmarkResult, ProtocolRecord
from harness.evaluation.protocol import SCORED_AGAIN, VERSION, as_written, is_version
from harness.evaluation.scoring import Scorer, score_answer, together
from harness.labels.cases import Key
from harness.labels.claims import Auditable
from harness.labels.labelled_items import LabelledItems
from harness.storage.label_edits import Conflict, apply
from reports.values.label_audit import Bound

_SAME: Any = object()


@dataclass(frozen=True, slots=True)
class Rescored:
    """A result `before` and under edits: those that hold, those that do not and why; `bounds` where labels are `disputed`."""

    before: BenchmarkResult
    result: BenchmarkResult
    edits: tuple[LabelEdit, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    bounds: tuple[Bound, ...] = ()
    disputed: tuple[Key, ...] = ()


class Replayed:
    """Judge that returns the stored verdict; a verdict does not depend on the label."""

    name, version = "replayed", ""
    verdict: Verdict | None = None

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        if self.verdict is None:
            raise JudgeError("There is no stored verdict on this answer; let the run ask its judge again first.")
        return self.verdict


def rescore_result(
    result: BenchmarkResult, benchmark: Auditable, edits: Sequence[LabelEdit], judge: Replayed | None = None
) -> Rescored:
    """A result with its answers scored under edited labels; edits of items that it does not have are left out.

    `judge`: the one that `benchmark` was made with, where it has one.
    """
    of = LabelledItems.among(benchmark, result.items).of
    asked = {*of, *of.values()}
    applied = apply(benchmark, result.items, [edit for edit in edits if edit.item_id in asked])
    again = rescored(result, benchmark, applied.changed, judge)
    return Rescored(result, again, applied.held, applied.conflicts)


def in_version(now: str, result: BenchmarkResult, benchmark: Auditable, judge: Replayed) -> BenchmarkResult:
    """The result as it is where the benchmark's version `now` scored it, else with all its stored answers scored again.

    Scores of two versions must not be added up. Unjudged answers stay so; a judge's verdicts are replayed, and JudgeError is
    raised where this version needs one that is not stored.
    """
    facts = result.protocol.facts
    written = {AS_WRITTEN: as_written(benchmark)} if AS_WRITTEN in facts else {}
    stored, read = facts.get(VERSION, "unknown"), facts.get(AS_WRITTEN, "")
    if is_version(stored, now) and read == written.get(AS_WRITTEN, ""):
        return result
    again = rescored(result, benchmark, {item.id: item for item in result.items}, judge)
    before = f"version {stored}" if not is_version(stored, now) else f"an earlier one, {read}"
    said = f"by version {now}; the run has scores of {before}"
    return replace(again, protocol=ProtocolRecord({**facts, VERSION: now, **written, SCORED_AGAIN: said}))


def rescored(
    result: BenchmarkResult, benchmark: Scorer, changed: Mapping[str, Item | None], judge: Replayed | None = None
) -> BenchmarkResult:
    """A result with some items changed or dropped (None): their answers are scored again, all else stays."""
    if not changed:
        return result
    answers = {answer.item_id: answer for answer in result.answers}
    as_written = AS_WRITTEN in result.protocol.facts

    def again(old: Score) -> Score | None:
        item = changed.get(old.item_id, _SAME)
        if item is _SAME or (item is not None and old.flag == UNJUDGED):
            return old
        if judge is not None:
            judge.verdict = old.verdict
        return score_answer(benchmark, item, answers[old.item_id], as_written) if item is not None else None

    dropped = {item_id for item_id, item in changed.items() if item is None}
    items = tuple(changed.get(i.id, i) or i for i in result.items if i.id not in dropped)
    scores = [new for old in result.scores if (new := again(old)) is not None]
    by_id = {item.id: item for item in items}
    return replace(
        result,
        items=items,
        answers=tuple(answer for answer in result.answers if answer.item_id not in dropped),
        scores=together(benchmark, [by_id[s.item_id] for s in scores], scores, answers, as_written),
        missing={item_id: why for item_id, why in result.missing.items() if item_id not in dropped},
    )
