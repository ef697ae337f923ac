"""A judge that replays replies from a file: for tests, and for verdicts that were paid for elsewhere.

The file is JSON lines of {"question", "answer", "raw"}, optionally "id", "value" and "reading". Benchmarks read the raw reply;
a rating in training is the value, so that every row needs one there. A pair that is not in the file, letter by letter, is
unjudged.

`id` is the item's. Rows need it where one question is asked of several items (MMVP, HallusionBench): the same answer is right
about one image and wrong about another.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.judges._ranking import RanksByRating
from harness.core import registry
from harness.core.digests import text_digest
from harness.core.edge.answer_form import as_key
from harness.core.edge.files import json_lines, read_text
from harness.core.errors import ConfigError, DataError, JudgeError
from harness.core.evaluation import Verdict
from harness.core.judging import Facts, JudgeTask
from harness.core.preference import Images

_BY_ID = "give each row its item's `id`, or score the replies by their ids: python -m harness score BENCHMARK --reviews FILE"


@registry.judge
class Recorded(RanksByRating):
    """Replies by question, answer and item; its version is the digest of the file."""

    name, replays = "recorded", True

    def __init__(
        self,
        file: str,  # JSON lines with question, answer, raw and value; with id where items share a question
    ) -> None:
        try:
            text = read_text(Path(file))
        except DataError as error:
            raise JudgeError(f"The recorded judge cannot read its file: {error} Give `file` as a path.") from error
        self.version = text_digest(text)[:16]
        self._file, self._without_value = file, ""  # the first row that has no value
        self._replies: dict[tuple[str, str], dict[str, Verdict]] = {}  # by question and answer, then by the item's id or ""
        for where, row in json_lines(text, file, "Correct that line."):
            question, answer, raw = (_text(row, key, where) for key in ("question", "answer", "raw"))
            value = row.get("value", 0.0)  # a number, so that a benchmark's verdict counts as given
            self._without_value = self._without_value or (where if "value" not in row else "")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{where}: value is {str(value)[:40]!r}; it must be a number. Correct that line.")
            verdict = Verdict(float(value), str(row.get("reading", "")), raw, self.name, self.version)
            item = "" if row.get("id") is None else as_key(row["id"])
            if self._replies.setdefault((question, answer), {}).setdefault(item, verdict) != verdict:
                raise ConfigError(
                    f"{where} has another reply than an earlier row to the same question and answer ({question[:40]!r}, "
                    f"{answer[:40]!r}). Keep one of them; if they are about two items, {_BY_ID}."
                )

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        """Raises JudgeError where it is not known which item a row is about."""
        return self._reply(question, answer, as_key(facts["id"]) if "id" in facts else None)

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

    def _reply(self, question: str, answer: str, item: str | None = None) -> Verdict:
        """`item`: the id that the question comes with, where it is asked of several items."""
        known = self._replies.get((question, answer), {})
        fitting = list(known.values()) if item is None else [known[item]] if item in known else []
        if any(other != fitting[0] for other in fitting) or (item is not None and not fitting and "" in known):
            raise JudgeError(
                f"{self._file}: of the reply to the question {question[:40]!r} and the answer {answer[:40]!r} it is not known "
                f"which item it is about, and several may share them; {_BY_ID}."
            )
        return fitting[0] if fitting else Verdict(None, self._why_not(question, answer, known), "", self.name, self.version)

    def _why_not(self, question: str, answer: str, known: Mapping[str, Verdict]) -> str:
        """What of a pair that is not in the file is there: texts are compared letter by letter."""
        if known:
            return "not recorded: the file has this question and answer with the ids of other items"
        if (_squeezed(question), _squeezed(answer)) in self._loosely:
            return "not recorded: the file has this question and answer with other white space; write them as they are asked"
        if question in self._questions:
            return "not recorded: the file has this question with other answers"
        return "not recorded: the file does not have this question"

    @cached_property
    def _loosely(self) -> set[tuple[str, str]]:
        return {(_squeezed(question), _squeezed(answer)) for question, answer in self._replies}

    @cached_property
    def _questions(self) -> set[str]:
        return {question for question, _ in self._replies}


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _text(row: Any, key: str, where: str) -> str:
    if isinstance(row, dict) and key not in row:
        raise ConfigError(f"{where} has no {key!r}. Correct that line.")
    if not isinstance(row, dict) or not isinstance(row.get(key), str):
        raise ConfigError(f"{where} is not an object with texts under question, answer and raw. Correct that line.")
    return str(row[key])
