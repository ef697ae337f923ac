"""A judge that asks a language model: any model backend, a local checkpoint or a server; with the image if it is given.

The benchmark's `JudgeTask` says what is asked and how the reply is read. `templates` replaces our own texts by files,
{task: path}: the official texts, say, whose digest is then checked. A model that cannot be reached, or whose reply nothing can
be read from, leaves a verdict without a value: unjudged, listed, asked again by the next run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks._judged import prompts
from benchmarks.judges._model_settings import refuses_temperature, settings_of
from benchmarks.judges._reply import read_reply
from harness.core import registry
from harness.core.capabilities import Cost, Judged, cost_of
from harness.core.errors import ConfigError, FactsChanged, ModelError, Unanswered
from harness.core.evaluation import Answer, Decoding, Request, Verdict
from harness.core.judging import REPEAT, ExpectsDecoding, Facts, JudgeTask, Question, Ranking, Unreached, Withheld
from harness.core.plugins import Model
from harness.core.preference import IMAGE_MARK, Images
from harness.core.run_record import SERVED

_LIMIT = 1024  # tokens of a reply, by default


@registry.judge
class Chat:
    """Asks a model. Its version names the model, its settings and the texts, so another of any is another judge."""

    name = "chat"

    def __init__(
        self,
        model: Model,  # the model that judges: a mapping as `model:` of the study
        templates: Mapping[str, str] | None = None,  # own texts by task, {mmhal: path, ...}
        check_digests: bool = True,  # refuse a text that is not the official one
        max_new_tokens: int = _LIMIT,  # longest reply, in tokens
        temperature: float = 0.0,  # 0 is greedy
    ) -> None:
        self._model = model
        self._gone = ""  # why the model is not asked any more
        self._asked = ""  # the name of a model behind a server
        known = _known_tasks() if templates else {}
        self._given = {task: _read(task, path, known, check_digests) for task, path in (templates or {}).items()}
        self._decoding = Decoding(max_new_tokens=max_new_tokens, temperature=temperature)
        self._settings = self._stated()
        self.version = self.version_of(RANK)

    def version_of(self, task: JudgeTask) -> str:
        """What its verdicts on a task depend on: the model, the texts, and settings of the model that are set."""
        return f"{self.known_of(task)}, {self._settings}"

    def known_of(self, task: JudgeTask) -> str:
        """Model and texts: the beginning of `version_of`."""
        checkpoint = self._model.checkpoint
        used = sorted(name for name in self._given if name in (task.texts or {task.name}))
        texts = "given texts for " + ", ".join(used) if used else "own texts"
        digest = task.texts_digest(self._given)
        return f"{checkpoint.id} {checkpoint.digest[:12]}, {texts} {digest}"

    def _stated(self) -> str:
        """Temperature and other settings in words; a server that may refuse this temperature is asked a word first."""
        if isinstance(self._model, ExpectsDecoding):
            self._model.expect(self._decoding)
        try:
            facts = self._model.facts()
        except ModelError as error:
            self._gone, facts = f"no reply: {error}", {}
        self._asked = facts.get(SERVED, "")
        temperature, limit = self._decoding.temperature, self._decoding.max_new_tokens
        words = ["temperature the server's own" if refuses_temperature(facts) else f"temperature {temperature:g}"]
        words += [f"max_new_tokens {limit}"] if limit != _LIMIT else []
        return ", ".join([*words, *(f"{name} {value}" for name, value in settings_of(facts).items())])

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        """One request."""
        return self._verdict(task, self._request(task, question, answer, facts, image))

    def judge_all(self, questions: Sequence[Question]) -> Iterator[list[tuple[int, Verdict]]]:
        """All requests at once: a server answers many at a time, a local model shares its passes between them."""
        return self._verdicts([question.task for question in questions], [self._request(*question) for question in questions])

    def rank_all(self, pairs: Sequence[Ranking]) -> Iterator[list[tuple[int, Verdict]]]:
        """As `judge_all`, of comparisons."""
        return self._verdicts([RANK] * len(pairs), [self._comparison(*pair) for pair in pairs])

    def _verdicts(self, tasks: Sequence[JudgeTask], requests: Sequence[Request]) -> Iterator[list[tuple[int, Verdict]]]:
        left = set(range(len(requests)))
        why, withheld = dict[int, str](), frozenset[int]()
        try:
            for batch in [] if self._gone else self._model.generate(requests):
                left -= {i for i, _ in batch}
                yield [(i, self._read(tasks[i], requests[i], reply)) for i, reply in batch]
        except Unanswered as error:
            why, withheld = {i: f"no reply: {reason}" for i, reason in error.reasons.items()}, error.withheld
        except ModelError as error:
            self._gone = self._why_gone(error)
        if left:
            kinds = {i: Withheld if i in withheld else Unreached for i in sorted(left)}
            yield [(i, self._unjudged(tasks[i], why.get(i) or self._gone or "no reply", kind)) for i, kind in kinds.items()]

    def rank(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict:
        """One request with both answers; the reference in `facts` is not shown."""
        return self._verdict(RANK, self._comparison(question, answers, facts, image))

    def _comparison(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Request:
        first, second = answers
        if isinstance(image, tuple):  # all stand in front of the judge's prompt
            question, first, second = (_numbered(text) for text in (question, first, second))
        text = RANK.fill(question, second, {"gt_answer": first}, self._given.get(RANK.name, ""))
        return Request(image, text, self._decoding)

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        """The answer beside the reference facts["gt_answer"]: 1 where it is better, 0.5 as good, 0 worse."""
        return self.rank(question, (str(facts.get("gt_answer", "")), answer), facts, image)

    def spent(self) -> Cost | None:
        """What the model's server was asked and charged; None for a model that runs here."""
        return cost_of(self._model)

    def _request(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Request:
        again = int(facts.get(REPEAT, 0))
        decoding = replace(self._decoding, seed=again) if again else self._decoding
        return Request(image, task.fill(question, answer, facts, self._given.get(task.name, "")), decoding)

    def _verdict(self, task: JudgeTask, request: Request) -> Verdict:
        """After the backend's own retries the item is unjudged. What no request can get past (a refused key, a used-up account,
        an unknown model) ends the asking at once.
        """
        if self._gone:
            return self._unjudged(task, self._gone)
        try:
            replies = [answer for batch in self._model.generate([request]) for _, answer in batch]
        except Unanswered as error:
            kind = Withheld if error.withheld else Unreached
            return self._unjudged(task, f"no reply: {next(iter(error.reasons.values()))}", kind)
        except ModelError as error:
            self._gone = self._why_gone(error)
            return self._unjudged(task, self._gone)
        return self._read(task, request, replies[0]) if replies else self._unjudged(task, "no reply")

    def _why_gone(self, error: ModelError) -> str:
        """Why it is not asked any more. A server that takes the first word's temperature and refuses it later does so again."""
        hint = " If that comes again, give the judge a `temperature` that its server takes." * isinstance(error, FactsChanged)
        return f"no reply: {error}{hint}"

    def _read(self, task: JudgeTask, request: Request, answer: Answer) -> Verdict:
        value, reading, raw = read_reply(task.read, answer, request.text, self._decoding.max_new_tokens)
        models = (self._asked, answer.model) if answer.model else ()
        return Verdict(value, reading, raw, self.name, self.version_of(task), *models)

    def _unjudged(self, task: JudgeTask, why: str, kind: type[Unreached] = Unreached) -> Verdict:
        return kind(None, why, "", self.name, self.version_of(task))


_CHOICE = re.compile(
    r"(?![-\u2212])\W*(?:(?:the )?(?:better|best)?\W*(?:response|answer|assistant|choice)\W*(?:is\W+)?)?"
    r"([012])\W*(?:is better\W*)?",
    re.IGNORECASE,
)


def _choice(reply: str) -> float | None:
    """0 for the first answer, 1 for the second, 0.5 for neither; None where the first line says anything but that, or another
    line something else."""
    lines = reply.strip().split("\n")
    chosen = [found and found[1] for found in map(_CHOICE.fullmatch, lines)]
    agreed = chosen[0] is not None and set(chosen) <= {chosen[0], None}
    return {"1": 0.0, "2": 1.0, "0": 0.5}[str(chosen[0])] if agreed else None


RANK = JudgeTask("rank", prompts.RANK, read=_choice, fields=prompts.fields, texts=prompts.RELEASED)


def _known_tasks() -> dict[str, JudgeTask]:
    """All tasks by name: those of the benchmarks that can be imported, and ranking."""
    found = {RANK.name: RANK}
    for name in registry.names("benchmark"):
        try:
            benchmark = registry.get("benchmark", name)
        except ConfigError:
            continue  # a third-party plug-in that does not import is reported where it is used
        found |= {task.name: task for task in benchmark.judge_tasks} if isinstance(benchmark, Judged) else {}
    return found


def _read(name: str, path: str, known: Mapping[str, JudgeTask], check: bool) -> str:
    """A user's own text for a task. Raises ConfigError for a name that no task has and for a text that is not the official."""
    if name not in known:
        raise ConfigError(f"The chat judge has no task {name!r}; templates can be given for {', '.join(known)}.")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The chat judge cannot read the text for {name}, {path} ({error.strerror}).") from error
    digest, official = hashlib.sha256(text.encode()).hexdigest(), known[name].digest
    if check and official and not digest.startswith(official):
        raise ConfigError(
            f"{path} is not the official text for {name}: its sha256 begins {digest[:16]}, not {official}. "
            "Take the text anew, or set check_digests: false to use your own."
        )
    return text


def _numbered(text: str) -> str:
    """A text with the number of each image in the place of its mark."""
    *before, last = text.split(IMAGE_MARK)
    return "".join(f"{part}[image {n}]" for n, part in enumerate(before, 1)) + last
