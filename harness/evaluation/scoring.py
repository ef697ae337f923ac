"""Answers -> scores, and the judges and benchmarks that a configuration names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from harness.config.check_plugins import no_judge
from harness.config.schema import BenchmarkConfig, JudgeConfig, RunConfig
from harness.core import flags, registry
from harness.core.capabilities import NeedsJudge, ScoresTogether
from harness.core.edge.foreign import words_of
from harness.core.edge.own_servers import StartsServer
from harness.core.errors import ConfigError, DataError, HarnessError, JudgeError, UnknownPlugin
from harness.core.evaluation import Answer, Formula, Item, Score
from harness.core.final_answer import final_answer, whole
from harness.core.judging import ChecksAnnotator, NoJudge
from harness.core.plugin_forms.formulas import require_formulas
from harness.core.plugin_forms.scores import score_in_form, scores_in_form
from harness.core.plugins import Annotator, Benchmark, Data, Judge
from harness.evaluation.cached_judge import CachedAnnotator, CachedJudge
from harness.storage.run_store import Store


def make_judge(spec: JudgeConfig, store: Store | None = None, data: Data | None = None) -> Judge:
    """A benchmark's judge from its configuration. Raises JudgeError for one that only rates answers in training."""
    judge = _made(spec, data)
    if not isinstance(judge, Judge):
        raise JudgeError(f"{spec.name} rates answers in training; it does not judge benchmarks. Use keywords or chat.")
    return judge if store is None else CachedJudge(judge, store)


def make_annotator(spec: JudgeConfig, store: Store | None = None, data: Data | None = None) -> Annotator:
    """An aligner's annotator from its configuration. Raises JudgeError for a judge that cannot rate, or not from its file."""
    annotator = _made(spec, data)
    if not isinstance(annotator, Annotator):
        raise JudgeError(f"{spec.name} judges benchmarks; it does not rate answers in training. Use annotations or chat.")
    if isinstance(annotator, ChecksAnnotator):
        annotator.check_annotator()
    return annotator if store is None else CachedAnnotator(annotator, store)


def _made(spec: JudgeConfig, data: Data | None) -> object:
    """A chat judge's `model` is a model's configuration; it is loaded here."""
    options = dict(spec.options)
    if isinstance(model := options.get("model"), Mapping):
        chosen = {"name": "transformers", **model}
        options["model"] = made = registry.make("model", chosen.pop("name"), chosen)
        if isinstance(made, StartsServer):
            made.start()  # one that does not start is known before hours of answers
    return registry.make("judge", spec.name, options, data=data)


def judge_faults(config: RunConfig, data: Data | None) -> list[str]:
    """What is wrong with the judges of a study; in front, the keys under which such a judge stands."""
    judges = [(f"sweep.{spec.title}.judge", spec.judge, spec) for spec in config.sweep]
    annotators = [(f"arms.{arm.name}.align.judge", arm.align.judge, None) for arm in config.arms]
    places = dict[str, list[str]]()
    for place, judge, spec in (*judges, *annotators):
        try:
            if judge is not None and spec is not None:
                build(spec, make_judge(judge, None, data))  # a benchmark may refuse a judge with its options
            elif judge is not None:
                make_annotator(judge, None, data)
        except HarnessError as error:
            places.setdefault(str(error), []).append(place)
    return [f"{', '.join(where)}: {fault}" for fault, where in places.items()]


def judge_of(spec: BenchmarkConfig, store: Store | None = None, data: Data | None = None) -> Judge | None:
    """The judge of a benchmark's configuration. Raises JudgeError when it needs one and none is configured."""
    if spec.judge is not None:
        return make_judge(spec.judge, store, data)
    plugin = registry.get("benchmark", spec.name)
    if isinstance(plugin, NeedsJudge) and plugin.needs_judge:
        raise JudgeError(no_judge(spec.name))
    return None


def build(spec: BenchmarkConfig, judge: Judge | None) -> Benchmark:
    """A benchmark from its configuration, its judge given to it. Raises ConfigError for formulas that cannot be computed."""
    given = {} if judge is None else {"judge": judge}
    made = registry.make("benchmark", spec.name, spec.options, **given)
    require_formulas(spec.name, made.formulas)
    return made


def unjudged(spec: BenchmarkConfig) -> Benchmark:
    """A benchmark without loading its judge: for its questions and formulas."""
    return registry.make("benchmark", spec.name, spec.options, judge=NoJudge())


@dataclass(frozen=True, slots=True)
class Gone:
    """Stands for a benchmark that was measured and cannot be made here: its answers and scores are shown, and no metric.

    why: what hinders it, as a sentence.
    """

    why: str
    formulas: tuple[Formula, ...] = ()


def measured_by(options: Mapping[str, Any]) -> Benchmark | Gone:
    """The benchmark of a stored result, which another distribution may have taken with it; `options`: as they are stored."""
    try:
        return unjudged(BenchmarkConfig.model_validate(dict(options)))
    except UnknownPlugin:
        return Gone("it is not installed.")
    except ConfigError as error:
        return Gone(str(error))


class Scorer(Protocol):
    """What scoring needs of a benchmark."""

    def score(self, item: Item, answer: Answer) -> Score: ...


def score_answer(benchmark: Scorer, item: Item, answer: Answer, as_written: bool = False) -> Score:
    """The score of an answer without its reasoning. Spans are places in the whole text, as it is stored and shown.

    An answer without text is flagged, whatever the benchmark makes of it. `as_written`: nothing is cut off first, neither
    reasoning nor white space: what an official script sees in an answer file.
    """
    final = whole(answer.text) if as_written else final_answer(answer.text)
    try:
        score = benchmark.score(item, answer if final.text == answer.text else replace(answer, text=final.text))
    except HarnessError:
        raise
    except Exception as error:  # an error of the plug-in: the item's name helps to find it
        who = type(benchmark).__name__
        raise DataError(
            f"{who} cannot score the answer to item {item.id!r} ({words_of(error)}). All answers are stored; correct "
            "the benchmark and run the same command again."
        ) from error
    score = score_in_form(type(benchmark).__name__, item, score)
    if final.text != answer.text and score.spans:
        spans = (replace(s, start=final.place(s.start), end=final.place(s.end - 1) + 1) for s in score.spans)
        score = replace(score, spans=tuple(spans))
    if final.text.strip() or score.flag == flags.UNJUDGED:
        return score
    return replace(score, flag=flags.EMPTY if final.finished else flags.UNFINISHED)


def score_all(benchmark: Benchmark, items: tuple[Item, ...], answers: Mapping[str, Answer]) -> tuple[Score, ...]:
    """Scores of the items that have an answer, in the order of the items."""
    answered = [item for item in items if item.id in answers]
    return together(benchmark, answered, score_each(benchmark, answered, answers), answers)


def score_each(benchmark: Scorer, items: Sequence[Item], answers: Mapping[str, Answer]) -> tuple[Score, ...]:
    """Scores of answered items, each for itself."""
    return tuple(score_answer(benchmark, item, answers[item.id]) for item in items)


def together(
    benchmark: object,
    items: Sequence[Item],
    scores: Sequence[Score],
    answers: Mapping[str, Answer],
    as_written: bool = False,
) -> tuple[Score, ...]:
    """The scores with what several items say together, where the benchmark has such metrics."""
    if not isinstance(benchmark, ScoresTogether):
        return tuple(scores)
    found = benchmark.together(items, scores, _Finals(answers, as_written))
    return scores_in_form(type(benchmark).__name__, items, found)


@dataclass(frozen=True, slots=True)
class StoredTogether:
    """`together` of a stored result's benchmark, which has no judge to ask: for `BenchmarkResult.together`."""

    benchmark: ScoresTogether
    answers: Mapping[str, Answer]
    as_written: bool

    def __call__(self, items: Sequence[Item], scores: Sequence[Score]) -> tuple[Score, ...]:
        return together(self.benchmark, items, scores, self.answers, self.as_written)


@dataclass(frozen=True, slots=True)
class _Finals(Mapping[str, Answer]):
    """Answers as they are scored; cut when they are read, as most benchmarks read none here."""

    answers: Mapping[str, Answer]
    as_written: bool

    def __getitem__(self, item_id: str) -> Answer:
        answer, cut = self.answers[item_id], whole if self.as_written else final_answer
        return replace(answer, text=cut(answer.text).text)

    def __iter__(self) -> Iterator[str]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)
