"""Any model behind an OpenAI-compatible server: vLLM, SGLang, or a provider.

What is served cannot be known by content: the identity is the address, the served name, what the server says it loaded
and the `revision` you give. Start other weights under the same name and you must raise `revision`.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.core import registry
from harness.core.digests import value_digest
from harness.core.edge.images import DECODING
from harness.core.errors import ConfigError, ImageError, ModelError, Unanswered
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.nearest import did_you_mean
from harness.core.run_record import Checkpoint
from harness.models._server.chat_format import Reply, chat_body, continued, data_url, read_reply, refuses_temperature
from harness.models._server.client import Server, Unanswerable
from harness.models._server.concurrency import ask_all
from harness.models._server.usage import Spent

_CONTINUES = ("vllm", "sglang")  # servers that can go on with a given beginning


@registry.model
class OpenAIModel:
    """A served model behind the contract's `Model`.

    Args:
        url: address of the server, e.g. http://localhost:8000/v1.
        model: the name it serves it under; may be left out where it serves one only.
        revision: which weights these are, in your words; part of the identity under which answers are remembered.
        api_key_env: name of the environment variable that holds the key; the key itself is written nowhere.
        concurrency: requests under way at a time.
        timeout_s: from a request to the whole of its reply.
        retries: further tries of a request that failed; waits that a busy server asks for do not count.
        price_in, price_out: US dollars per million tokens; without them the cost is unknown.
        extra: further keys of each request, e.g. {chat_template_kwargs: {enable_thinking: false}}.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        revision: str = "",
        api_key_env: str | None = None,
        concurrency: int = 8,
        timeout_s: float = 300.0,
        retries: int = 5,
        price_in: float | None = None,
        price_out: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        _check_numbers(concurrency=concurrency, timeout_s=timeout_s, retries=retries)
        self._url, self._revision = _address(url), str(revision)
        self._server = Server(self._url, _key(api_key_env), timeout_s, retries)
        self._name, entry = self._served(model)
        self._kind = self._server.printable(str(entry.get("owned_by") or ""))
        self._version = self._server.version() if self._kind == "vllm" else ""
        self._extra = dict(extra or {})
        self._concurrency, self._keep = concurrency, 2 * concurrency
        self._limit = "max_tokens"
        self._tempered: bool | None = True if self._kind in _CONTINUES else None  # None: not yet known
        self._images: OrderedDict[Path, str] = OrderedDict()
        self._lock = threading.Lock()
        self._prices = (price_in, price_out)
        self._spent = Spent(*self._prices)
        digest = value_digest(["served", self._url, self._name, str(entry.get("root") or ""), self._revision])
        self.checkpoint = Checkpoint(self._name, self._name, "", digest)

    def facts(self) -> dict[str, str]:
        """What can move an answer, as far as a server tells; whether it takes a temperature is found out by a first word."""
        if self._tempered is None:
            self._find_tempered()
        facts = {
            "model class": "served (OpenAI-compatible)",
            "address": self._url,
            "image decoding": DECODING,
            "served model": self._name,
            "weights": f"not known by content; revision {self._revision or 'not given'}",
            "server": f"{self._kind} {self._version}".strip() or "unknown",
        }
        if not self._tempered:
            facts["temperature"] = "the server's own: it refuses one, so answers may be drawn at random"
        return {**facts, "extra": json.dumps(self._extra, sort_keys=True)} if self._extra else facts

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """Answers as they come; questions about one image are asked one after the other.

        Raises Unanswered, after all answers that could be had, with the reason of each request that got none; ModelError
        at once where no request would get one.
        """
        wanted = [i for i in range(len(requests)) if i not in done]
        self._check(requests[i] for i in wanted)
        groups: dict[Path | None, list[int]] = {}
        for i in wanted:
            groups.setdefault(requests[i].image, []).append(i)
        reasons: dict[int, str] = {}
        for finished in ask_all(list(groups.values()), lambda i: self._answer(requests[i]), self._concurrency):
            reasons |= {i: reply for i, reply in finished if isinstance(reply, str)}
            answers = [(i, self._spent.add(reply)) for i, reply in finished if isinstance(reply, Reply)]
            if answers:
                yield answers
        if reasons:
            raise Unanswered(dict(sorted(reasons.items())))

    def spent(self) -> Spent:
        """Requests, tokens and cost since the model was opened or this was cleared."""
        self._spent.retries += self._server.take_retried()
        return self._spent

    # ------------------------------------------------------------ one request

    def _answer(self, request: Request) -> Reply | str:
        """A reply, or why there is none."""
        try:
            encoded = self._data_url(request.image) if request.image is not None else None
            return self._ask(request, encoded)
        except (ImageError, Unanswerable) as error:
            return str(error)

    def _ask(self, request: Request, encoded: str | None) -> Reply:
        limit, tempered = self._limit, self._tempered is not False
        body = chat_body(request, encoded, self._name, limit, tempered)
        if request.prefix or request.decoding.min_new_tokens:
            body = continued(body, request)
        body["extra_body"] = {**body.get("extra_body", {}), **self._extra}
        started = time.perf_counter()
        try:
            return self._server.ask(
                body, lambda data: read_reply(data, request.decoding, round(time.perf_counter() - started, 4))
            )
        except Unanswerable as error:
            if limit == "max_tokens" and "max_completion_tokens" in str(error):
                self._limit = "max_completion_tokens"  # newer models of some providers take no other name
            elif tempered and refuses_temperature(str(error)):
                self._tempered = False  # models that reason draw as they like
            else:
                raise
            return self._ask(request, encoded)

    def _find_tempered(self) -> None:
        """Before any answer is stored under the facts: a word asked of the server settles it, whatever else it says."""
        try:
            self._ask(Request(None, "Hi", Decoding(max_new_tokens=16)), None)
        except Unanswerable:
            pass  # asked again with the first question
        self._tempered = self._tempered is not False

    def _data_url(self, path: Path) -> str:
        """An image as it is sent, made once for all its questions."""
        with self._lock:
            if path not in self._images:
                self._images[path] = data_url(path)
            self._images.move_to_end(path)
            while len(self._images) > self._keep:
                self._images.popitem(last=False)
            return self._images[path]

    # ------------------------------------------------------------ what can be asked of whom

    def _check(self, requests: Iterable[Request]) -> None:
        for request in requests:
            if request.hidden_image is not None or request.noise is not None:
                what = "hide image tokens" if request.hidden_image is not None else "add diffusion noise"
                raise ModelError(f"A server cannot {what}: give a checkpoint in a folder (model.name: transformers).")
            if (request.prefix or request.decoding.min_new_tokens) and self._kind not in _CONTINUES:
                what = "go on with a given beginning" if request.prefix else "keep to a least length"
                raise ModelError(
                    f"{self._url} is not known to {what} ({' and '.join(_CONTINUES)} are). "
                    "Give a checkpoint in a folder (model.name: transformers)."
                )

    def _served(self, model: str | None) -> tuple[str, Mapping[str, Any]]:
        """The served name and the server's own data about it."""
        listing = {str(entry["id"]): entry for entry in self._server.listing}
        if model is None and len(listing) == 1:
            return next(iter(listing.items()))
        known = ", ".join(self._server.printable(name) for name in list(listing)[:20]) or "no list of its models"
        if model is None:
            raise ConfigError(f"Which model of {self._url}? Add `model`. It serves: {known}.")
        if listing and model not in listing and not self._answers_to(model):
            raise ModelError(f"{self._url} serves no model {model!r}.{did_you_mean(model, listing)} It serves: {known}.")
        return model, listing.get(model, {})

    def _answers_to(self, model: str) -> bool:
        """Some providers know more names than they list; a word asked of it settles that."""
        try:
            body = chat_body(Request(None, "Hi"), None, model, "max_tokens")
            self._server.ask({**body, "max_tokens": 1}, lambda data: data)
        except (ModelError, Unanswerable):
            return False
        return True


def _check_numbers(concurrency: int, timeout_s: float, retries: int) -> None:
    if concurrency < 1 or timeout_s <= 0 or retries < 0:
        raise ConfigError("The openai backend needs concurrency of 1 or more, timeout_s above 0 and retries of 0 or more.")


def _address(url: str) -> str:
    """The base address; a bare host gets the usual /v1. No part of it may be a secret, for it is stored with the run."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        raise ConfigError("`url` must hold no user, password or query: it is stored with every run. Use `api_key_env`.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"`url` is {url!r}; give the server's address, e.g. http://localhost:8000/v1.")
    return url.rstrip("/") if parts.path.strip("/") else url.rstrip("/") + "/v1"


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):  # it may be the key itself, so it is not repeated
        raise ConfigError("`api_key_env` must be the name of an environment variable, not the key.")
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError("The environment variable that `api_key_env` names is not set. Put the key into it: export NAME=...")
    return key
