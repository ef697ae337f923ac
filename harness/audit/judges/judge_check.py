"""Use case of `judges check`: pairs that people ranked, judged in both orders; the result is kept beside the runs.

    {"id": "RLAIF-V-0", "query": "What is this?", "response": ["A cat.", "A dog."], "human_ranking": [0, 1], "image": "0.jpg"}

`human_ranking` [0, 1]: the first is better, [1, 0]: the second. Recorded replies: `id`, `random_number` (1: shown swapped),
`judge_reply`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import DataError
from harness.core.evaluation import Verdict
from harness.core.judging import Ranking, Unreached, Withheld, ranked_both_ways
from harness.core.plugins import RatesAnswers
from harness.labels.estimates.judge_fitness import UNREAD, Fitness, Judgement, fitness, judgement, stated_number

Row = tuple[str, Mapping[str, object]]  # where it stands, its values


@dataclass(frozen=True, slots=True)
class RankedPair:
    """One question with two answers; `image` is a path in the folder of images, "" for none."""

    id: str
    question: str
    answers: tuple[str, str]
    first_is_better: bool
    image: str


def pairs_of(rows: Sequence[Row]) -> dict[str, RankedPair]:
    """Pairs by id. Raises DataError, with file and row, for a row of another form and for a repeated id."""
    found: dict[str, RankedPair] = {}
    for where, row in rows:
        answers, ranking = row.get("response"), row.get("human_ranking")
        if not isinstance(answers, list) or len(answers) != 2 or not all(isinstance(text, str) for text in answers):
            raise DataError(f"{where}: response should be a list of two texts. Correct that row.")
        if ranking not in ([0, 1], [1, 0]):
            raise DataError(f"{where}: human_ranking is {ranking!r}; it must be [0, 1] or [1, 0]. Correct that row.")
        name = str(row.get("id", ""))
        if not name or name in found:
            raise DataError(f"{where}: the id {name!r} is missing or used before. Correct that row.")
        question, image = row.get("query"), row.get("image") or ""
        if not isinstance(question, str) or not question.strip():
            raise DataError(f"{where}: query should be the text of the question. Correct that row.")
        if not isinstance(image, str):
            raise DataError(f"{where}: image should be the name of one file, or be left out. Correct or remove that row.")
        found[name] = RankedPair(name, question, (answers[0], answers[1]), ranking == [0, 1], image)
    return found


class Asked(NamedTuple):
    """`blind`: pairs judged without their image. `unreached`, `unread`: why a question got no reply, and why nothing could be
    read from a reply -> number of questions. With unreached ones the fitness is of no judge. `withheld`: why the server holds a
    reply back -> number of pairs, which are left out of the fitness."""

    fitness: Fitness
    blind: int
    unreached: Mapping[str, int]
    unread: Mapping[str, int]
    withheld: Mapping[str, int]


def asked(
    judge: RatesAnswers,
    pairs: Sequence[RankedPair],
    images: Path,
    progress: Callable[[int], None] = lambda n: None,
    batch: Callable[[], None] = lambda: None,
) -> Asked:
    """Ask a judge about every pair in both orders. Where no pair is left, those that are withheld are not reached.

    `progress` hears how many pairs are done; `batch` is called with every batch of verdicts.
    """
    shown = [images / pair.image if pair.image and (images / pair.image).is_file() else None for pair in pairs]
    questions = [Ranking(pair.question, pair.answers, {}, image) for pair, image in zip(pairs, shown, strict=True)]
    verdicts = ranked_both_ways(judge, questions, progress, batch)
    judgements: dict[str, list[Judgement]] = {}
    counted: list[Verdict] = []
    withheld = Counter[str]()
    blind = 0
    for pair, image, own in zip(pairs, shown, verdicts, strict=True):
        if held := [verdict.reading for verdict in own if isinstance(verdict, Withheld)]:
            withheld[held[0]] += 1
            continue
        blind += bool(pair.image) and image is None
        counted += own
        judgements[pair.id] = [_judgement(verdict, pair, n == 1) for n, verdict in enumerate(own)]
    unreached, unread = _without_value(counted)
    return Asked(fitness(judgements), blind, unreached if judgements else withheld, unread, withheld)


def _judgement(verdict: Verdict, pair: RankedPair, swapped: bool) -> Judgement:
    value = verdict.value
    return judgement(None if value is None or value not in (0.0, 1.0) else int(value) + 1, pair.first_is_better, swapped)


def _without_value(verdicts: Sequence[Verdict]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Reasons of verdicts without a value: of those that no reply came for, and of the others. Where no verdict at all has a
    value or a text, none of the questions got a reply, whatever the judge calls it."""
    silent = not any(verdict.value is not None or verdict.raw.strip() for verdict in verdicts)
    unreached, unread = Counter[str](), Counter[str]()
    for verdict in verdicts:
        if verdict.value is None:
            (unreached if silent or isinstance(verdict, Unreached) else unread)[verdict.reading or "no reason given"] += 1
    return unreached, unread


def rated(
    rate: Callable[[RankedPair, tuple[str, str], Path], Sequence[float | None]],
    pairs: Sequence[RankedPair],
    images: Path,
    progress: Callable[[int], None] = lambda n: None,
) -> tuple[Fitness, int]:
    """Ask a reward model about every pair with its answers in both orders; the fitness, and how many pairs had no image.

    rate: rewards of the two answers, as shown, higher is better, to the pair with its image in the folder (that of a pair
    whose image is missing is ""). Equal rewards, and those that are not numbers, decide nothing.
    """
    judgements: dict[str, list[Judgement]] = {}
    blind = 0
    for number, pair in enumerate(pairs, 1):
        is_there = bool(pair.image) and (images / pair.image).is_file()
        blind += bool(pair.image) and not is_there
        asked_as = pair if is_there else replace(pair, image="")
        for swapped in (False, True):
            first, second = rate(asked_as, (pair.answers[1], pair.answers[0]) if swapped else pair.answers, images)
            better = None if first is None or second is None else 1 if first > second else 2 if second > first else None
            judgements.setdefault(pair.id, []).append(judgement(better, pair.first_is_better, swapped))
        progress(number)
    return fitness(judgements), blind


def rewarded(pairs: Mapping[str, RankedPair], rows: Sequence[Row]) -> tuple[Fitness, int]:
    """The fitness of a reward model by its scores of both answers, `id` and `scores` [first, second], and how many rows name
    no pair. A score has no order of its own, so each pair counts once; equal scores decide nothing."""
    judgements: dict[str, list[Judgement]] = {}
    strangers = 0
    for where, row in rows:
        pair, scores = pairs.get(str(row.get("id", ""))), row.get("scores")
        if pair is None:
            strangers += 1
            continue
        numbers = [one for one in scores if _is_score(one)] if isinstance(scores, list) else []
        if len(numbers) != 2 or not isinstance(scores, list) or len(scores) != 2:
            raise DataError(
                f"{where}: scores should be two finite numbers, of the first and of the second answer. Correct that row."
            )
        better = None if numbers[0] == numbers[1] else 1 if numbers[0] > numbers[1] else 2
        if pair.id in judgements:
            raise DataError(f"{where}: the pair {pair.id!r} has scores in a row before. Leave one of them.")
        judgements[pair.id] = [judgement(better, pair.first_is_better, False)]
    for missing in pairs.keys() - judgements.keys():
        judgements[missing] = [Judgement(UNREAD, False)]
    return fitness(judgements), strangers


def _is_score(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def recorded(pairs: Mapping[str, RankedPair], rows: Sequence[Row]) -> tuple[Fitness, int]:
    """The fitness by recorded replies, read as the official script reads them, and how many rows name no pair."""
    judgements: dict[str, list[Judgement]] = {}
    strangers = 0
    for where, row in rows:
        pair = pairs.get(str(row.get("id", "")))
        reply, order = row.get("judge_reply"), row.get("random_number")
        if pair is None:
            strangers += 1
            continue
        if not isinstance(reply, str) or order not in (0, 1):
            raise DataError(
                f"{where}: judge_reply should be a text and random_number 0 or 1: 1 where the answers were shown swapped. "
                "Without it a reply cannot be read. Correct that row."
            )
        judgements.setdefault(pair.id, []).append(judgement(stated_number(reply), pair.first_is_better, bool(order)))
    for missing in pairs.keys() - judgements.keys():
        judgements[missing] = [Judgement(UNREAD, False)]
    return fitness(judgements), strangers
