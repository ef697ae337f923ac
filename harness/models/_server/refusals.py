"""What a server says when it does not answer: by an HTTP status, or in a reply of status 200 that holds an error.

429 {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}}      OpenAI: for good
429 {"error": {"message": "Rate limit reached"}}   with retry-after: 2                           for two seconds
200 {"error": {"message": "Insufficient credits", "code": 402}}                                  OpenRouter
400 {"error": {"message": "Provider returned error", "metadata": {"raw": "{\\"error\\": ..}"}}}      OpenRouter, for a provider
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openai import APIStatusError

NOT_NOW = {408, 409, 425, 429}
_USED_UP = re.compile(
    r"insufficient[_ ](?:quota|credits?|balance|funds)|credit balance is too low|payment required", re.IGNORECASE
)

_MODERATED = re.compile(r"content[_ ]?(?:filter|policy)|moderation|safety", re.IGNORECASE)  # codes of Azure, OpenAI and others


class Unanswerable(Exception):
    """This request gets no answer from this server; others may. The message gives the reason.

    `transient`: nothing is wrong with the request; another server, or this one later, may answer it. `withheld`: a filter or a
    moderation holds the answer back. `refusal`: what the server said, None where it did not refuse it.
    """

    def __init__(self, why: str, transient: bool = False, refusal: Refusal | None = None, withheld: bool = False) -> None:
        super().__init__(why)
        self.transient, self.refusal, self.withheld = transient, refusal, withheld

    def is_about(self, option: str) -> bool:
        """Whether the server refused the request (HTTP 400 or 422) in words that hold the name of an option."""
        said = self.refusal
        return said is not None and said.status in (400, 422) and option in f"{said.param} {said.words}".lower()

    def names(self, option: str) -> bool:
        """The same of an option that is named as one, alone or in quotes: a refusal may quote the question."""
        said = self.refusal
        if said is None or not self.is_about(option):
            return False
        return said.param.lower() == option or re.search(rf"['\"`]{option}['\"`]", said.words, re.IGNORECASE) is not None


class Again(Exception):
    """This try failed, the next may succeed.

    `after_s` is the wait that the server requested; `reached`: whether it replied at all; `late`: it ran out of time.
    """

    def __init__(
        self, why: str, reached: bool = True, busy: bool = False, after_s: float | None = None, late: bool = False
    ) -> None:
        super().__init__(why)
        self.reached, self.busy, self.after_s = reached, busy, after_s
        self.congested = busy or late


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that a server refused: HTTP status, its own sentences, code and type of the error, the option that it is said
    to be about, headers."""

    status: int
    words: str
    kind: str = ""
    param: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_status(cls, error: APIStatusError) -> Refusal:
        words, kind, param = _words(error.body)
        return cls(error.status_code, words, kind, param, error.response.headers)

    @classmethod
    def of_body(cls, reply: Any) -> Refusal | None:  # Any: the JSON of a reply
        """The error that a reply of status 200 holds, also beside what was written before it; None where it holds none."""
        if not isinstance(reply, dict) or not reply.get("error"):
            return None
        words, kind, param = _words(reply["error"])
        return cls(int(kind.split()[0]) if re.match(r"[1-5]\d\d\b", kind) else 500, words, kind, param)

    def is_used_up(self, prompt: str) -> bool:
        """Whether nothing is answered until somebody pays. Words of the prompt, which a refusal may quote, do not count."""
        if self.status == 402 or not 400 <= self.status < 500:
            return self.status == 402
        found = {found[0].lower() for found in _USED_UP.finditer(self.words)}
        return _USED_UP.search(self.kind) is not None or any(words not in prompt.lower() for words in found)

    def of_one_request(self, words: str) -> Exception:
        """Again where the next try may succeed, else Unanswerable."""
        if self.status in NOT_NOW or self.status >= 500:
            busy = self.status == 429 or (self.status == 503 and "retry-after" in self.headers)
            return Again(f"HTTP {self.status}: {words}", busy=busy, after_s=_retry_after(self.headers))
        moderated = self.status == 403 or _MODERATED.search(self.kind) is not None
        return Unanswerable(f"HTTP {self.status}: {words}", refusal=self, withheld=moderated)


def _words(body: Any) -> tuple[str, str, str]:  # Any: a JSON value, or text
    """The server's own sentence without the wrapping, and that of the provider behind it; code and type; the option named."""
    if not isinstance(body, Mapping):
        return str(body or "(no words)"), "", ""
    kind = " ".join(str(body[name]) for name in ("code", "type") if body.get(name) is not None)
    words, param = str(body.get("message") or dict(body)), str(body.get("param") or "")
    if body.get("message") and (behind := _behind(body)):
        more, _, named = _words(behind)
        words, param = f"{words}: {more}", param or named
    return words, kind, param


def _behind(body: Mapping[str, Any]) -> Any:  # Any: a JSON value
    """The error of a provider that a gateway hands on, or further details; None where there is none."""
    metadata = body.get("metadata")
    raw = (metadata.get("raw") if isinstance(metadata, Mapping) else None) or body.get("details") or body.get("detail")
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError):
            return raw
    return raw.get("error") or raw if isinstance(raw, Mapping) else raw


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from now that a server requests to wait, by seconds, milliseconds or date; None where it gives none that is a
    number. 0 for a date in the past."""
    from email.utils import parsedate_to_datetime

    value = headers.get("retry-after", "")
    try:
        if "retry-after-ms" in headers:
            wait_s = float(headers["retry-after-ms"]) / 1000
        elif value.replace(".", "", 1).isdigit():
            wait_s = float(value)
        else:
            wait_s = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(wait_s, 0.0) if math.isfinite(wait_s) else None


def gave_up(again: Again, waited_s: float) -> str:
    """Why a request is not tried again."""
    if not again.busy:
        return str(again)
    more = (
        f"asks to wait {again.after_s:.0f} s more"
        if again.after_s and again.after_s >= 1
        else f"is still busy after {waited_s:.0f} s"
    )
    return f"{again}; it {more}. Run again later, or lower `concurrency`"
