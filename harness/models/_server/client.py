"""One OpenAI-compatible server: its models, one request with retries, and when to stop sending requests.

The client is the `openai` library; its own retries are off, since a wait that a server requests must hold for every
request under way, and since a reply that is not JSON or holds no answer deserves another try too.
"""

from __future__ import annotations

import json
import logging
import os
import random
import ssl
import time
import weakref
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import httpx2  # the transport under `openai`, which wraps only what goes wrong before a body arrives
from openai import APIConnectionError, APIStatusError, APITimeoutError, DefaultHttpxClient, OpenAI

from harness.core.edge.text import without_surrogates
from harness.core.errors import ModelError
from harness.models._server.adaptive_concurrency import AdaptiveConcurrency
from harness.models._server.circuit_breaker import CircuitBreaker
from harness.models._server.refusals import NOT_NOW, Again, Refusal, Unanswerable, gave_up
from harness.models._server.spend_cap import CapReached, Held, SpendCap
from harness.models._server.usage import OtherModels, Spent, model_named

_log = logging.getLogger("harness")
T = TypeVar("T")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0  # back-off doubles between them
PATIENCE_S = 600.0  # all waits of one request for a busy server (429)
_BODY = 8 << 20  # bytes of a reply; an answer of 4,096 tokens has some 20 thousand
_LIST_S = 10.0
_SECRET = 16  # characters of a key that stands in no honest answer
_FORBIDDEN = 3  # requests refused with HTTP 403 before any was answered: the key; later it is one prompt that is moderated


def trusted() -> ssl.SSLContext:
    """The certificates that servers are checked against, read once: every client would read all of them again (20 ms)."""
    return _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))  # which httpx2 reads


@cache
def _trusted(*named: str | None) -> ssl.SSLContext:
    return httpx2.create_ssl_context()


class Server:
    """Client of one server. Used by several threads at once.

    Args:
        url: base address, usually ending in /v1.
        key: API key or "": it never appears in a text that leaves this object.
        timeout_s: from a request's first byte to the reply's last.
        retries: further tries of one request, not counting those that a busy server postponed.
        most: largest number of requests under way.
        cap: what the server may charge.
        spent: counts each try that may be charged.
    Raises ModelError when nothing answers at the address, or when it refuses the key.
    """

    def __init__(self, url: str, key: str, timeout_s: float, retries: int, most: int, cap: SpendCap, spent: Spent) -> None:
        self.url, self._key, self._timeout_s, self._retries = url, key, timeout_s, retries
        self.concurrency, self._cap, self._spent = AdaptiveConcurrency(most), cap, spent
        timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, _LIST_S))
        http = DefaultHttpxClient(verify=trusted())
        self._client = OpenAI(base_url=url, api_key=key or "none", max_retries=0, timeout=timeout, http_client=http)
        # It reads OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS, of an account that this server may not know.
        self._client.organization, self._client.project, self._client._custom_headers = None, None, {}
        weakref.finalize(self, self._client.close)  # the client has reference cycles: its sockets would stay open for long
        self._circuit, self._others = CircuitBreaker(), OtherModels()
        self._forbidden: int | None = 0  # requests that got HTTP 403 before any answer; None once there was one
        self.listing = self._listing()

    # ------------------------------------------------------------ models of the server

    def _listing(self) -> list[Mapping[str, Any]]:
        """The entries of /models, [] where a server keeps no such list."""
        try:
            reply = json.loads(self._client.models.with_raw_response.list(timeout=_LIST_S).content)
            if (refusal := Refusal.of_body(reply)) is not None:
                raise ModelError(f"The server at {self.url} refuses to list its models: {self.printable(refusal.words)}.")
            return [entry for entry in without_surrogates(reply["data"]) if isinstance(entry.get("id"), str)]
        except APIConnectionError as error:
            raise ModelError(
                f"No server answers at {self.url}. Start it (for vLLM: `vllm serve MODEL`), or correct the model's `url`."
            ) from error
        except APIStatusError as error:
            if error.status_code in (401, 403):
                raise self._locked_out(Refusal.of_status(error)) from None
            if error.status_code >= 500 or error.status_code in NOT_NOW:
                raise ModelError(
                    f"The server at {self.url} is not ready (HTTP {error.status_code}). Try again later."
                ) from None
            return []
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, httpx2.HTTPError):
            raise ModelError(
                f"What answers at {self.url} is not an OpenAI-compatible server. Its address usually ends in /v1."
            ) from None

    @property
    def served_names(self) -> str:
        """The names of its models, for a message."""
        return ", ".join(self.printable(entry["id"]) for entry in self.listing[:20]) or "no list of its models"

    def version(self) -> str:
        """A vLLM server's version, served beside /v1; "" elsewhere."""
        try:
            answer = httpx2.get(httpx2.URL(self.url).join("/version"), timeout=_LIST_S, verify=trusted())
            return self.printable(str(answer.json()["version"]))
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            return ""

    def _is_alive(self) -> bool:
        try:
            self._client.models.with_raw_response.list(timeout=_LIST_S)
        except APIConnectionError:
            return False
        except (APIStatusError, httpx2.HTTPError):
            return True
        return True

    # ------------------------------------------------------------ one request

    def ask(self, body: Mapping[str, Any], read: Callable[[Any], T]) -> T:
        """What `read` makes of the JSON of the reply to /chat/completions; it raises Again where it holds no answer.

        Raises Unanswerable when this request gets none, after its retries; ModelError when none will.
        """
        if self._circuit.gone(self._is_alive):
            raise Unanswerable(f"not asked, since the server at {self.url} is gone ({self._circuit.why})", transient=True)
        tries, failed, busy, waited_s = (1 if self._circuit.shaky else self._retries + 1), 0, 0, 0.0
        while True:
            try:
                with self.concurrency.slot():
                    reply = read(self._once(body))
                self._circuit.answered()
                return reply
            except CapReached as reached:
                raise Unanswerable(str(reached)) from None
            except Again as again:
                failed, busy = failed + (not again.busy), busy + again.busy
                # A server may ask for no wait, or one of a millisecond, and refuse the next request too.
                wait_s = max(again.after_s or 0.0, self._back_off(busy if again.busy else failed))
                patience_s = LONGEST_WAIT_S if self._circuit.shaky else PATIENCE_S  # no other request was answered either
                if failed >= tries or waited_s + wait_s > patience_s:
                    self._circuit.failed(str(again), again.reached)
                    raise Unanswerable(gave_up(again, waited_s), transient=True) from None
                waited_s += self._waited(again, wait_s)

    def _back_off(self, tried: int) -> float:
        """Doubling waits, each somewhere in its upper half, so that requests that failed together do not return together."""
        wait_s = min(FIRST_WAIT_S * 2.0 ** min(tried - 1, 64), LONGEST_WAIT_S)
        return wait_s * random.uniform(0.5, 1.0)

    def _waited(self, again: Again, wait_s: float) -> float:
        """Wait before the next try. Returns the seconds that a busy server was waited for."""
        self._spent.add_retry()
        if not again.busy:
            self.concurrency.back_off(wait_s)
            return 0.0
        if (busy_s := self._circuit.busy(wait_s)) is not None:
            _log.warning(
                "The server at %s is busy (%s): no answer for %.0f s, next try in %.0f s. A request waits for up to %.0f s.",
                self.url, again, busy_s, wait_s, PATIENCE_S,
            )  # fmt: skip
        started = time.monotonic()
        # What the server asks for holds for all requests, what is longer for this one.
        self.concurrency.pause(again.after_s or 0.0)
        self.concurrency.back_off(wait_s)
        return time.monotonic() - started

    def _once(self, body: Mapping[str, Any]) -> Any:  # Any: the JSON of a reply
        with self._cap.hold(body) as held:
            try:
                reply = self._sent(body, held)
                self._forbidden = None
                self._cap.settle(held, reply)
                asked = str(body["model"])
                roots = [str(entry["root"]) for entry in self.listing if entry["id"] == asked and entry.get("root")]
                self._others.look(f"The server at {self.url}", asked, model_named(reply), roots)
                return reply
            finally:
                held.count(self._spent)

    def _sent(self, body: Mapping[str, Any], held: Held) -> Any:  # Any: the JSON of a reply
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._client.chat.completions.with_streaming_response.create(**body) as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > _BODY:
                        raise Unanswerable(f"the reply is longer than {_BODY >> 20} MiB")
                    if time.monotonic() > deadline:
                        raise Again(f"no whole reply within {self._timeout_s:g} s", reached=False, late=True)
            reply = json.loads(self._without_key(bytes(content)))
        except (APITimeoutError, httpx2.TimeoutException) as error:
            if isinstance(error.__cause__ or error, httpx2.ConnectTimeout):
                held.is_free()
            raise Again(f"no reply within {self._timeout_s:g} s", reached=False, late=True) from None
        except (APIConnectionError, httpx2.HTTPError) as error:
            cause = error.__cause__ or error
            if isinstance(cause, httpx2.ConnectError):
                held.is_free()
            raise Again(
                f"the connection failed ({self.printable(str(cause)) or type(cause).__name__})", reached=False
            ) from None
        except APIStatusError as error:
            held.is_free()
            raise self._explained(Refusal.of_status(error), body) from None
        except (ValueError, RecursionError):
            raise Again("the reply is not JSON") from None
        if (refusal := Refusal.of_body(reply)) is not None:
            held.is_free()
            raise self._explained(refusal, body)
        return reply

    def _explained(self, refusal: Refusal, body: Mapping[str, Any]) -> Exception:
        """The error of a refusal: for this request, or for all."""
        if refusal.status == 403 and self._forbidden is not None:
            self._forbidden += 1
        if refusal.status == 401 or (self._forbidden or 0) >= _FORBIDDEN:
            return self._locked_out(refusal)
        words = self.printable(refusal.words)
        if refusal.status == 404:
            return ModelError(f"{self.url} does not know what is asked of it: {words}. It serves: {self.served_names}.")
        if refusal.is_used_up(json.dumps(body.get("messages"), ensure_ascii=False)):
            return ModelError(f"The account at {self.url} is used up: {words}. What is answered stays stored.")
        return refusal.of_one_request(words)

    def _locked_out(self, refusal: Refusal) -> ModelError:
        return ModelError(
            f"{self.url} refuses the key (HTTP {refusal.status}: {self.printable(refusal.words)}). Put the right one into an "
            "environment variable and name that in `api_key_env`."
        )

    def _without_key(self, content: bytes) -> bytes:
        """A reply whose texts are stored, as JSON. A short key may be any word: EMPTY, of a server that asks for none."""
        if len(self._key) < _SECRET:
            return content
        for written in (self._key, self._key.replace("/", "\\/")):
            content = content.replace(written.encode(), b"(key)")
        return content

    def printable(self, text: str) -> str:
        """A server's words on one line, short, printable and without the key."""
        if self._key:
            text = text.replace(self._key, "(key)")
        line = "".join(c if c.isprintable() else " " for c in text)
        return " ".join(line.split())[:200]
