"""Any model behind an OpenAI-compatible server: vLLM, SGLang, or a provider.

What a running server serves is not known by content: the identity is the address, the served name, what the server says it
loaded and the `revision` you give. With `serve`, it is the folder's.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.core import registry
from harness.core.digests import value_digest
from harness.core.edge.images import DECODING
from harness.core.errors import FactsChanged, ImageError, ModelError, Unanswered
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.final_answer import BEGUN
from harness.core.preference import Images, paths_of
from harness.core.run_record import SERVED, UNKNOWN_WEIGHTS, Checkpoint
from harness.models._engine.generation_settings import HONOURED
from harness.models._own_server.shared_servers import own_servers
from harness.models._server.chat_format import Reply, data_url
from harness.models._server.concurrency import ask_all
from harness.models._server.connection import Client, Connection
from harness.models._server.exchange import Exchange
from harness.models._server.refusals import Unanswerable
from harness.models._server.settings import addresses_of, check_given, check_numbers, key_of
from harness.models._server.special_marks import of_running
from harness.models._server.spend_cap import SpendCap
from harness.models._server.thinking import Thinking
from harness.models._server.usage import Spent

_CONTINUES = ("vllm", "sglang")  # servers that can go on with a given beginning
_FEW = 0.1  # share of the requests that may be asked once more after all others


class _Lost(NamedTuple):
    """A request without an answer."""

    why: str
    transient: bool
    withheld: bool = False


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
        generation_config: with `serve`: "honoured" (its repetition penalty is applied, other settings refused) or "ignored".
        model: the name it serves it under; may be left out where it serves one only.
        revision: which weights these are, in your words; part of the identity under which answers are remembered.
        api_key_env: name of the environment variable that holds the key; the key itself is written nowhere.
        concurrency: most requests under way at a time, for each address; how many there are adapts to how the server keeps up.
        timeout_s: from a request to the whole of its reply.
        retries: further tries of a request that failed; waits that a busy server asks for do not count.
        price_in, price_out: US dollars per million tokens; without them the cost is unknown.
        max_cost: US dollars the servers may cost in one process, retries included (docs/guides/serve.md); needs both prices.
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
        generation_config: str = HONOURED,
    ) -> None:
        self._thinking = Thinking(enable_thinking, thinking_tokens)
        self._extra = self._thinking.extra(extra or {})
        check_numbers(concurrency, timeout_s, retries, prices=(price_in, price_out))
        key, self._spent = key_of(api_key_env), Spent(price_in, price_out)
        SpendCap(max_cost, price_in, price_out)  # raises for a cap without prices
        self._client = Client(key, timeout_s, retries, concurrency, price_in, price_out, max_cost)
        own = (path, serve, serve_args, model, start_s, str(revision), replicas, generation_config)
        self._own, self._revision = own_servers(url, *own), str(revision)
        self._connection = None if self._own else Connection(addresses_of(url or []), model, self._client, self._spent)
        self._kind = self._own.serve if self._own else self._reached().kind
        self.one_image = ""  # the server itself says whether it takes several images
        runs = of_running(self._thinking.asked_for and self._kind in _CONTINUES, self._extra)
        self._marks = self._own.marks if self._own else runs
        sent = self._marks.beside(self._own.generation.beside(self._extra) if self._own else self._extra)
        tempered = True if self._kind in _CONTINUES else None
        self._opened = self._own.opened_reasoning(self._extra.get("chat_template_kwargs")) if self._own else ""
        name = self._own.name if self._own else ""
        self._exchange = Exchange(self._thinking, sent, tempered, name, self._marks, self._opened)
        self._expected = Decoding()  # with which questions will come, as far as it was told
        self._told: dict[str, str] | None = None  # what `facts` said last: answers are kept under it
        self._images: OrderedDict[Path, str] = OrderedDict()
        self._lock = threading.Lock()
        self.checkpoint = self._own.checkpoint if self._own else self._named_checkpoint()

    def start(self) -> None:
        """Start a server of one's own now; else it is started with the first question. Raises ModelError where it does not."""
        self._reached()

    def expect(self, decoding: Decoding) -> None:
        """See `ExpectsDecoding`."""
        self._expected = decoding

    def facts(self) -> dict[str, str]:
        """What can move an answer, as far as a server tells; whether it takes a temperature is found out by a first word."""
        if self._exchange.tempered is None and self._told is None:
            self._exchange.first_words(self._reached(), self._expected.temperature)
        self._told = self._facts_now()
        return dict(self._told)

    def _facts_now(self) -> dict[str, str]:
        facts = {"model class": "served (OpenAI-compatible)"}
        if self._own:
            facts |= {"image decoding": DECODING, SERVED: self._own.name, **self._own.facts()}
        else:
            at = self._reached()
            facts |= {
                "address": at.url,
                "image decoding": DECODING,
                SERVED: at.name,
                "weights": f"{UNKNOWN_WEIGHTS}; revision {self._revision or 'not given'}",
                "server": f"{at.kind} {at.version}".strip() or "unknown",
            }
        if self._exchange.tempered is False:
            facts["temperature"] = "the server's own: it refuses one, so answers may be drawn at random"
        facts |= {**self._thinking.facts(), **self._marks.facts(), **(BEGUN if self._opened else {})}
        return {**facts, "extra": json.dumps(self._extra, sort_keys=True)} if self._extra else facts

    def _require_told(self) -> None:
        """Raises FactsChanged where answers would come under other facts than those that were told."""
        if self._told is not None and (now := self._facts_now()) != self._told:
            raise FactsChanged(self._told, now)

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """Answers as they come; questions about one image are asked one after the other.

        Raises Unanswered, after all answers that could be had, with the reason of each request that got none; ModelError
        at once where no request would get one; FactsChanged, after those under way, where further answers would come under
        other facts than `facts` said last.
        """
        wanted = [i for i in range(len(requests)) if i not in done]
        if not wanted:
            return
        self._check(requests[i] for i in wanted)
        self._reached()
        self._require_told()
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
            raise Unanswered({i: lost[i].why for i in sorted(lost)}, [i for i in lost if lost[i].withheld])

    def _asked(
        self, groups: list[list[int]], requests: Sequence[Request], lost: dict[int, _Lost]
    ) -> Iterator[list[tuple[int, Answer]]]:  # `lost` gets those without an answer
        at = self._reached()
        for finished in ask_all(groups, lambda i: self._answer(requests[i]), at.pool.allowed, at.silent):
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
            encoded = [self._data_url(path) for path in paths_of(request.image)]
            return self._exchange.ask(self._reached(), request, encoded, self._require_told)
        except ImageError as error:
            return _Lost(str(error), transient=False)
        except Unanswerable as error:
            return _Lost(str(error), error.transient, error.withheld)

    def _data_url(self, path: Path) -> str:
        """An image as it is sent, made once for all its questions."""
        with self._lock:
            if path not in self._images:
                self._images[path] = data_url(path)
            self._images.move_to_end(path)
            while len(self._images) > 2 * self._client.concurrency * len(self._reached().servers):
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
                    f"{self._reached().url} is not known to {what} ({' and '.join(_CONTINUES)} are). "
                    "Give a checkpoint in a folder (model.name: transformers)."
                )

    # ------------------------------------------------------------ the server

    def _reached(self) -> Connection:
        """Its servers; those of one's own are started where they are not."""
        if self._connection is None:
            assert self._own is not None  # else there is one from the start
            started = self._own.start()
            self._connection = Connection(started.urls, started.asked_as, self._client, self._spent, started.lives)
        return self._connection

    def _named_checkpoint(self) -> Checkpoint:
        """Of weights that are not known: by what the server says of them."""
        at = self._reached()
        return Checkpoint(at.name, at.name, "", value_digest(["served", at.url, at.name, at.root, self._revision]))
