"""Ranking two answers by the ratings that they get one by one."""

from __future__ import annotations

import math
from typing import Protocol

from harness.core.evaluation import Verdict
from harness.core.judging import Facts
from harness.core.preference import Images


class Rates(Protocol):
    """What `RanksByRating` builds on."""

    name: str
    version: str

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict: ...


class RanksByRating:
    """For judges that rate: `rank` is 0 where the first answer is rated higher, 1 the second, 0.5 for equal ratings."""

    def rank(self: Rates, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict:
        first, second = (self.rate(question, answer, facts, image) for answer in answers)
        if first.value is None or second.value is None:
            why = next((one.reading for one in (first, second) if one.value is None and one.reading), "")
            reading = f"one of the two is unjudged{f' ({why})' if why else ''}"
            return Verdict(None, reading, f"{first.raw}\n{second.raw}", self.name, self.version)
        if math.isnan(first.value) or math.isnan(second.value):
            return Verdict(None, "a rating is not a number", f"{first.raw}\n{second.raw}", self.name, self.version)
        value = 0.5 if first.value == second.value else float(second.value > first.value)
        reading = f"{first.value:g} against {second.value:g}"
        return Verdict(value, reading, f"{first.raw}\n{second.raw}", self.name, self.version)
