"""When a judge that gives no verdict ends a training: not at one reply that cannot be read, but at several in a row."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.errors import TrainingError

MOST = 8  # comparisons or answers in a row without a verdict; a judge that reads most answers hardly ever gets there


@dataclass(slots=True)
class Unjudged:
    """Comparisons or answers in a row that got no verdict, over the steps of this process.

    Counted in memory: a training that is started again asks the judge anew, and a judge that is back goes on.
    """

    count: int = 0

    def add(self, judged: int, unjudged: int, what: str, step: int, why: str = "") -> None:
        """A step of all processes in which so many got a verdict, and so many did not.

        Raises TrainingError where none of the last `MOST` or more did; `what`: "The annotator x judged none of the last {n}
        comparisons"; `why`: one of them has no verdict.
        """
        self.count = 0 if judged else self.count + unjudged
        if self.count >= MOST:
            raise TrainingError(
                f"{what.format(n=self.count)} (up to step {step + 1}{f'; one of them: {why}' if why else ''}). "
                "The last saved state is kept. Check that the judge can "
                "be reached and that its replies can be read (`python -m harness annotators` counts those that cannot), "
                "and run the same command again."
            )
