"""People's ratings of judged answers: a random sample as a sheet, the ratings read back, and the judge held against them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.core import registry
from harness.core.digests import text_digest
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Item, Verdict
from harness.core.judging import RatesOnAScale, RatingScale
from harness.labels.control_sample import control_order
from harness.labels.estimates.judge_calibration import Judged
from harness.storage.run_store import Store, StoredResult
from harness.storage.spreadsheets import read_sheet, write_sheet

HEADER = ("benchmark", "answer_id", "item_id", "question", "image", "answer", "rating", "comment")
_NEEDED = ("benchmark", "answer_id", "rating")


def sample_text(store: Store, runs: Sequence[str], benchmark: str, size: int, seed: int = 0) -> str:
    """A sheet of `size` judged answers, drawn at random; a larger sample holds the smaller one.

    The judge's own rating is not written: it could bias the raters. Raises ConfigError where no judge has rated anything.
    """
    rows: dict[tuple[str, str], tuple[Item, str]] = {}
    for _, _, result in results_of(store, runs, benchmark):
        for item, answer, _ in judged_of(store, result):
            rows[item.id, answer_id(item.id, answer.text)] = (item, answer.text)
    if not rows:
        raise ConfigError(
            f"No judge has rated an answer to {benchmark!r} in these runs, so that there is nothing to rate again."
        )
    drawn = control_order(rows, size, seed)
    chosen = sorted(drawn, key=lambda place: place[1])  # by digest: no checkpoint's answers come together
    found = [(benchmark, digest, item_id, *_shown(*rows[item_id, digest]), "", "") for item_id, digest in chosen]
    return write_sheet(HEADER, found)


def _shown(item: Item, answer: str) -> tuple[str, str, str]:
    return item.question, item.image, answer


def answer_id(item_id: str, answer: str) -> str:
    """Identity of an answer to an item, whoever gave it: twelve digits of a sha256."""
    return text_digest(f"{item_id}\n{answer}")[:12]


def read_ratings(paths: Sequence[Path]) -> dict[tuple[str, str], float]:
    """(benchmark, answer) -> mean rating over the sheets, one sheet a rater; rows without a rating are left out.

    Raises DataError with all faults at once.
    """
    ratings: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    faults = []
    for path in paths:
        for line in read_sheet(path, _NEEDED):
            text = line.cells["rating"].strip()
            if not text:
                continue
            try:
                value = float(text.replace(",", "."))  # a decimal comma, as half of Europe writes it
            except ValueError:
                value = float("nan")
            if abs(value) < 1e9:  # neither nan nor infinite
                ratings[line.cells["benchmark"], line.cells["answer_id"]].append(value)
            else:
                faults.append(f"{line.where}: the rating {text[:40]!r} is not a number.")
    if faults:
        raise DataError("\n".join([*faults[:20], "No rating was taken; correct the sheet and try again."]))
    return {answer: sum(values) / len(values) for answer, values in ratings.items()}


def judged_answers(store: Store, runs: Sequence[str], benchmark: str = "") -> list[Judged]:
    """All ratings of the runs, oldest run first.

    A run's ratings of a checkpoint are taken whole, because each figure is over all answers of a run. They are left out only
    where another run has all of them: the same answers of that checkpoint, rated alike by the same judge.
    """
    groups: defaultdict[tuple[str, str, str], list[tuple[int, list[Judged]]]] = defaultdict(list)
    place = 0
    for run, name, result in results_of(store, runs, benchmark):
        for judge, own in _ratings(store, run, name, result).items():
            groups[name, result.checkpoint.digest, judge].append((place, own))
            place += 1
    kept = sorted(one for alike in groups.values() for one in _not_contained(alike))
    return [rating for _, own in kept for rating in own]


def _ratings(store: Store, run: str, name: str, result: StoredResult) -> dict[str, list[Judged]]:
    """The ratings of a result by judge; a continued run may have two."""
    values = scored_ratings(name, result)
    label = result.label if result.benchmark == name else f"{result.label}, {result.benchmark}"
    found: dict[str, list[Judged]] = {}
    for item, answer, verdict in judged_of(store, result):
        if item.id in values:
            judge = judge_name(verdict)
            rating = Judged(name, f"{run}: {label}", answer_id(item.id, answer.text), judge, values[item.id], item.cluster)
            found.setdefault(judge, []).append(rating)
    return found


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


def known_to(judged: Iterable[Judged], people: Mapping[tuple[str, str], float]) -> int:
    """How many of the ratings belong to an answer of these runs."""
    return len({(one.benchmark, one.answer) for one in judged} & set(people))


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
