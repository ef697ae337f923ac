"""A judge that replays replies from a file: for tests, and for verdicts that were paid for elsewhere.

The file is JSON lines of {"question", "answer", "raw"}, optionally "value" and "reading". Benchmarks read the raw reply; a
rating in training is the value, so that every row needs one there. A pair that is not in the file is unjudged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.judges._ranking import RanksByRating
from harness.core import registry
from harness.core.digests import text_digest
from harness.core.edge.files import json_lines, read_text
from harness.core.errors import ConfigError, DataError, JudgeError
from harness.core.evaluation import Verdict
from harness.core.judging import Facts, JudgeTask
from harness.core.preference import Images


@registry.judge
class Recorded(RanksByRating):
    """Replies by question and answer; its version is the digest of the file."""

    name = "recorded"

    def __init__(
        self,
        file: str,  # JSON lines with question, answer, raw and value
    ) -> None:
        try:
            text = read_text(Path(file))
        except DataError as error:
            raise JudgeError(f"The recorded judge cannot read its file: {error} Give `file` as a path.") from error
        self.version = text_digest(text)[:16]
        self._without_value = ""  # the first row that has none
        self._replies: dict[tuple[str, str], Verdict] = {}
        for where, row in json_lines(text, file, "Correct that line."):
            question, answer, raw = (_text(row, key, where) for key in ("question", "answer", "raw"))
            value = row.get("value", 0.0)  # a number, so that a benchmark's verdict counts as given
            self._without_value = self._without_value or (where if "value" not in row else "")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{where}: value is {str(value)[:40]!r}; it must be a number. Correct that line.")
            self._replies[question, answer] = Verdict(float(value), str(row.get("reading", "")), raw, self.name, self.version)

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        return self._reply(question, answer)

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        """Raises JudgeError where a row of the file has no value: it would be a rating of 0."""
        self.check_annotator()
        return self._reply(question, answer)

    def check_annotator(self) -> None:
        """Raises JudgeError where a row of the file has no value."""
        if self._without_value:
            raise JudgeError(
                f"{self._without_value} has no value: a recorded judge that rates or ranks needs one in every row."
            )

    def _reply(self, question: str, answer: str) -> Verdict:
        missing = Verdict(None, "not recorded", "", self.name, self.version)
        return self._replies.get((question, answer), missing)


def _text(row: Any, key: str, where: str) -> str:
    if isinstance(row, dict) and key not in row:
        raise ConfigError(f"{where} has no {key!r}. Correct that line.")
    if not isinstance(row, dict) or not isinstance(row.get(key), str):
        raise ConfigError(f"{where} is not an object with texts under question, answer and raw. Correct that line.")
    return str(row[key])
