"""Scores of a benchmark's answers, whose verdicts are asked for together, and beside the next benchmark's answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from harness.core.capabilities import ScoresTogether, cost_of
from harness.core.digests import text_digest
from harness.core.evaluation import Answer, Item, Score
from harness.core.flags import UNJUDGED
from harness.core.judging import Question
from harness.core.plugins import Benchmark, Judge, Progress
from harness.evaluation.cached_judge import CachedJudge
from harness.evaluation.scoring import score_all, score_each, together


def asked_together(
    judge: Judge | None, scoring: Callable[[], tuple[Score, ...]], asked: Callable[[int, int], None] = lambda total, done: None
) -> tuple[Score, ...]:
    """What `scoring` returns once all verdicts are there that it asks for: together, where the judge can be asked so.

    `asked` hears with every batch how many verdicts are wanted and how many of them have come.
    """
    if not isinstance(judge, CachedJudge) or not judge.asks_together:
        return scoring()
    while True:
        scores, questions = judge.tried(scoring)
        if not questions:
            return scores
        judge.ask_ahead(questions, partial(asked, len(questions)))


@dataclass
class Judging:
    """Begins to judge when it is made. A judge behind a server is asked from a thread; any other when `scores` is called.

    A benchmark is scored by one thread alone: the other only asks the judge and keeps what it says.
    """

    benchmark: Benchmark
    items: tuple[Item, ...]
    answers: Mapping[str, Answer]
    judge: Judge | None
    progress: Progress
    what: str
    asked: Callable[[], None] = lambda: None  # called with every batch of verdicts
    _thread: threading.Thread | None = field(default=None, init=False)
    _error: Exception | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        judge = self._together
        if judge is None or cost_of(judge) is None:
            return
        _, questions = judge.tried(self._score_all)
        if questions:
            self._thread = threading.Thread(target=self._beside, args=(judge, questions), daemon=True)
            self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether `scores` need not wait for the thread."""
        return self._thread is None or not self._thread.is_alive()

    def scores(self) -> tuple[Score, ...]:
        """All scores, in the order of the items. Raises what asking the judge raised."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._scored(self._score_all)

    def again(self, scores: Sequence[Score], most: int) -> tuple[Score, ...]:
        """Scores with second verdicts of up to `most` answers whose verdict counts: those whose ids have the least sha256, so
        that every checkpoint has the same ones. Each has what it alone changes in metrics over several items."""
        if not isinstance(self.judge, CachedJudge):
            return ()
        judged = [s.item_id for s in scores if s.verdict is not None and s.flag != UNJUDGED]
        chosen = set(sorted(judged, key=text_digest)[:most])
        items = [item for item in self.items if item.id in chosen]
        self.judge.repeat = 1
        try:
            second = self._scored(lambda: score_each(self.benchmark, items, self.answers))
        finally:
            self.judge.repeat = 0
        if not isinstance(self.benchmark, ScoresTogether):
            return second
        return self._scored(lambda: tuple(self._in_place(scores, new) for new in second))

    def _in_place(self, scores: Sequence[Score], new: Score) -> Score:
        """A second score with all that its verdict changes in the sums, those of other items too."""
        if new.flag == UNJUDGED:
            return new
        (first,) = (score for score in scores if score.item_id == new.item_id)
        answered = [item for item in self.items if item.id in self.answers]
        exchanged = [new if score is first else score for score in scores]
        values = dict(first.values)
        for old, other in zip(scores, together(self.benchmark, answered, exchanged, self.answers), strict=True):
            for name in {**old.values, **other.values} if old.values != other.values else ():
                values[name] = values.get(name, 0.0) + other.values.get(name, 0.0) - old.values.get(name, 0.0)
        return replace(new, values=values)

    def _score_all(self) -> tuple[Score, ...]:
        return score_all(self.benchmark, self.items, self.answers)

    def _scored(self, scoring: Callable[[], tuple[Score, ...]]) -> tuple[Score, ...]:
        return asked_together(self._together, scoring, self._told)

    @property
    def _together(self) -> CachedJudge | None:
        judge = self.judge
        return judge if isinstance(judge, CachedJudge) and judge.asks_together else None

    def _told(self, total: int, done: int) -> None:
        self.asked()
        self.progress(f"{self.what}: judging\t{done:,}/{total:,}", done, total)

    def _beside(self, judge: CachedJudge, questions: Mapping[str, Question]) -> None:
        """In the thread; progress stays with the answers that are generated meanwhile."""
        try:
            judge.ask_ahead(questions, lambda done: self.asked())
        except Exception as error:
            self._error = error
