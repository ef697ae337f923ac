"""A judge of rules: exact, offline, the same on every machine; it does what each benchmark's task gives as its rule.

Not a language model: for the miniature world and machines without a network; its numbers are comparable only with its own.
A rating for training, and a ranking, follow `benchmarks/_judged/reference_rule.py`.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks._judged.reference_rule import rate_by_reference
from benchmarks.judges._ranking import RanksByRating
from harness.core import registry
from harness.core.errors import JudgeError
from harness.core.evaluation import Verdict
from harness.core.judging import Facts, JudgeTask, Reply
from harness.core.preference import Images


@registry.judge
class Keywords(RanksByRating):
    """Judges an answer by rules. `image` is never looked at."""

    name = "keywords"
    version = "4"  # 4: orange beside another colour is a colour

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        """The raw text is what a language model would reply. Raises JudgeError for a task without a rule."""
        if task.rule is None:
            raise JudgeError(f"The keywords judge has no rule for {task.name!r}. Use a judge that asks a model: chat.")
        return self._verdict(task.rule(question, answer, facts))

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        """0 to 6 by the reference facts["gt_answer"]."""
        return self._verdict(rate_by_reference(question, answer, facts))

    def _verdict(self, reply: Reply) -> Verdict:
        return Verdict(reply.value, reply.reading, reply.raw, self.name, self.version)
