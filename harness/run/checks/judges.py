"""Is the judge that would judge now the one that gave a run's verdicts? Found out without loading it or asking it anything.

A study may name a judge by a server's address alone, or by a folder: what is served or lies there may have changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.config.schema import JudgeConfig
from harness.core import registry
from harness.core.capabilities import version_for
from harness.core.digests import value_digest
from harness.core.errors import HarnessError
from harness.core.judging import JudgeTask, KnownUnasked, NoJudge
from harness.core.plugins import Benchmark, Data, Judge, Model, NoModel
from harness.core.run_record import Checkpoint
from harness.run.models import checkpoint_of

_END = "\0"  # ends what is known of a judge's version in a benchmark's facts


class JudgesNow:
    """Stand-ins for the judges of a study, one for each configuration. They give no verdicts.

    folders: look also at judges whose checkpoint is a folder, all of which has to be read.
    """

    def __init__(self, data: Data, folders: bool) -> None:
        self._data, self._folders = data, folders
        self._known: dict[str, Judge | HarnessError] = {}

    def stand_in(self, spec: JudgeConfig | None) -> Judge:
        """Plain `NoJudge` where there is no judge, or it is not looked at. Raises HarnessError where it cannot be."""
        if spec is None:
            return NoJudge()
        key = value_digest(spec.model_dump())
        if key not in self._known:
            try:
                self._known[key] = self._made(spec)
            except HarnessError as error:
                self._known[key] = error
        known = self._known[key]
        if isinstance(known, HarnessError):
            raise known
        return known

    def _made(self, spec: JudgeConfig) -> Judge:
        options = dict(spec.options)
        if isinstance(model := options.get("model"), Mapping):
            chosen = {"name": "transformers", **model}
            options["model"] = self._unloaded(chosen.pop("name"), chosen)
            if options["model"] is None:
                return NoJudge()
        judge = registry.make("judge", spec.name, options, data=self._data)
        return _Named(judge) if isinstance(judge, Judge) else NoJudge()

    def _unloaded(self, name: str, options: dict[str, Any]) -> Model | None:
        if options.get("url") is not None:
            return _Unloaded(registry.make("model", name, options).checkpoint)
        if not self._folders or name not in ("transformers", "openai"):
            return None
        return _Unloaded(checkpoint_of(str(options.get("path"))))


def another_judge(benchmark: Benchmark, measured: Mapping[str, str]) -> tuple[str, str] | None:
    """(who judged, who would judge now) where these differ. `benchmark` has a stand-in as its judge; `measured`: its facts."""
    for fact, words in benchmark.facts().items():
        now, mark, _ = words.partition(_END)
        before = measured.get(fact, now)
        if mark and before != now and not before.startswith(f"{now}, "):
            return before, now
    return None


class _Named(NoJudge):
    """A judge by its name and what is known of its version."""

    def __init__(self, judge: Judge) -> None:
        self.name, self._judge = judge.name, judge

    def version_of(self, task: JudgeTask) -> str:
        judge = self._judge
        return (judge.known_of(task) if isinstance(judge, KnownUnasked) else version_for(judge, task)) + _END


class _Unloaded(NoModel):
    """A checkpoint in the place of the model that it is not loaded as."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
