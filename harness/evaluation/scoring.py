"""Answers -> scores, with a judge that remembers its verdicts: scoring again never pays again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from harness.config.check_plugins import no_judge
from harness.config.schema import BenchmarkConfig, JudgeConfig
from harness.core import flags, registry
from harness.core.capabilities import (
    Cost,
    NeedsJudge,
    ScoresTogether,
    VersionsTasks,
    cost_of,
    version_for,
)
from harness.core.digests import file_digest, value_digest
from harness.core.edge.foreign import words_of
from harness.core.edge.own_servers import StartsServer
from harness.core.errors import DataError, HarnessError, JudgeError
from harness.core.evaluation import Answer, Item, Score, Verdict
from harness.core.final_answer import final_answer, whole
from harness.core.judging import REPEAT, ChecksAnnotator, Facts, JudgesTogether, JudgeTask, NoJudge, Question
from harness.core.plugins import Annotator, Benchmark, Data, Judge
from harness.core.preference import Images, one_or_all, paths_of
from harness.storage.run_store import Store


class _Remembering:
    """A store underneath a judge. Unjudged verdicts are not kept, so the next run asks again."""

    def __init__(self, inner: Judge | Annotator, store: Store) -> None:
        self._inner, self._store = inner, store
        self.name, self.version = inner.name, inner.version

    def spent(self) -> Cost | None:
        """What the judge's server was asked and charged; None for one that runs here."""
        return cost_of(self._inner)

    def _key(self, version: str, asked: list[Any], image: Images) -> str:
        return value_digest([self.name, version, *asked, one_or_all(map(file_digest, paths_of(image)))])

    def _keep(self, key: str, verdict: Verdict) -> Verdict:
        if verdict.value is not None:
            self._store.add_verdict(key, verdict)
        return verdict


class RememberingJudge(_Remembering):
    """A benchmark's judge that remembers its verdicts.

    Where the judge can, the verdicts of many answers are asked for together: `tried` scores with those that are there and
    finds out what else scoring asks, `ask_ahead` asks it. While `repeat` is not 0, verdicts are those of a further asking.
    """

    repeat = 0

    def __init__(self, judge: Judge, store: Store) -> None:
        super().__init__(judge, store)
        self._judge = judge
        self._noted: dict[str, Question] | None = None  # while scoring is only tried: what it asks
        self._had: dict[str, Verdict] = {}  # by this command; one without a value is not asked again by it

    @property
    def asks_together(self) -> bool:
        return isinstance(self._judge, JudgesTogether)

    def version_of(self, task: JudgeTask) -> str:
        return self._judge.version_of(task) if isinstance(self._judge, VersionsTasks) else self.version

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        """A stored verdict whose reply `task.read` no longer reads is asked for again."""
        facts = {**facts, REPEAT: self.repeat} if self.repeat else facts
        key = self._key(version_for(self._judge, task), [question, answer, task.stored_facts(facts)], image)
        known = self._had.get(key) or self._store.verdicts([key]).get(key)
        if known is not None and (known.value is None or not known.raw or task.read(known.raw) is not None):
            self._had[key] = known
            return known
        if self._noted is not None:
            self._noted[key] = Question(task, question, answer, facts, image)
            return Verdict(None, "not asked yet", "", self.name, self.version)
        return self._keep(key, self._judge.judge(task, question, answer, facts, image))

    def tried(
        self, benchmark: Benchmark, items: tuple[Item, ...], answers: Mapping[str, Answer]
    ) -> tuple[tuple[Score, ...], dict[str, Question]]:
        """Scores with the verdicts that are there, and what scoring asks besides, by key.

        The scores hold where that is nothing. A benchmark may ask more once it has these verdicts.
        """
        noted: dict[str, Question] = {}
        self._noted = noted
        try:
            return score_all(benchmark, items, answers), noted
        finally:
            self._noted = None

    def ask_ahead(self, questions: Mapping[str, Question], done: Callable[[int], None]) -> None:
        """Ask all of them, keeping each verdict as it comes; `done` hears how many there are."""
        if not isinstance(self._judge, JudgesTogether):
            return
        keys, count = list(questions), 0
        for batch in self._judge.judge_all(list(questions.values())):
            for i, verdict in batch:
                self._had[keys[i]] = self._keep(keys[i], verdict)
            count += len(batch)
            done(count)


class RememberingAnnotator(_Remembering):
    """An aligner's annotator that remembers its ratings and rankings."""

    def __init__(self, annotator: Annotator, store: Store) -> None:
        super().__init__(annotator, store)
        self._annotator = annotator
        self.asked: Callable[[], None] = lambda: None  # called after each question to the annotator

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        asked = [question, answer, {"task": "rank", **facts}]
        return self._remembered(asked, image, lambda: self._annotator.rate(question, answer, facts, image))

    def rank(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict:
        asked = ["rank", question, *answers, {"task": "rank", **facts}]
        return self._remembered(asked, image, lambda: self._annotator.rank(question, answers, facts, image))

    def _remembered(self, asked: list[Any], image: Images, ask: Callable[[], Verdict]) -> Verdict:
        key = self._key(self.version, asked, image)
        if (known := self._store.verdicts([key]).get(key)) is not None:
            return known
        verdict = self._keep(key, ask())
        self.asked()
        return verdict


def make_judge(spec: JudgeConfig, store: Store | None = None, data: Data | None = None) -> Judge:
    """A benchmark's judge from its configuration. Raises JudgeError for one that only rates answers in training."""
    judge = _made(spec, data)
    if not isinstance(judge, Judge):
        raise JudgeError(f"{spec.name} rates answers in training; it does not judge benchmarks. Use keywords or chat.")
    return judge if store is None else RememberingJudge(judge, store)


def make_annotator(spec: JudgeConfig, store: Store | None = None, data: Data | None = None) -> Annotator:
    """An aligner's annotator from its configuration. Raises JudgeError for a judge that cannot rate, or not from its file."""
    annotator = _made(spec, data)
    if not isinstance(annotator, Annotator):
        raise JudgeError(f"{spec.name} judges benchmarks; it does not rate answers in training. Use annotations or chat.")
    if isinstance(annotator, ChecksAnnotator):
        annotator.check_annotator()
    return annotator if store is None else RememberingAnnotator(annotator, store)


def _made(spec: JudgeConfig, data: Data | None) -> object:
    """A chat judge's `model` is a model's configuration; it is loaded here."""
    options = dict(spec.options)
    if isinstance(model := options.get("model"), Mapping):
        chosen = {"name": "transformers", **model}
        options["model"] = made = registry.make("model", chosen.pop("name"), chosen)
        if isinstance(made, StartsServer):
            made.start()  # one that does not start is known before hours of answers
    return registry.make("judge", spec.name, options, data=data)


def judge_of(spec: BenchmarkConfig, store: Store | None = None, data: Data | None = None) -> Judge | None:
    """The judge of a benchmark's configuration. Raises JudgeError when it needs one and none is configured."""
    if spec.judge is not None:
        return make_judge(spec.judge, store, data)
    plugin = registry.get("benchmark", spec.name)
    if isinstance(plugin, NeedsJudge) and plugin.needs_judge:
        raise JudgeError(no_judge(spec.name))
    return None


def build(spec: BenchmarkConfig, judge: Judge | None) -> Benchmark:
    """A benchmark from its configuration, its judge given to it."""
    given = {} if judge is None else {"judge": judge}
    return registry.make("benchmark", spec.name, spec.options, **given)


def unjudged(spec: BenchmarkConfig) -> Benchmark:
    """A benchmark without loading its judge: for its questions and formulas."""
    return registry.make("benchmark", spec.name, spec.options, judge=NoJudge())


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
    if final.text != answer.text and score.spans:
        spans = (replace(s, start=final.place(s.start), end=final.place(s.end - 1) + 1) for s in score.spans)
        score = replace(score, spans=tuple(spans))
    if final.text.strip() or score.flag == flags.UNJUDGED:
        return score
    return replace(score, flag=flags.EMPTY if final.finished else flags.UNFINISHED)


def score_all(benchmark: Benchmark, items: tuple[Item, ...], answers: Mapping[str, Answer]) -> tuple[Score, ...]:
    """Scores of the items that have an answer, in the order of the items."""
    answered = [item for item in items if item.id in answers]
    return together(benchmark, answered, [score_answer(benchmark, item, answers[item.id]) for item in answered], answers)


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
    cut = whole if as_written else final_answer
    finals = {i.id: replace(answers[i.id], text=cut(answers[i.id].text).text) for i in items if i.id in answers}
    return tuple(benchmark.together(items, scores, finals))
