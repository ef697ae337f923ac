"""What stands behind the numbers: items that flipped, captions with spans, failures, protocol differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from harness.core.evaluation import Answer, Item, Score, Span
from harness.core.final_answer import reasoning
from harness.core.flags import EMPTY, UNFINISHED, UNJUDGED, UNREAD_VERDICT
from harness.core.run_record import (
    ADAPTER,
    AS_WRITTEN,
    FACT_FROM_FILES,
    JUDGE_CHECK,
    JUDGES,
    OTHER_LABELS,
    REPEATED,
    SERVED,
    BenchmarkResult,
    SweepResult,
)
from reports.tables.results import benchmark_names, results_of, samples_of
from reports.text.formatting import listing, shortened, title_of
from reports.values.alike import other_items, same_items
from reports.values.details import Caption, Failures, Flip, ProtocolDifference, Replies, Side, UnknownProtocol
from reports.values.judge_noise import JudgeNoise, judge_noise
from reports.values.table import Column

_OF_ITEMS = ("items", "item digest")  # facts that tell apart what was taken apart, too
MERGED = "rounded away in part (an earlier version): sweep again"  # it was merged into half-precision weights


class Lookup:
    """Score and answer by item id, made once a result however many parts of the report ask."""

    def __init__(self) -> None:
        self._made: dict[int, dict[str, tuple[Score, Answer]]] = {}

    def of(self, result: BenchmarkResult) -> dict[str, tuple[Score, Answer]]:
        if id(result) not in self._made:
            answers = {answer.item_id: answer for answer in result.answers}
            self._made[id(result)] = {s.item_id: (s, answers[s.item_id]) for s in result.scores if s.item_id in answers}
        return self._made[id(result)]


def flips(columns: Sequence[Column], sweeps: Sequence[SweepResult], said: Lookup) -> tuple[Flip, ...]:
    """Items gained and lost by `Score.correct` against the baseline, by benchmark, column and item order."""
    found: list[Flip] = []
    for name in benchmark_names(sweeps):
        base, *others = results_of(sweeps, name)
        for column, other in zip(columns[1:], others, strict=True):
            if base and other:
                found += _flips_of(name, column.label, base, other, said)
    return tuple(found)


_Said = Mapping[str, tuple[Score, Answer]]


def _flips_of(name: str, column: str, base: BenchmarkResult, result: BenchmarkResult, answered: Lookup) -> list[Flip]:
    found, before, after, others = [], answered.of(base), answered.of(result), other_items(base, result)
    for item in result.items:
        if item.id not in before or item.id not in after or item.id in others:
            continue
        (old, said), (new, says) = before[item.id], after[item.id]
        if old.correct is None or new.correct is None or old.correct == new.correct:
            continue
        kind = "gained" if new.correct else "lost"
        what = (result.subject(item), result.reference(item))
        found.append(Flip(name, column, kind, item, said.text, says.text, new.why, *what, result.rows(item)))
    return found


def captions(columns: Sequence[Column], sweeps: Sequence[SweepResult], said: Lookup, most: int = 60) -> tuple[Caption, ...]:
    """Items whose answers carry spans; those whose number of inventions changed most come first."""
    found: list[tuple[int, str, Item]] = []
    sides: dict[str, list[_Said]] = {}
    for name in benchmark_names(sweeps):
        results = results_of(sweeps, name)
        spanned = [r if r and any(s.spans for s in r.scores) else None for r in results]
        if not any(spanned):
            continue
        sides[name] = [said.of(r) if r else {} for r in spanned]
        items = {item.id: item for result in results if result for item in result.items}
        found += [(_least_changed(sides[name], item.id), name, item) for item in items.values()]
    found.sort(key=lambda entry: entry[0])  # stable: equal ones stay in item order
    made = (_caption(name, item, columns, sides[name]) for _, name, item in found)
    return tuple(islice((caption for caption in made if any(side.spans for side in caption.sides)), most))


def _caption(name: str, item: Item, columns: Sequence[Column], sides: Sequence[_Said]) -> Caption:
    shown = tuple(
        Side(column.label, said[item.id][1].text, _in_order(said[item.id][0].spans))
        for column, said in zip(columns, sides, strict=True)
        if item.id in said
    )
    return Caption(name, item.id, item.image, item.question, shown)


def _in_order(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.start, span.end)))


def _least_changed(sides: Sequence[_Said], item_id: str) -> int:
    """Sort key: minus the largest change in inventions."""
    scores = [said[item_id][0] for said in sides if item_id in said]
    invented = [sum(span.kind == "invented" for span in score.spans) for score in scores]
    return -max((abs(n - invented[0]) for n in invented), default=0)


_COUNTED = (UNREAD_VERDICT, EMPTY, UNFINISHED)  # by an official rule, whatever the judge's reply states


def failures(columns: Sequence[Column], sweeps: Sequence[SweepResult]) -> tuple[Failures, ...]:
    """One entry for each benchmark and column."""
    return tuple(
        _failures_of(name, column.label, result)
        for name in benchmark_names(sweeps)
        for column, result in zip(columns, results_of(sweeps, name), strict=True)
        if result
    )


def _failures_of(name: str, column: str, result: BenchmarkResult) -> Failures:
    flags = Counter(score.flag for score in result.scores if score.flag)
    unjudged = sum(
        score.flag == UNJUDGED or (score.verdict is not None and score.verdict.value is None and score.flag not in _COUNTED)
        for score in result.scores
    )
    truncated = sum(answer.stopped == "length" for answer in result.answers)
    unread = [score for score in result.scores if score.flag == UNJUDGED]
    words = _reasoning_words(result)
    return Failures(
        name, column, len(result.items), len(result.answers), len(result.missing), truncated, unjudged,
        dict(sorted(flags.items())), _by_reason(result.missing), _unjudged_by_reason(unread),
        len(words), sum(words) / len(words) if words else None, FACT_FROM_FILES in result.protocol.facts,
        _replies(result), result.protocol.facts.get(OTHER_LABELS, ""), result.protocol.facts.get(REPEATED, ""),
        result.unread_counts,
    )  # fmt: skip


def _replies(result: BenchmarkResult) -> tuple[Replies, ...]:
    """The models that servers' replies name, where they name any: those of the answers, then those of the verdicts."""
    asked = result.protocol.facts.get(SERVED, "")
    found = {("answers", asked): Counter(answer.model for answer in result.answers if answer.model)}
    for verdict in (score.verdict for score in result.scores if score.verdict is not None and score.verdict.model):
        found.setdefault(("verdicts", verdict.asked), Counter())[verdict.model] += 1
    return tuple(Replies(what, model, dict(sorted(named.items()))) for (what, model), named in found.items() if named)


def _reasoning_words(result: BenchmarkResult) -> list[int]:
    """Words of reasoning of each answer that has some and is scored without it."""
    if AS_WRITTEN in result.protocol.facts:
        return []
    found = (reasoning(answer.text) for answer in result.answers)
    return [len(words.split()) for words in found if words is not None]


def _unjudged_why(score: Score) -> str:
    """The judge's own reason where it gave no reply."""
    return score.verdict.reading if score.verdict is not None and not score.verdict.raw and score.verdict.reading else score.why


def _unjudged_by_reason(scores: Sequence[Score]) -> dict[str, tuple[str, ...]]:
    """Each reason with the beginning of the first reply that has it, where there was a reply."""
    replies = {score.item_id: score.verdict.raw for score in scores if score.verdict is not None}
    reasons = _by_reason({score.item_id: _unjudged_why(score) for score in scores})
    begins = {why: shortened(" ".join(replies.get(items[0], "").split()), 60) for why, items in reasons.items()}
    return {
        why + (f' (the first reply begins "{begins[why]}")' if begins[why] else ""): items for why, items in reasons.items()
    }


def _by_reason(reasons: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for item, why in reasons.items():
        found.setdefault(why, []).append(item)
    return {why: tuple(items) for why, items in found.items()}


def protocol_differences(columns: Sequence[Column], sweeps: Sequence[SweepResult]) -> tuple[ProtocolDifference, ...]:
    """Every fact in which a column was measured otherwise than the baseline."""
    found = []
    for name in benchmark_names(sweeps):
        base, *others = results_of(sweeps, name)
        for column, sweep, other in zip(columns[1:], sweeps[1:], others, strict=True):
            if base and other:
                facts = base.protocol.differs_from(other.protocol, column.digest == columns[0].digest)
                facts = {fact: pair for fact, pair in facts.items() if fact not in _OF_ITEMS or not same_items(base, other)}
                if others_here := other_items(base, other):
                    facts["ids"] = "", f"{len(others_here):,} are of another question or image"
                adapters = _adapter(sweeps[0], base), _adapter(sweep, other)
                if adapters[0] != adapters[1] and (MERGED in adapters or column.digest == columns[0].digest):
                    facts[ADAPTER] = adapters
                found += [ProtocolDifference(name, column.label, fact, *map(_shown, pair)) for fact, pair in facts.items()]
    return tuple(found)


def _adapter(sweep: SweepResult, result: BenchmarkResult) -> str:
    """How the checkpoint held an adapter; earlier versions, which merged all of them, did not say it."""
    facts = result.protocol.facts
    merged = sweep.checkpoint.parent and facts.get("dtype") in ("bfloat16", "float16") and "model class" in facts
    return facts.get(ADAPTER, MERGED if merged else "(none)")


def same_checkpoint(columns: Sequence[Column], unlike: Sequence[ProtocolDifference]) -> str:
    """Sentences on the columns with the baseline's own weights: what their differences come from. "" where there are none."""
    base, *others = columns
    texts = []
    for column in (one for one in others if one.digest and one.digest == base.digest):
        facts: dict[str, dict[str, None]] = {}
        for d in unlike:
            if d.column == column.label and d.fact != JUDGE_CHECK:
                facts.setdefault("judge" if d.fact in JUDGES else d.fact, {})[title_of(d.benchmark)] = None
        if facts:
            how = listing([f"{fact} on {listing(list(names), 6)}" for fact, names in facts.items()], 4)
            cause = "the judge" if [*facts] == ["judge"] else "how it was measured"
            texts.append(
                f"{column.label} is the same checkpoint as {base.label}, measured otherwise ({how}): their differences come "
                f"from {cause}, not from the model."
            )
    return " ".join(texts)


def _shown(fact: str) -> str:
    """A fact in words. What is stored stays as it was: facts are part of the keys under which answers are found again."""
    return {"bends nothing": "no effect on decoding"}.get(fact, fact)


def protocol_fields(columns: Sequence[Column], sweeps: Sequence[SweepResult]) -> dict[str, Any]:
    """The fields of a comparison with the facts of each benchmark, and those that are not known of a column beside others.

    The facts are the baseline's; where it lacks the benchmark, the first column's that has it.
    """
    unknown = []
    for name in benchmark_names(sweeps):
        there = {c.label: r.protocol for c, r in zip(columns, results_of(sweeps, name), strict=True) if r is not None}
        if len(there) > 1:
            found = ((label, own.unknown(*there.values())) for label, own in there.items())
            unknown += [UnknownProtocol(name, label, facts) for label, facts in found if facts]
    firsts = [next(r for r in results_of(sweeps, name) if r is not None) for name in benchmark_names(sweeps)]
    protocols = {r.benchmark: {name: _shown(fact) for name, fact in r.protocol.facts.items()} for r in firsts}
    return {"protocols": protocols, "protocol_unknown": tuple(unknown)}


def judge_noises(columns: Sequence[Column], sweeps: Sequence[SweepResult]) -> tuple[JudgeNoise, ...]:
    """One entry for each benchmark and column of which enough verdicts were asked twice."""
    found = []
    for name in benchmark_names(sweeps):
        results = results_of(sweeps, name)
        if any(result and result.judged_again for result in results):
            for column, result, data in zip(columns, results, samples_of(results), strict=True):
                noise = judge_noise(column.label, result, data) if result and data is not None else None
                found += [noise] if noise else []
    return tuple(found)
