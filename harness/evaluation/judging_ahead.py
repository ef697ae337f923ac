"""Scores of a benchmark's answers, whose verdicts are asked for together, and beside the next benchmark's answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.capabilities import cost_of
from harness.core.digests import text_digest
from harness.core.evaluation import Answer, Item, Score
from harness.core.judging import Question
from harness.core.plugins import Benchmark, Judge, Progress
from harness.evaluation.scoring import RememberingJudge, score_all


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
        _, questions = judge.tried(self.benchmark, self.items, self.answers)
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
        return self._scored(self.items)

    def again(self, scores: Sequence[Score], most: int) -> tuple[Score, ...]:
        """Scores with second verdicts of up to `most` judged answers: those whose ids have the least sha256, so that every
        checkpoint has the same ones."""
        if not isinstance(self.judge, RememberingJudge):
            return ()
        judged = {s.item_id for s in scores if s.verdict is not None and s.verdict.value is not None}
        chosen = sorted(judged, key=text_digest)[:most]
        self.judge.repeat = 1
        try:
            return self._scored(tuple(item for item in self.items if item.id in set(chosen)))
        finally:
            self.judge.repeat = 0

    def _scored(self, items: tuple[Item, ...]) -> tuple[Score, ...]:
        if (judge := self._together) is None:
            return score_all(self.benchmark, items, self.answers)
        while True:
            scores, questions = judge.tried(self.benchmark, items, self.answers)
            if not questions:
                return scores
            self._ask(judge, questions)

    @property
    def _together(self) -> RememberingJudge | None:
        judge = self.judge
        return judge if isinstance(judge, RememberingJudge) and judge.asks_together else None

    def _ask(self, judge: RememberingJudge, questions: Mapping[str, Question]) -> None:
        total = len(questions)

        def told(done: int) -> None:
            self.asked()
            self.progress(f"{self.what}: judging\t{done:,}/{total:,}", done, total)

        judge.ask_ahead(questions, told)

    def _beside(self, judge: RememberingJudge, questions: Mapping[str, Question]) -> None:
        """In the thread; progress stays with the answers that are generated meanwhile."""
        try:
            judge.ask_ahead(questions, lambda done: self.asked())
        except Exception as error:
            self._error = error
