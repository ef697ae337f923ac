"""What the trainings of a study cost: steps and judge requests, counted; the time of a step, measured on a few pairs.

In a study whose files are not all there they are counted only.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from alignment.aligners._base import Aligner as Own
from harness.config.option_faults import SOURCES_INSIDE
from harness.config.schema import Arm, RunConfig
from harness.core import registry
from harness.core.edge.text import count
from harness.core.errors import HarnessError
from harness.core.evaluation import Verdict
from harness.core.judging import Facts
from harness.core.plugins import Aligner, Annotator, Data
from harness.core.preference import Images, PreferencePair
from harness.run.make_aligner import make_aligner
from harness.run.models import load_model

PUBLISHED_SIZES = {"povid": 17_184, "rlhf_v": 5_733, "vlfeedback": 80_258, "llava_rlhf": 9_422, "rlaif_v": 83_132}  # rows
_SERIES, _SMALL = 2, 2  # sets of answers that are drawn, the first of which warms up; pairs of a step


def counted(config: RunConfig, totals: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """(stage, amount, judge requests) of every arm: prompts of its source and steps of its training, whose judge requests are 0
    where the number of its pairs is unknown; `totals`: arms whose files are there."""
    for arm in (*config.reward_models, *config.arms):
        total = totals.get(arm.name) or _expected(arm)
        yield f"pairs: {arm.name}", f"{_amount(total, 'prompt')} ({arm.pairs.name})", 0
        try:
            aligner = make_aligner(arm.align, arm.align.options, stands_in=True)
        except HarnessError:  # named among what is wrong
            continue
        if total is not None:
            requests = judge_requests(aligner, total, ()) if arm.align.judge is not None else 0
            yield f"align: {arm.name}", amount_of(aligner, total, arm.align.name), requests
        else:
            size = count(aligner.settings.batch_size, "pair")
            yield f"align: {arm.name}", f"{_amount(None, 'step')} of {size} ({arm.align.name})", 0


def amount_of(aligner: Aligner, total: int, name: str) -> str:
    """Steps and size of a training on `total` pairs."""
    steps, size = steps_of(aligner, total)
    return f"{count(steps, 'step')} of {count(size, 'pair')} ({name})"


def steps_of(aligner: Aligner, total: int) -> tuple[int, int]:
    """(steps of a training on `total` pairs, pairs of a step)."""
    trained = aligner.trained_of(total) if isinstance(aligner, Own) else total
    return aligner.settings.steps(trained, _repeats(aligner)), min(aligner.settings.batch_size, trained)


def _repeats(aligner: Aligner) -> int:
    return aligner.repeats if isinstance(aligner, Own) else 1


def judge_requests(aligner: Aligner, total: int, pairs: Sequence[PreferencePair]) -> int:
    """What the judge of a training on `total` pairs is asked at most; `pairs`: some of them, by which answers are counted.
    Without any, a pair is taken to have two."""
    if not isinstance(aligner, Own):
        return 0
    steps, size = steps_of(aligner, total)
    epochs, rest = divmod(math.ceil(steps / aligner.repeats), math.ceil(total / size))
    answers = fmean(len(pair.answers) for pair in pairs) if pairs else 2
    return aligner.judge_requests(epochs * total + min(rest * size, total), round(total * answers))


class Counting:
    """An annotator that counts what it is asked."""

    def __init__(self, annotator: Annotator) -> None:
        self.annotator, self.name, self.version, self.asked = annotator, annotator.name, annotator.version, 0

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        self.asked += 1
        return self.annotator.rate(question, answer, facts, image)

    def rank(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict:
        self.asked += 1
        return self.annotator.rank(question, answers, facts, image)


def pair_seconds(config: RunConfig, arm: Arm, pairs: Sequence[PreferencePair], judge: Annotator | None, data: Data) -> float:
    """How long a step takes for each of its pairs, measured on the same few over and over; where several steps learn from one
    set of answers, the mean of such a series, which draws them once."""
    has_share = any(option.name == "held_out" for option in registry.options("aligner", arm.align.name))
    aligner = make_aligner(arm.align, {**arm.align.options, **({"held_out": 0.0} if has_share else {})}, judge)
    settings, repeats = aligner.settings, _repeats(aligner)
    small = min(settings.micro_batch, settings.batch_size, _SMALL)
    aligner.settings = replace(settings, max_steps=_SERIES * repeats, batch_size=small)
    many = [replace(p, id=f"{p.id}/{i}") for i, p in zip(range(small * _SERIES), itertools.cycle(pairs), strict=False)]
    with tempfile.TemporaryDirectory() as folder:
        done = aligner.align(load_model(config), many, data.folder, Path(folder))
    seconds: float = fmean(float(row["time/step_s"]) for row in done.log[-repeats:]) / small
    return seconds


def _amount(number: int | None, thing: str) -> str:
    return f"an unknown number of {thing}s" if number is None else count(number, thing)


def _expected(arm: Arm) -> int | None:
    """Pairs of an arm whose files are not there: its limit, or the published size of its data set."""
    return _most({"name": arm.pairs.name, **arm.pairs.options})


def _most(source: Mapping[str, Any]) -> int | None:
    """The smallest of a source's limit and those of the sources inside it; None where nothing is known."""
    inside = [_most(source[part]) for part in SOURCES_INSIDE if isinstance(source.get(part), Mapping)]
    if source.get("name") == "joined":  # all of both
        inside = [sum(size for size in inside if size) if all(inside) else None]
    whole = not (source.get("origin") or source.get("chosen_by"))  # how many rows these leave is known with the file only
    sizes = [source.get("limit"), *inside, PUBLISHED_SIZES.get(str(source.get("name"))) if whole else None]
    return min((size for size in sizes if isinstance(size, int) and size > 0), default=None)
