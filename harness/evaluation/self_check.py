"""Check that every benchmark scores its own examples as documented."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core import registry
from harness.core.edge.foreign import refused_as
from harness.core.errors import DataError, HarnessError
from harness.core.evaluation import Answer
from harness.core.plugin_forms.formulas import require_formulas
from harness.core.plugin_forms.items import require_form
from harness.core.plugin_forms.scores import score_in_form


@dataclass(frozen=True, slots=True)
class Checked:
    """What one benchmark's examples came to; `fault` is empty when all hold."""

    name: str
    examples: int
    fault: str


def check(names: list[str]) -> list[Checked]:
    """Run the examples of the benchmarks named, of all where none is."""
    return [_one(name) for name in (names or registry.names("benchmark"))]


def _one(name: str) -> Checked:
    try:
        judge = registry.make("judge", "keywords", {})
        benchmark = registry.make("benchmark", name, {}, judge=judge)
        require_formulas(name, benchmark.formulas)
        examples = tuple(getattr(benchmark, "examples", ()))
        for example in examples:
            answer = Answer(example.item.id, example.answer, len(example.answer.split()), "end")
            require_form(name, [example.item], "examples")
            with refused_as(DataError, f"score() fails for its example {example.answer!r}", "Correct the benchmark."):
                score = benchmark.score(example.item, answer)
            got = dict(score_in_form(name, example.item, score).values)
            if got != dict(example.values):
                return Checked(name, len(examples), f"{example.answer!r} scores {got}, not {dict(example.values)}")
    except HarnessError as error:
        return Checked(name, 0, str(error))
    return Checked(name, len(examples), "")
