"""What a server says when it does not answer: by an HTTP status, or in a reply of status 200 that holds an error.

429 {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}}      OpenAI: for good
429 {"error": {"message": "Rate limit reached"}}   with retry-after: 2                           for two seconds
200 {"error": {"message": "Insufficient credits", "code": 402}}                                  OpenRouter
"""

from __future__ import annotations

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


class Unanswerable(Exception):
    """This request gets no answer from this server; others may. The message gives the reason.

    `transient`: nothing is wrong with the request; another server, or this one later, may answer it.
    """

    def __init__(self, why: str, transient: bool = False) -> None:
        super().__init__(why)
        self.transient = transient


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
    """A request that a server refused: HTTP status, its own sentence, its code and type of the error, headers."""

    status: int
    words: str
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_status(cls, error: APIStatusError) -> Refusal:
        words, kind = _words(error.body)
        return cls(error.status_code, words, kind, error.response.headers)

    @classmethod
    def of_body(cls, reply: Any) -> Refusal | None:  # Any: the JSON of a reply
        """The error that a reply of status 200 holds, also beside what was written before it; None where it holds none."""
        if not isinstance(reply, dict) or not reply.get("error"):
            return None
        words, kind = _words(reply["error"])
        return cls(int(kind.split()[0]) if re.match(r"[1-5]\d\d\b", kind) else 500, words, kind)

    def is_used_up(self) -> bool:
        """Whether nothing is answered until somebody pays."""
        return self.status == 402 or (400 <= self.status < 500 and _USED_UP.search(f"{self.kind} {self.words}") is not None)

    def of_one_request(self, words: str) -> Exception:
        """Again where the next try may succeed, else Unanswerable."""
        if self.status in NOT_NOW or self.status >= 500:
            busy = self.status == 429 or (self.status == 503 and "retry-after" in self.headers)
            return Again(f"HTTP {self.status}: {words}", busy=busy, after_s=_retry_after(self.headers))
        return Unanswerable(f"HTTP {self.status}: {words}")


def _words(body: Any) -> tuple[str, str]:  # Any: a JSON value, or text
    """The server's own sentence without the wrapping; code and type of the error."""
    if not isinstance(body, Mapping):
        return str(body or "(no words)"), ""
    kind = " ".join(str(body[name]) for name in ("code", "type") if body.get(name) is not None)
    return str(body.get("message") or dict(body)), kind


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
