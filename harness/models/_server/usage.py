"""Requests to a server, their cost and the model that answered, as far as it reports them.

"model": "gpt-4o-2024-08-06",
"usage": {"prompt_tokens": 812, "completion_tokens": 95, "total_tokens": 907,
          "prompt_tokens_details": {"cached_tokens": 768}, "completion_tokens_details": {"reasoning_tokens": 60}}
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from harness.core.edge.model_names import is_another
from harness.core.edge.text import printable, without_surrogates

_log = logging.getLogger("harness")
N = TypeVar("N", int, float)
_COUNTS = ("requests", "retries", "lost", "tokens_in", "tokens_cached", "tokens_out")
_MOST = 10**9  # of one reply; no model reads or writes as many


class TokenCounts(NamedTuple):
    """Tokens of the prompt and of the reply, the parts of them that were cached and reasoning, and the most that can be
    charged for as written; None is unknown."""

    prompt: int | None
    reply: int | None
    cached: int | None
    reasoning: int | None
    charged: int | None


def token_counts(reply: Any) -> TokenCounts:  # Any: the JSON of a reply
    """The counts of any JSON value. One that cannot be (negative, not finite, without end) is unknown, like a missing one, and
    so is a prompt of 0.

    Some providers count reasoning beside `completion_tokens` and in `total_tokens` alone (xAI; gateways to Gemini, which may
    leave out `reasoning_tokens`): reasoning that does not fit into the completion is added, and what the total has beyond the
    prompt is charged for.
    """
    usage = _part(reply, "usage")
    of_prompt, of_reply = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    prompt, total = _number(usage.get("prompt_tokens")) or None, _number(usage.get("total_tokens"))
    written, reasoning = _number(usage.get("completion_tokens")), _number(of_reply.get("reasoning_tokens"))
    rest = total - prompt if total is not None and prompt is not None else 0
    if written is not None and reasoning and (reasoning > written or rest == written + reasoning):
        written += reasoning
    charged = None if written is None else max(written, rest)
    return TokenCounts(prompt, written, _number(of_prompt.get("cached_tokens")), reasoning, charged)


def model_named(reply: Any) -> str | None:  # Any: the JSON of a reply
    """The model that a reply says it is of; None where it says nothing."""
    name = reply.get("model") if isinstance(reply, Mapping) else None
    return (printable(without_surrogates(name)).strip()[:200] or None) if isinstance(name, str) else None


class OtherModels:
    """Says once of each name that replies are of another model than was asked for: a provider may fall back on one."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def look(self, where: str, asked: str, named: str | None, aliases: Iterable[str] = ()) -> None:
        """`where`: who replied; `aliases`: further names of the model that was asked for."""
        if named is None or not all(is_another(name, named) for name in (asked, *aliases)):
            return
        with self._lock:
            if named in self._said:
                return
            self._said.add(named)
        _log.warning(
            "%s was asked for the model %s, and replies name %s. Unless one is an alias of the other, answers are of another "
            "model than you think; the report of a run lists them.", where, asked, named,
        )  # fmt: skip


def _part(value: Any, name: str) -> Mapping[str, Any]:  # Any: a JSON value
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _number(value: Any) -> int | None:  # Any: a JSON value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST or value != int(value):
        return None
    return int(value)


@dataclass(slots=True)
class Spent:
    """Totals of one served model. None is unknown: a token count that one reply left out, a price that was not given.

    Every reply that arrived counts, also one that nothing could be read from. One that was lost on the way may have been
    charged: it counts as the most it can cost. A refusal is free. Thread-safe.
    """

    price_in: float | None = None
    price_out: float | None = None
    requests: int = 0
    retries: int = 0
    lost: int = 0  # of the requests, those without a whole reply
    tokens_in: int | None = 0
    tokens_cached: int | None = 0
    tokens_out: int | None = 0
    lost_cost: float = 0.0  # US dollars
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, used: TokenCounts) -> None:
        """Count a reply that arrived."""
        with self._lock:
            self.requests += 1
            self.tokens_in = _sum(self.tokens_in, used.prompt)
            self.tokens_cached = _sum(self.tokens_cached, used.cached)
            self.tokens_out = _sum(self.tokens_out, used.charged)

    def add_lost(self, most: float) -> None:
        """Count a reply that was lost, which cost at most so many US dollars."""
        with self._lock:
            self.requests += 1
            self.lost += 1
            self.lost_cost += most

    def add_retry(self) -> None:
        with self._lock:
            self.retries += 1

    @property
    def cost(self) -> float | None:
        """US dollars at most: tokens from the server's prefix cache count in full, though some providers charge less."""
        if None in (self.price_in, self.price_out, self.tokens_in, self.tokens_out):
            return None
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / 1e6 + self.lost_cost  # type: ignore[operator]

    def added_to(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """These totals on top of earlier ones, for the store; what was unknown once stays unknown."""
        with self._lock:
            now = {name: getattr(self, name) for name in _COUNTS} | {"cost": self.cost}
        return {name: _sum(before.get(name, 0), value) for name, value in now.items()}

    def clear(self) -> None:
        """Begin counting anew."""
        with self._lock:
            for name in _COUNTS:
                setattr(self, name, 0)
            self.lost_cost = 0.0

    def __str__(self) -> str:
        cached = f" ({_count(self.tokens_cached)} from the server's prefix cache)" if self.tokens_cached else ""
        lost = f" ({self.lost:,} without a whole reply)" if self.lost else ""
        return (
            f"{self.requests:,} requests{lost}, {self.retries:,} retries, {_count(self.tokens_in)} tokens in{cached}, "
            f"{_count(self.tokens_out)} out, {self._cost_words()}"
        )

    def _cost_words(self) -> str:
        if self.cost is not None:
            return f"at most ${self.cost:,.4f}"
        unpriced = None in (self.price_in, self.price_out)
        return f"cost unknown ({'no prices given' if unpriced else 'not every reply has a count of its tokens'})"


def _sum(total: N | None, more: N | None) -> N | None:
    return None if total is None or more is None else total + more


def _count(n: int | None) -> str:
    return "unknown" if n is None else f"{n:,}"
