"""A judge and an annotator whose verdicts are cached in the store: scoring again never pays again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.core.capabilities import Cost, VersionsTasks, cost_of, version_for
from harness.core.digests import digest_if_readable, value_digest
from harness.core.edge.foreign import refused_as
from harness.core.edge.plugin_modules import files_of
from harness.core.errors import JudgeError
from harness.core.evaluation import Score, Verdict
from harness.core.judging import REPEAT, Facts, JudgesTogether, JudgeTask, Question, Ranking, ranked, read_rank, replays
from harness.core.plugin_forms.scores import verdict_in_form
from harness.core.plugins import Annotator, Judge
from harness.core.preference import Images, one_or_all, paths_of

_CORRECT = "Correct it and run the same command again; all answers and the verdicts before are stored."
_UNREAD = "/unread"  # behind a verdict's key: the first reply that the task could not read


class KeepsVerdicts(Protocol):
    """Where verdicts are kept by key: the store of runs, or `InMemory`."""

    def verdicts(self, keys: Iterable[str]) -> dict[str, Verdict]: ...
    def add_verdict(self, key: str, verdict: Verdict) -> None: ...


class InMemory:
    """Verdicts of one scoring, which are kept nowhere else."""

    def __init__(self) -> None:
        self._kept = dict[str, Verdict]()

    def verdicts(self, keys: Iterable[str]) -> dict[str, Verdict]:
        return {key: self._kept[key] for key in keys if key in self._kept}

    def add_verdict(self, key: str, verdict: Verdict) -> None:
        self._kept[key] = verdict


class _Cached:
    """A judge on top of a cache in the store. A question without a reply is not kept, so the next run asks it again."""

    def __init__(self, inner: Judge | Annotator, store: KeepsVerdicts) -> None:
        self._inner, self._store = inner, store
        self.name, self.version = inner.name, inner.version

    def spent(self) -> Cost | None:
        """What the judge's server was asked and charged; None for one that runs here."""
        return cost_of(self._inner)

    def _key(self, version: str, asked: list[Any], image: Images) -> str:
        files, shown = files_of(self._inner), one_or_all(map(digest_if_readable, paths_of(image)))
        return value_digest([self.name, version, *asked, shown, *([files] if files else [])])

    def _keep(self, key: str, verdict: Verdict) -> Verdict:
        if verdict.value is not None:
            self._store.add_verdict(key, verdict)
        return verdict


class CachedJudge(_Cached):
    """A benchmark's judge with cached verdicts.

    Of replies that a task cannot read the first is kept too. It is the verdict where the benchmark's variant counts it
    (`JudgeTask.counted`), so that a run that goes on has no second try, and of a repeat, whose being unreadable is a result;
    elsewhere the question is asked again.

    Where the judge can, the verdicts of many answers are asked for together: `tried` scores with those that are there and
    finds out what else scoring asks, `ask_ahead` asks it. While `repeat` is not 0, verdicts are those of a further asking.
    """

    repeat = 0

    def __init__(self, judge: Judge, store: KeepsVerdicts) -> None:
        super().__init__(judge, store)
        self._judge = judge
        self._noted: dict[str, Question] | None = None  # while scoring is only tried: what it asks
        self._had: dict[str, Verdict] = {}  # by this command; one without a value is not asked again by it

    def begin_anew(self, store: KeepsVerdicts) -> None:
        """Forget all verdicts; those that come are kept in `store`."""
        self._store, self._had = store, {}

    @property
    def replays(self) -> bool:
        return replays(self._judge)

    @property
    def asks_together(self) -> bool:
        return isinstance(self._judge, JudgesTogether)

    def version_of(self, task: JudgeTask) -> str:
        return self._judge.version_of(task) if isinstance(self._judge, VersionsTasks) else self.version

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        """A stored verdict whose reply is no longer read, nor counted, is asked for again. Replies that exist already are read
        anew each time: they cost nothing, and a verdict that an earlier version took for another item's is not kept up."""
        if self.replays:
            return self._asked(task, question, answer, facts, image)
        facts = {**facts, REPEAT: self.repeat} if self.repeat else facts
        key = self._key(version_for(self._judge, task), [question, answer, task.stored_facts(facts)], image)
        if (known := self._known(task, key)) is not None:
            self._had[key] = known
            return known
        if self._noted is not None:
            self._noted[key] = Question(task, question, answer, facts, image)
            return Verdict(None, "not asked yet", "", self.name, self.version)
        return self._keep(key, self._asked(task, question, answer, facts, image))

    def _asked(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        with refused_as(JudgeError, f"The judge {self.name!r} fails", _CORRECT):
            found = self._judge.judge(task, question, answer, facts, image)
        return verdict_in_form(self.name, found)

    def _known(self, task: JudgeTask, key: str) -> Verdict | None:
        """The verdict that this command had or that is stored; None where it must be asked for."""
        known = self._had.get(key)
        if known is None:
            stored = self._store.verdicts([key, key + _UNREAD])
            first = stored.get(key + _UNREAD)
            known = first if first is not None and self._counts(task, first.raw) else stored.get(key)
        if known is None or known.value is None or not known.raw or task.read(known.raw) is not None:
            return known
        return known if self._counts(task, known.raw) else None

    def _counts(self, task: JudgeTask, reply: str) -> bool:
        return bool(self.repeat) or (task.counted is not None and task.counted(reply) is not None)

    def _keep(self, key: str, verdict: Verdict) -> Verdict:
        if verdict.value is None and verdict.raw and not self._store.verdicts([key + _UNREAD]):
            self._store.add_verdict(key + _UNREAD, verdict)
        return super()._keep(key, verdict)

    def tried(self, scoring: Callable[[], tuple[Score, ...]]) -> tuple[tuple[Score, ...], dict[str, Question]]:
        """Scores with the verdicts that are there, and what `scoring` asks besides, by key.

        The scores hold where that is nothing. A benchmark may ask more once it has these verdicts.
        """
        noted: dict[str, Question] = {}
        self._noted = noted
        try:
            return scoring(), noted
        finally:
            self._noted = None

    def ask_ahead(self, questions: Mapping[str, Question], done: Callable[[int], None]) -> None:
        """Ask all of them, keeping each verdict as it comes; `done` hears how many there are."""
        if not isinstance(self._judge, JudgesTogether):
            return
        keys, count = list(questions), 0
        for batch in self._judge.judge_all(list(questions.values())):
            for i, verdict in batch:
                self._had[keys[i]] = self._keep(keys[i], verdict_in_form(self.name, verdict))
            count += len(batch)
            done(count)


class CachedAnnotator(_Cached):
    """An aligner's annotator that remembers its ratings and rankings."""

    def __init__(self, annotator: Annotator, store: KeepsVerdicts) -> None:
        super().__init__(annotator, store)
        self._annotator = annotator
        self.asked: Callable[[], None] = lambda: None  # called after each question to the annotator

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        asked = [question, answer, {"task": "rank", **facts}]
        return self._remembered(asked, image, lambda: self._annotator.rate(question, answer, facts, image))

    def rank(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict:
        """A stored verdict that says nothing, of an earlier version, is asked for again."""
        (((_, verdict),),) = self.rank_all([Ranking(question, answers, facts, image)])
        return verdict

    def rank_all(self, pairs: Sequence[Ranking]) -> Iterator[list[tuple[int, Verdict]]]:
        """The remembered ones first; the others are asked for together where the annotator can, each once."""
        places = dict[str, list[int]]()
        for place, (question, answers, facts, image) in enumerate(pairs):
            key = self._key(self.version, ["rank", question, *answers, {"task": "rank", **facts}], image)
            places.setdefault(key, []).append(place)
        stored = self._store.verdicts(list(places))
        known = {key: verdict for key, verdict in stored.items() if read_rank(verdict, self.name).value is not None}
        if known:
            yield [(place, verdict) for key, verdict in known.items() for place in places[key]]
        missing = [key for key in places if key not in known]
        for batch in ranked(self._annotator, [pairs[places[key][0]] for key in missing]):
            found = list[tuple[int, Verdict]]()
            for i, answer in batch:
                verdict = self._keep(missing[i], read_rank(answer, self.name))
                found += [(place, verdict) for place in places[missing[i]]]
                self.asked()
            yield found

    def _remembered(self, asked: list[Any], image: Images, ask: Callable[[], Verdict]) -> Verdict:
        key = self._key(self.version, asked, image)
        if (known := self._store.verdicts([key]).get(key)) is not None:
            return known
        with refused_as(JudgeError, f"The annotator {self.name!r} fails", _CORRECT):
            found = ask()
        verdict = self._keep(key, verdict_in_form(self.name, found))
        self.asked()
        return verdict
