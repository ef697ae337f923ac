"""Answers -> scores, with a judge that remembers its verdicts: scoring again never pays again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import registry
from harness.config import BenchmarkConfig
from harness.contract import Answer, Benchmark, Item, Judge, Score, Verdict
from harness.digests import file_digest, value_digest
from harness.errors import JudgeError
from harness.store import Store


class RememberingJudge:
    """A judge with a store underneath. Unjudged verdicts are not kept, so the next run asks again."""

    def __init__(self, judge: Judge, store: Store) -> None:
        self._judge, self._store = judge, store
        self.name, self.version = judge.name, judge.version

    def judge(self, question: str, answer: str, facts: Mapping[str, Any], image: Path | None) -> Verdict:
        picture = file_digest(image) if image is not None else None
        key = value_digest([self.name, self.version, question, answer, dict(facts), picture])
        known = self._store.verdicts([key])
        if key in known:
            return known[key]
        verdict = self._judge.judge(question, answer, facts, image)
        if verdict.value is not None:
            self._store.add_verdict(key, verdict)
        return verdict


def build(spec: BenchmarkConfig, store: Store | None = None) -> Benchmark:
    """A benchmark from its configuration, its judge given to it.

    Raises JudgeError when it needs a judge and none is configured.
    """
    plugin = registry.get("benchmark", spec.name)
    if "judge" not in getattr(plugin, "needs", ()):
        benchmark: Benchmark = registry.make("benchmark", spec.name, spec.options)
        return benchmark
    if spec.judge is None:
        known = ", ".join(registry.names("judge"))
        raise JudgeError(f"{spec.name} needs a judge. Add `judge: {{name: ...}}` to it in the sweep; known: {known}.")
    judge: Any = registry.make("judge", spec.judge.name, spec.judge.options)
    if store is not None:
        judge = RememberingJudge(judge, store)
    judged: Benchmark = registry.make("benchmark", spec.name, spec.options, judge=judge)
    return judged


def score_all(benchmark: Benchmark, items: tuple[Item, ...], answers: Mapping[str, Answer]) -> tuple[Score, ...]:
    """Scores of the items that have an answer, in the order of the items."""
    return tuple(benchmark.score(item, answers[item.id]) for item in items if item.id in answers)
