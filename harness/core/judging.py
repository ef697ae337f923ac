"""What a benchmark asks of a judge, as one value that the benchmark hands over: prompt, reading of the reply, rule.

A judge knows no benchmark. A judge that asks a language model fills `JudgeTask.prompt` and reads the reply with
`JudgeTask.read`; a judge that asks no model follows `JudgeTask.rule`; both get the question, the answer and the facts of the
item. Everything about a judged benchmark therefore stands in the benchmark's own file:

    TASK = JudgeTask("my_bench", "Grade {answer} against {reference} ...", read=my_grade, rule=my_rule)
    verdict = self.judge.judge(TASK, item.question, answer.text, {"reference": item.truth["answer"]}, None)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from harness.core.digests import text_digest
from harness.core.errors import JudgeError
from harness.core.evaluation import Decoding, Verdict
from harness.core.preference import Images

Facts = Mapping[str, Any]  # JSON-able values about an item, by name; part of the key of a stored verdict


FILE_JUDGE = "answer files"  # name of the judge whose replies were given elsewhere and came from files
REPEAT = "repeat"  # fact of a verdict that is asked for again: 1 the second time; a judge that draws its replies draws anew


class Question(NamedTuple):
    """One question to a judge: the arguments of `Judge.judge`."""

    task: JudgeTask
    question: str
    answer: str
    facts: Facts
    image: Path | None


@runtime_checkable
class JudgesTogether(Protocol):
    """A judge that gives many verdicts in less time than one after the other; each with its place, as they come."""

    def judge_all(self, questions: Sequence[Question]) -> Iterator[list[tuple[int, Verdict]]]: ...


class Ranking(NamedTuple):
    """One comparison of two answers: the arguments of an annotator's `rank`."""

    question: str
    answers: tuple[str, str]
    facts: Facts
    image: Images


@runtime_checkable
class RanksTogether(Protocol):
    """An annotator that makes many comparisons in less time than one after the other; each with its place, as they come."""

    def rank_all(self, pairs: Sequence[Ranking]) -> Iterator[list[tuple[int, Verdict]]]: ...


class Ranks(Protocol):
    """The part of an annotator that `ranked` needs."""

    def rank(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict: ...


def ranked(annotator: Ranks, pairs: Sequence[Ranking]) -> Iterator[list[tuple[int, Verdict]]]:
    """Verdicts on all pairs with their places: together where the annotator can, else one after the other."""
    if isinstance(annotator, RanksTogether):
        yield from annotator.rank_all(pairs)
    else:
        yield from ([(place, annotator.rank(*pair))] for place, pair in enumerate(pairs))


def ranked_both_ways(
    annotator: Ranks, pairs: Sequence[Ranking], done: Callable[[int], None], came: Callable[[], None]
) -> list[tuple[Verdict, Verdict]]:
    """Verdicts on each pair as it is and swapped, all asked for together where the annotator can.

    `done` hears of every pair more how many have their verdicts; `came` is called with every batch.
    """
    found = dict[int, Verdict]()
    for batch in ranked(annotator, [one for pair in pairs for one in (pair, pair._replace(answers=pair.answers[::-1]))]):
        came()
        before = len(found) // 2
        found |= dict(batch)
        for n in range(before, len(found) // 2):
            done(n + 1)
    return [(found[place], found[place + 1]) for place in range(0, len(found), 2)]


@runtime_checkable
class ExpectsDecoding(Protocol):
    """A model that is told with which decoding a judge will ask it, before it tells its facts: a server may refuse some values
    of the temperature and take others."""

    def expect(self, decoding: Decoding) -> None: ...


@runtime_checkable
class Replays(Protocol):
    """A judge whose replies exist already. They are to one order of two answers: it cannot be asked in the other."""

    replays: bool


def replays(judge: object) -> bool:
    return isinstance(judge, Replays) and judge.replays


@dataclass(frozen=True, slots=True)
class Unreached(Verdict):
    """A verdict without a value because no reply came: it says nothing of the answer, nor of the judge. `reading`: why."""


@dataclass(frozen=True, slots=True)
class Withheld(Unreached):
    """One whose reply a server's filter or moderation holds back, and would again."""


class Reply(NamedTuple):
    """The verdict of a rule. `raw` has the form that a language model was asked for, so that one parser reads both."""

    value: float | None
    reading: str
    raw: str


def prompt_fields(question: str, answer: str, facts: Facts) -> dict[str, str]:
    """Default fields of a prompt: {question}, {answer} and each fact by its name; a list is joined by commas."""
    named = {name: ", ".join(map(str, v)) if isinstance(v, list | tuple) else str(v) for name, v in facts.items()}
    return {**named, "question": question, "answer": answer}


class RatingScale(NamedTuple):
    """The ratings that a benchmark's score is the mean of: from `low` to `high`.

    `addend`: the name in `Score.values` of the rating that counts. It may differ from the verdict's value, where a variant
    reads the judge's reply by another rule.
    """

    low: float
    high: float
    addend: str


@runtime_checkable
class RatesOnAScale(Protocol):
    """A judged benchmark whose score is a mean of ratings: people can rate the same answers on the same scale."""

    rating_scale: RatingScale


@runtime_checkable
class CountsUnread(Protocol):
    """A judged benchmark some of whose variants count replies of the judge that state nothing for sure.

    `unread_counts`: as what, in words, "0" or "wrong"; "" where the variant counts none.
    """

    unread_counts: str


@dataclass(frozen=True, slots=True)
class JudgeTask:
    """One kind of judgement.

    name: unique among all benchmarks; a user's own text for a judge is given under it.
    prompt: the text for a language model, with its fields in braces.
    read: the model's reply -> the verdict's value; None where nothing can be read: then the answer is unjudged.
    rule: what a judge without a model does: (question, answer, facts) -> Reply. None: it refuses.
    digest: first digits of the sha256 of the official prompt, where it may not be shipped; a user's text is checked against it.
    fields: (question, answer, facts) -> the prompt's fields. positions: fields of a text that writes "{}" for each, in order.
    counted: (reply) -> what the benchmark's variant counts for it, None for nothing, where that is more than `read` reads: an
    official rule makes a number of any reply. Such a reply is kept as the verdict. None: only what `read` reads is.
    version: raise it whenever rule or reading could give another verdict; verdicts of another version are asked for again.
    key: name under which verdicts are stored, "" for `name`. texts: prompts whose common digest stands in the keys of stored
    verdicts, "" for this task's own; other texts are other verdicts.
    """

    name: str
    prompt: str
    read: Callable[[str], float | None]
    rule: Callable[[str, str, Facts], Reply] | None = None
    digest: str = ""
    fields: Callable[[str, str, Facts], Mapping[str, str]] = prompt_fields
    positions: tuple[str, ...] = ()
    version: int = 1
    key: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    counted: Callable[[str], object] | None = None

    def fill(self, question: str, answer: str, facts: Facts, text: str = "") -> str:
        """The prompt, or another text for this task, with its fields filled in one pass: a field's own braces stay."""
        fields, template = self.fields(question, answer, facts), text or self.prompt
        pieces = template.split("{}")
        if self.positions and len(pieces) == len(self.positions) + 1:
            filled = [fields[name] + piece for name, piece in zip(self.positions, pieces[1:], strict=True)]
            return pieces[0] + "".join(filled)
        pattern = re.compile("|".join(re.escape("{" + name + "}") for name in fields))
        return pattern.sub(lambda match: fields[match.group()[1:-1]], template)

    def stored_facts(self, facts: Facts) -> dict[str, Any]:
        """The facts as they stand in the key of a stored verdict."""
        return {"task": self.key or self.name, **facts}

    def texts_digest(self, given: Mapping[str, str]) -> str:
        """Twelve digits of the sha256 of the texts that verdicts depend on; `given`: a user's own by the task's name."""
        own = dict(self.texts) or {self.name: self.prompt}
        texts = {**own, **{name: text for name, text in given.items() if name in own}}
        return text_digest(repr(sorted(texts.items())))[:12]


RANKS = (0.0, 0.5, 1.0)  # of two answers: the first is better, neither, the second


def read_rank(found: Any, judge: str) -> Verdict:  # Any: what another's annotator returned
    """What an annotator's `rank` returned; a value that says neither which answer is better nor that none is, as unjudged."""
    if not isinstance(found, Verdict):
        return Verdict(None, f"the annotator returned {found!r:.60}, which is not a Verdict", "", judge, "")
    if found.value is None or any(found.value == rank for rank in RANKS):
        return found
    wanted = "0 (the first answer is better), 0.5 (neither) or 1 (the second)"
    return replace(found, value=None, reading=f"the annotator's value is {found.value!r:.60}; it must be {wanted}")


class NoJudge:
    """Stands where a judge stands when nothing will be judged. Whoever asks it gets a JudgeError."""

    name, version = "none", ""

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        raise JudgeError("Stored scores are not judged again by a report.")


@runtime_checkable
class KnownUnasked(Protocol):
    """A judge that tells who it is without asking anything of the model that it asks."""

    def known_of(self, task: JudgeTask) -> str: ...  # the beginning of `version_of`, as far as it is known


@runtime_checkable
class ChecksAnnotator(Protocol):
    """An annotator that finds out before anything is trained that it cannot rate. Raises JudgeError."""

    def check_annotator(self) -> None: ...
