"""Any model behind an OpenAI-compatible server: vLLM, SGLang, or a provider.

What a running server serves is not known by content: the identity is the address, the served name, what the server says it
loaded and the `revision` you give. With `serve`, it is the folder's.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.core import registry
from harness.core.digests import value_digest
from harness.core.edge.images import DECODING
from harness.core.errors import ConfigError, ImageError, ModelError, Unanswered
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.nearest import did_you_mean
from harness.core.preference import Images, paths_of
from harness.core.run_record import SERVED, Checkpoint
from harness.models._own_server.shared_servers import own_servers
from harness.models._server.chat_format import Reply, chat_body, continued, data_url, read_reply, refuses_temperature
from harness.models._server.client import Server
from harness.models._server.concurrency import ask_all
from harness.models._server.pool import Pool
from harness.models._server.refusals import Unanswerable
from harness.models._server.settings import addresses_of, check_given, check_numbers, check_same, key_of
from harness.models._server.spend_cap import shared_cap
from harness.models._server.thinking import Thinking
from harness.models._server.usage import Spent

_CONTINUES = ("vllm", "sglang")  # servers that can go on with a given beginning
_FEW = 0.1  # share of the requests that may be asked once more after all others


class _Lost(NamedTuple):
    """A request without an answer."""

    why: str
    transient: bool


@registry.model
class OpenAIModel:
    """A served model behind the contract's `Model`.

    Args:
        url: address of the server, e.g. http://localhost:8000/v1, or a list of addresses that serve the same model, used as
            one; the first one names it in answers, protocol and cache.
        path: with `serve`, the folder of the model or LoRA adapter to start a server on.
        serve: vllm or sglang: start that server on `path`, on 127.0.0.1, and end it with the run.
        serve_args: further arguments of the server, e.g. [--max-model-len, "8192"].
        replicas: started servers, each on an equal share of this machine's GPUs; an image's questions go to one of them.
        start_s: seconds until they must answer.
        model: the name it serves it under; may be left out where it serves one only.
        revision: which weights these are, in your words; part of the identity under which answers are remembered.
        api_key_env: name of the environment variable that holds the key; the key itself is written nowhere.
        concurrency: most requests under way at a time, for each address; how many there are adapts to how the server keeps up.
        timeout_s: from a request to the whole of its reply.
        retries: further tries of a request that failed; waits that a busy server asks for do not count.
        price_in, price_out: US dollars per million tokens; without them the cost is unknown.
        max_cost: US dollars that the servers may cost in one process, retries included; never passed. Needs both prices.
        extra: further keys of each request, e.g. {chat_template_kwargs: {enable_thinking: false}}.
        enable_thinking: given to the server's chat template; None leaves its own default.
        thinking_tokens: tokens of reasoning at most, besides a benchmark's limit for the answer; 0: one limit over both.
    """

    check_options = staticmethod(check_given)  # see `ChecksOptions`

    def __init__(
        self,
        url: str | Sequence[str] | None = None,
        model: str | None = None,
        revision: str = "",
        api_key_env: str | None = None,
        concurrency: int = 32,
        timeout_s: float = 300.0,
        retries: int = 5,
        price_in: float | None = None,
        price_out: float | None = None,
        max_cost: float | None = None,
        extra: Mapping[str, Any] | None = None,
        enable_thinking: bool | None = None,
        thinking_tokens: int = 0,
        path: str | None = None,
        serve: str | None = None,
        serve_args: Sequence[str] = (),
        start_s: float = 1800.0,
        replicas: int = 1,
    ) -> None:
        self._thinking = Thinking(enable_thinking, thinking_tokens)
        self._extra = self._thinking.extra(extra or {})
        check_numbers(concurrency, timeout_s, retries, prices=(price_in, price_out))
        key = key_of(api_key_env)
        self._own = own_servers(url, path, serve, serve_args, model, start_s, str(revision), replicas)
        addresses = addresses_of(self._own.urls if self._own else url or [])
        cap = shared_cap(addresses[0], max_cost, price_in, price_out)
        self._spent = Spent(price_in, price_out)
        servers = [Server(address, key, timeout_s, retries, concurrency, cap, self._spent) for address in addresses]
        self._url, self._revision = addresses[0], str(revision)
        self._server, self._pool = servers[0], Pool(servers, self._own.lives if self._own else None)
        self._name, entry = self._served(self._own.name if self._own else model)
        check_same(servers, self._name, entry)
        self._kind = self._server.printable(str(entry.get("owned_by") or ""))
        self._version = self._server.version() if self._kind == "vllm" else ""
        self._keep = 2 * concurrency * len(servers)
        self._limit, self.one_image = "max_tokens", ""  # the server itself says whether it takes several images
        self._tempered: bool | None = True if self._kind in _CONTINUES else None  # None: not yet known
        self._images: OrderedDict[Path, str] = OrderedDict()
        self._lock = threading.Lock()
        digest = value_digest(["served", self._url, self._name, str(entry.get("root") or ""), self._revision])
        self.checkpoint = self._own.checkpoint if self._own else Checkpoint(self._name, self._name, "", digest)

    def facts(self) -> dict[str, str]:
        """What can move an answer, as far as a server tells; whether it takes a temperature is found out by a first word."""
        if self._tempered is None:
            self._find_tempered()
        facts = {
            "model class": "served (OpenAI-compatible)",
            "address": self._url,
            "image decoding": DECODING,
            SERVED: self._name,
            "weights": f"not known by content; revision {self._revision or 'not given'}",
            "server": f"{self._kind} {self._version}".strip() or "unknown",
        }
        if self._own:
            facts = {name: fact for name, fact in facts.items() if name != "address"} | self._own.facts()
        if not self._tempered:
            facts["temperature"] = "the server's own: it refuses one, so answers may be drawn at random"
        facts |= self._thinking.facts()
        return {**facts, "extra": json.dumps(self._extra, sort_keys=True)} if self._extra else facts

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """Answers as they come; questions about one image are asked one after the other.

        Raises Unanswered, after all answers that could be had, with the reason of each request that got none; ModelError
        at once where no request would get one.
        """
        wanted = [i for i in range(len(requests)) if i not in done]
        self._check(requests[i] for i in wanted)
        groups: dict[Images, list[int]] = {}
        for i in wanted:
            groups.setdefault(requests[i].image, []).append(i)
        lost: dict[int, _Lost] = {}
        for finished in self._asked(list(groups.values()), requests, lost):
            yield finished
        stragglers = [i for i, reply in lost.items() if reply.transient]
        if stragglers and len(stragglers) <= _FEW * len(wanted):  # bad luck, not a server that is broken
            for finished in self._asked([[i] for i in stragglers], requests, lost):
                yield finished
        if lost:
            raise Unanswered({i: lost[i].why for i in sorted(lost)})

    def _asked(
        self, groups: list[list[int]], requests: Sequence[Request], lost: dict[int, _Lost]
    ) -> Iterator[list[tuple[int, Answer]]]:  # `lost` gets those without an answer
        for finished in ask_all(groups, lambda i: self._answer(requests[i]), self._pool.allowed):
            answers = []
            for i, reply in finished:
                if isinstance(reply, Reply):
                    answers.append((i, reply.answer))
                    lost.pop(i, None)
                else:
                    lost[i] = reply
            yield answers  # also none: whoever counts what was spent looks with every batch

    def spent(self) -> Spent:
        """Requests, tokens and cost since the model was opened or this was cleared; still growing while it is asked."""
        return self._spent

    # ------------------------------------------------------------ one request

    def _answer(self, request: Request) -> Reply | _Lost:
        """A reply, or why there is none."""
        try:
            return self._ask(request, [self._data_url(path) for path in paths_of(request.image)])
        except ImageError as error:
            return _Lost(str(error), transient=False)
        except Unanswerable as error:
            return _Lost(str(error), error.transient)

    def _ask(self, request: Request, encoded: Sequence[str]) -> Reply:
        limit, tempered = self._limit, self._tempered is not False
        body = chat_body(self._thinking.asked(request), encoded, self._name, limit, tempered)
        if request.prefix or request.decoding.min_new_tokens:
            body = continued(body, request)
        body["extra_body"] = {**body.get("extra_body", {}), **self._extra}
        started, thinking = time.perf_counter(), self._thinking.tokens

        def read(data: Any) -> Reply:  # Any: what a server sent
            return read_reply(data, request.decoding, round(time.perf_counter() - started, 4), thinking)

        try:
            return self._pool.ask(body, read, next(iter(paths_of(request.image)), None))
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
            self._ask(Request(None, "Hi", Decoding(max_new_tokens=16)), [])
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
        known = self._server.served_names
        if model is None:
            raise ConfigError(f"Which model of {self._url}? Add `model`. It serves: {known}.")
        if listing and model not in listing and not self._answers_to(model):
            raise ModelError(f"{self._url} serves no model {model!r}.{did_you_mean(model, listing)} It serves: {known}.")
        return model, listing.get(model, {})

    def _answers_to(self, model: str) -> bool:
        """Some providers know more names than they list; a word asked of it settles that."""
        try:
            body = chat_body(Request(None, "Hi"), [], model, "max_tokens")
            self._server.ask({**body, "max_tokens": 1}, lambda data: data)
        except (ModelError, Unanswerable):
            return False
        return True
