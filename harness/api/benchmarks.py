"""Answers that came from elsewhere: `harness.load_benchmark("pope").score({item id: answer})`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.api.changes import chosen, folder_of, is_unknown, own_errors, plain, text_of
from harness.api.results import Results, of_one_sweep
from harness.core import registry
from harness.core.edge.text import shown
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item
from harness.core.plugins import Benchmark, Judge
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, SweepResult
from harness.startup import start


@dataclass(frozen=True, slots=True)
class LoadedBenchmark:
    """A benchmark with its items, to score answers that came from elsewhere."""

    name: str
    benchmark: Benchmark
    items: tuple[Item, ...]
    judge: Judge | None = field(default=None, repr=False)
    data: Path = Path()  # folder of its files and images

    def prompts(self) -> dict[str, str]:
        """Item id -> what a model is asked."""
        return {item.id: self.benchmark.prompt(item) for item in self.items}

    def score(self, answers: Mapping[str, str | float | None]) -> Results:
        """Score answers by item id; items without one (None and NaN too) are listed as missing.

        Raises ConfigError for an unknown id, an answer that is not a text, and an option by which texts cannot be scored.
        """
        from harness.core.edge.answer_form import refuse_unknown_ends
        from harness.evaluation.cached_judge import CachedJudge, InMemory
        from harness.evaluation.judging_ahead import asked_together
        from harness.evaluation.protocol import benchmark_facts
        from harness.evaluation.scoring import score_all
        from harness.results.server_use import asked_since_cleared

        refuse_unknown_ends(self.name, self.benchmark)
        texts = self._texts(answers)
        given = {item.id: Answer(item.id, texts[item.id], -1, "") for item in self.items if item.id in texts}
        if isinstance(self.judge, CachedJudge):
            self.judge.begin_anew(InMemory())  # each scoring asks its judge
        scores = asked_together(self.judge, lambda: score_all(self.benchmark, self.items, given))
        result = BenchmarkResult(
            self.name,
            ProtocolRecord(benchmark_facts(self.benchmark, self.items)),
            self.items,
            tuple(given.values()),
            scores,
            tuple(self.benchmark.formulas),
            {item.id: "no answer was given" for item in self.items if item.id not in given},
        )
        use = asked_since_cleared(self.judge)
        asked = {"judge": use} if use is not None else {}
        return of_one_sweep(self.name, SweepResult("answers", Checkpoint("answers", "", "", ""), (result,)), asked, self.data)

    def _texts(self, answers: Mapping[str, str | float | None]) -> dict[str, str]:
        """The answers that there are. Raises ConfigError for an unknown id, and for an answer that is not a text."""
        if not isinstance(answers, Mapping):
            raise ConfigError(f"The answers are of the type {type(answers).__name__}. Give a mapping {{item id: answer}}.")
        known = {item.id for item in self.items}
        unknown = [id for id in answers if id not in known]
        if unknown:
            raise ConfigError(f"{self.name} has no item {unknown[0]!r} ({len(unknown)} unknown ids). See `.items`.")
        there = {id: text for id, text in answers.items() if not is_unknown(text)}
        for id, text in there.items():
            if not isinstance(text, str):
                raise ConfigError(f"The answer to {self.name}, item {id!r}, is {shown(text)}. Give a text; None is no answer.")
        return {id: str(text) for id, text in there.items()}


@own_errors()
def load_benchmark(
    name: str, *, data: str | Path = "miniworld", output: str | Path = "runs", **options: Any
) -> LoadedBenchmark:
    """A benchmark and its items, read from a data folder; `miniworld` is the embedded one, written below `output`.

    `options` are the benchmark's own, and `limit`, `items` and `judge` as in a study: {"name": "keywords"}.
    Raises HarnessError where files, options or the judge are missing.
    """
    start()
    from harness.config import schema
    from harness.evaluation.asked_items import items_of
    from harness.evaluation.cached_judge import CachedJudge, InMemory
    from harness.evaluation.scoring import build, judge_of
    from harness.run.data import open_data

    registry.get("benchmark", text_of(name, "the benchmark"))
    own = plain(options, f"an option of {name}")
    own |= {"items": chosen(own["items"], "items")} if "items" in own else {}
    tree = {"model": {"name": "transformers", "path": "none"}, "sweep": [{"name": name, **own}]}
    try:
        spec = schema.parse(tree, f"the options of {name}").sweep[0]
    except ConfigError as error:
        raise ConfigError(str(error).replace("- sweep.0: ", "- ").replace("- sweep.0.", "- ")) from error
    folder = open_data(text_of(data, "data"), folder_of(output, "output"))
    named = judge_of(spec, None, folder)
    judge = CachedJudge(named, InMemory()) if named is not None else None
    benchmark = build(spec, judge)
    return LoadedBenchmark(spec.title, benchmark, items_of(spec, benchmark, folder), judge, folder.folder)
