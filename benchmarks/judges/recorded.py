"""A judge that replays replies from a file: for tests, and for verdicts that were paid for elsewhere.

The file is JSON lines of {"question", "answer", "raw"}, optionally "value" and "reading". Benchmarks read the raw reply.
A pair that is not in the file is unjudged.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from benchmarks.judges._ranking import RanksByRating
from harness.core import registry
from harness.core.errors import ConfigError, JudgeError
from harness.core.evaluation import Verdict
from harness.core.judging import Facts, JudgeTask


@registry.judge
class Recorded(RanksByRating):
    """Replies by question and answer; its version is the digest of the file."""

    name = "recorded"

    def __init__(
        self,
        file: str,  # JSON lines with question, answer, raw and value
    ) -> None:
        path = Path(file)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise JudgeError(f"The recorded judge cannot read {path} ({error.strerror}). Give `file` as a path.") from error
        self.version = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._replies: dict[tuple[str, str], Verdict] = {}
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                row = _row(line, f"{path}, line {number}")
                value = float(row.get("value", 0.0))  # a number, so that the verdict counts as given
                verdict = Verdict(value, str(row.get("reading", "")), row["raw"], self.name, self.version)
                self._replies[row["question"], row["answer"]] = verdict

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        return self.rate(question, answer, facts, image)

    def rate(self, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        missing = Verdict(None, "not recorded", "", self.name, self.version)
        return self._replies.get((question, answer), missing)


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
        missing = [key for key in ("question", "answer", "raw") if key not in row]
    except (json.JSONDecodeError, TypeError) as error:
        raise ConfigError(f"{where}: not an object as JSON ({error}). Correct that line.") from error
    if missing:
        raise ConfigError(f"{where} has no {missing[0]!r}. Correct that line.")
    return row
