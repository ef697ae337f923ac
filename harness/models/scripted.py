"""Says what a test tells it to say: a model for trying benchmarks and judges without weights."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from harness.core import registry
from harness.core.digests import value_digest
from harness.core.evaluation import Answer, Request
from harness.core.run_record import Checkpoint


@registry.model
class Scripted:
    """Answers from a mapping of question text, a function of the request, or one fixed `default`."""

    def __init__(
        self, answers: Mapping[str, str] | Callable[[Request], str] | None = None, default: str = "", name: str = "scripted"
    ) -> None:
        self._answers, self._default = answers or {}, default
        known = dict(answers) if isinstance(answers, Mapping) else {}
        digest = value_digest([name, default, known])
        self.checkpoint = Checkpoint(digest[:12], name, "", digest)
        self.asked: list[Request] = []

    def facts(self) -> dict[str, str]:
        return {"model class": "scripted"}

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        for i, request in enumerate(requests):
            if i in done:
                continue
            self.asked.append(request)
            text = self._answers(request) if callable(self._answers) else self._answers.get(request.text, self._default)
            yield [(i, Answer("", text, len(text.split()), "end"))]
