"""A judge whose replies came from files, by item: verdicts that were given elsewhere, read by the benchmark's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.core.evaluation import Verdict
from harness.core.judging import FILE_JUDGE, Facts, JudgeTask


class FileJudge:
    """Replies by (task, item). `item_id` is the item being scored; a task that names one in its facts goes by that."""

    name, replays = FILE_JUDGE, True

    def __init__(self, replies: Mapping[tuple[str, str], str], version: str) -> None:
        self._replies, self.version, self.item_id = replies, version, ""

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        """An item without a reply is unjudged; an empty reply is a reply."""
        reply = self._replies.get((task.name, str(facts.get("id", self.item_id))))
        if reply is None:
            return Verdict(None, "no reply in the files", "", self.name, self.version)
        value = task.read(reply)
        return Verdict(0.0 if value is None else value, "", reply, self.name, self.version)
