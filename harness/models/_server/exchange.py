"""One request to the servers of a model and its reply; what a provider takes is found out on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.core.evaluation import Decoding, Request
from harness.core.preference import paths_of
from harness.models._server.chat_format import Reply, chat_body, continued, drawn_url, read_reply
from harness.models._server.connection import Connection
from harness.models._server.refusals import Unanswerable
from harness.models._server.special_marks import SpecialMarks
from harness.models._server.thinking import Thinking, begun


class Exchange:
    """What is sent, and what of it the servers take.

    sent: further keys of each request. tempered: whether the model takes a temperature; None until a server has shown it.
    shown_as: the model's name in answers, where servers have it under another one (those of one's own).
    marks: which special tokens of their replies are no part of an answer. opened: the mark of a reasoning that prompts end in.
    """

    def __init__(
        self,
        thinking: Thinking,
        sent: Mapping[str, Any],
        tempered: bool | None,
        shown_as: str = "",
        marks: SpecialMarks | None = None,
        opened: str = "",
    ) -> None:
        self._opened = opened
        self._thinking, self._sent, self._shown_as, self._marks = thinking, sent, shown_as, marks or SpecialMarks()
        self.tempered, self._limit = tempered, "max_tokens"

    def ask(self, at: Connection, request: Request, encoded: Sequence[str], agreed: Callable[[], None] = lambda: None) -> Reply:
        """The reply to a request about images as they are sent.

        `agreed` is called before the request is sent, after it is decided how; it may raise. Raises Unanswerable.
        """
        return self._asked(at, request, encoded, agreed, self.tempered is not False)

    def _asked(
        self,
        at: Connection,
        request: Request,
        encoded: Sequence[str],
        agreed: Callable[[], None],
        tempered: bool,
        sure: bool = False,
    ) -> Reply:
        """`sure`: a reply to a request without a temperature shows that none is taken, even if one was taken before."""
        limit = self._limit
        agreed()
        body = chat_body(self._thinking.asked(request), encoded, at.name, limit, tempered)
        if request.prefix or request.decoding.min_new_tokens:
            body = continued(body, request)
        body["extra_body"] = {**body.get("extra_body", {}), **self._sent}
        started, thinking = time.perf_counter(), self._thinking.tokens

        def read(data: Any) -> Reply:  # Any: what a server sent
            if (self.tempered is None or sure) and isinstance(data, Mapping) and data.get("choices"):
                self.tempered = tempered  # whatever it replied
            took = round(time.perf_counter() - started, 4)
            reply = read_reply(data, request.decoding, took, thinking, self._marks)
            return self._named(replace(reply, answer=begun(reply.answer, self._opened)), at.name)

        try:
            return at.pool.ask(body, read, next(iter(paths_of(request.image)), None))
        except Unanswerable as error:
            if limit == "max_tokens" and error.is_about("max_completion_tokens"):
                self._limit = "max_completion_tokens"  # newer models of some providers take no other name
                return self._asked(at, request, encoded, agreed, tempered, sure)
            if not tempered or not self._may_be_of_temperature(error, body, request):
                raise
            return self._without_temperature(at, request, encoded, agreed, error)

    def _may_be_of_temperature(self, error: Unanswerable, body: Mapping[str, Any], request: Request) -> bool:
        """Where a temperature has been taken before, only a refusal that does not quote the word from the question."""
        if "top_p" in body and error.is_about("top_p"):
            return False  # not both: what the user wants of the two is not known here
        return _is_of_temperature(error, request) if self.tempered else error.is_about("temperature")

    def _without_temperature(
        self, at: Connection, request: Request, encoded: Sequence[str], agreed: Callable[[], None], refused: Unanswerable
    ) -> Reply:
        """Models that reason draw as they like. A request that is refused all the same was not refused for its temperature."""
        try:
            reply = self._asked(at, request, encoded, lambda: None, tempered=False, sure=_is_of_temperature(refused, request))
        except Unanswerable as error:
            raise error if error.transient or self.tempered is False else refused from None
        agreed()
        return reply

    def first_words(self, at: Connection, temperature: float = 0.0) -> None:
        """Before answers are stored: a word settles whether the model takes this temperature; where the server takes no word
        alone, one about an image does. Where it takes neither, its first reply to a question will.
        """
        word = Request(None, "Hi", Decoding(max_new_tokens=16, temperature=temperature))
        for images in ([], [drawn_url()]):
            try:
                self.ask(at, word, images)
            except Unanswerable as error:
                if error.transient:  # nothing is wrong with the word
                    return
            if self.tempered is not None:
                return

    def _named(self, reply: Reply, asked_as: str) -> Reply:
        """As the protocol names the model, where the reply names it as it was asked for."""
        if not self._shown_as or reply.answer.model != asked_as:
            return reply
        return replace(reply, answer=replace(reply.answer, model=self._shown_as))


def _is_of_temperature(error: Unanswerable, request: Request) -> bool:
    """The refusal names the option as one, or speaks of a temperature where the question, which it may quote, does not."""
    asked = f"{request.text} {request.prefix}".lower()
    return error.names("temperature") or (error.is_about("temperature") and "temperature" not in asked)
