"""Judged answers for people to rate: a random sample as a sheet, and the judge's ratings that theirs are held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.core import registry
from harness.core.digests import text_digest
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item, Verdict
from harness.core.judging import RatesOnAScale, RatingScale
from harness.labels.control_sample import control_order
from harness.labels.estimates.judge_calibration import Judged
from harness.storage.run_store import Store, StoredResult
from harness.storage.spreadsheets import LONGEST_CELL, write_sheet
from reports.text.formatting import shortened

HEADER = ("benchmark", "answer_id", "item_id", "question", "image", "answer", "rating", "comment")


def sample_text(store: Store, runs: Sequence[str], benchmark: str, size: int, seed: int = 0) -> str:
    """A sheet of `size` answers that have a rating of the judge, drawn at random; a larger sample holds the smaller one.

    The judge's own rating is not written: it could bias the raters. Raises ConfigError where no judge has rated anything.
    """
    rows: dict[tuple[str, str], tuple[str, Item, str]] = {}
    for _, name, result in results_of(store, runs, benchmark):
        rated = scored_ratings(name, result)
        for item, answer, _ in judged_of(store, result):
            if item.id in rated:
                rows[item.id, _digits(item.id, answer.text)] = (name, item, answer.text)
    if not rows:
        raise ConfigError(
            f"No judge has rated an answer to {benchmark!r} in these runs, so that there is nothing to rate again."
        )
    drawn = control_order(rows, size, seed)
    chosen = sorted(drawn, key=lambda place: place[1])  # by digest: no checkpoint's answers come together
    return write_sheet(HEADER, [_row(*rows[place]) for place in chosen])


def _row(benchmark: str, item: Item, answer: str) -> tuple[str, ...]:
    return benchmark, answer_id(item.id, answer), item.id, item.question, item.image, as_shown(answer), "", ""


def as_shown(answer: str) -> str:
    """An answer as a sheet has it: cut to what a cell holds, and control characters, which programs drop, made visible."""
    return shortened(answer, LONGEST_CELL)


def answer_id(item_id: str, answer: str) -> str:
    """Identity of an answer to an item, whoever gave it: "a" and twelve digits of a sha256.

    Without a letter before them, spreadsheet programs read some as numbers (817332328296, 7e2759436512) and change them.
    """
    return f"a{_digits(item_id, answer)}"


def _digits(item_id: str, answer: str) -> str:
    return text_digest(f"{item_id}\n{answer}")[:12]


def judged_answers(store: Store, runs: Sequence[str]) -> list[Judged]:
    """All ratings of the runs, oldest run first.

    A run's ratings of a checkpoint are taken whole, because each figure is over all answers of a run. They are left out only
    where another run has all of them: the same answers of that checkpoint, rated alike by the same judge.
    """
    groups: defaultdict[tuple[str, str, str], list[tuple[int, list[Judged]]]] = defaultdict(list)
    place = 0
    for run, name, result in results_of(store, runs, ""):
        for judge, own in _ratings(store, run, name, result).items():
            groups[name, result.checkpoint.digest, judge].append((place, own))
            place += 1
    kept = sorted(one for alike in groups.values() for one in _not_contained(alike))
    return [rating for _, own in kept for rating in own]


def _ratings(store: Store, run: str, name: str, result: StoredResult) -> dict[str, list[Judged]]:
    """The ratings of a result by judge and how its replies are read; a continued run may have two."""
    values, reading = scored_ratings(name, result), _reading(result)
    label = result.label if result.benchmark == name else f"{result.label}, {result.benchmark}"
    found: dict[str, list[Judged]] = {}
    for item, answer, verdict in judged_of(store, result):
        if item.id in values:
            judge = ", ".join(part for part in (judge_name(verdict), reading) if part)
            identity = answer_id(item.id, answer.text)
            rating = Judged(name, f"{run}: {label}", identity, judge, values[item.id], item.cluster, reading)
            found.setdefault(judge, []).append(rating)
    return found


def _reading(result: StoredResult) -> str:
    """How a judge's replies become ratings, "both orders, variant official": the same replies give others under another."""
    variant = result.options.get("variant", result.protocol.facts.get("variant"))
    return ", ".join(["both orders"] * bool(result.options.get("swap")) + [f"variant {variant}"] * bool(variant))


def _not_contained(alike: Sequence[tuple[int, list[Judged]]]) -> list[tuple[int, list[Judged]]]:
    """Those whose ratings are not all in another's; of equal ones the first."""
    sets = [{(one.answer, one.value) for one in own} for _, own in alike]
    return [
        one
        for i, one in enumerate(alike)
        if not any(sets[i] < other or (sets[i] == other and j < i) for j, other in enumerate(sets))
    ]


def scored_ratings(benchmark: str, result: StoredResult) -> dict[str, float]:
    """Item id -> the judge's rating that counts in the result's score, which a variant may read otherwise than the verdict."""
    scale = scale_of(benchmark)
    judged = [score for score in result.scores if score.verdict is not None]
    if scale is not None:
        return {score.item_id: score.values[scale.addend] for score in judged if scale.addend in score.values}
    return {score.item_id: score.verdict.value for score in judged if score.verdict and score.verdict.value is not None}


def scale_of(benchmark: str) -> RatingScale | None:
    """The scale of a benchmark's ratings; None where it names none, or is of a plug-in that is not installed any more."""
    try:
        plugin = registry.get("benchmark", benchmark)
    except ConfigError:
        return None
    return plugin.rating_scale if isinstance(plugin, RatesOnAScale) else None


def judge_name(verdict: Verdict) -> str:
    """The judge with its version, as reports name it."""
    return f"{verdict.judge} {verdict.judge_version}".strip()


def results_of(store: Store, runs: Sequence[str], benchmark: str) -> Iterator[tuple[str, str, StoredResult]]:
    """(run, benchmark's name, result) of the runs, all where none is named; `benchmark`: name or label, "" for all."""
    for run in [store.run(name) for name in runs] if runs else store.runs():
        for result in store.results(run.id):
            if not benchmark or benchmark in (result.benchmark, result.options["name"]):
                yield run.id, str(result.options["name"]), result


def judged_of(store: Store, result: StoredResult) -> list[tuple[Item, Answer, Verdict]]:
    """The judged answers of a result, in the order of its items."""
    verdicts = {score.item_id: score.verdict for score in result.scores if score.verdict is not None}
    keys = {i.id: k for i, k in zip(result.items, result.answer_keys, strict=True) if k is not None and i.id in verdicts}
    known = store.answers(keys.values())
    return [
        (item, known[keys[item.id]], verdicts[item.id]) for item in result.items if item.id in keys and keys[item.id] in known
    ]
