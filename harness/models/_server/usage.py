"""Requests to a server and their cost, as far as it reports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.core.evaluation import Answer
from harness.models._server.chat_format import Reply

N = TypeVar("N", int, float)
_COUNTS = ("requests", "retries", "tokens_in", "tokens_cached", "tokens_out")


@dataclass(slots=True)
class Spent:
    """Totals of one served model. None is unknown: a token count that one reply left out, a price that was not given."""

    price_in: float | None = None
    price_out: float | None = None
    requests: int = 0
    retries: int = 0
    tokens_in: int | None = 0
    tokens_cached: int | None = 0
    tokens_out: int | None = 0

    def add(self, reply: Reply) -> Answer:
        """Count a reply and give its answer."""
        self.requests += 1
        self.tokens_in = _sum(self.tokens_in, reply.tokens_in)
        self.tokens_cached = _sum(self.tokens_cached, reply.tokens_cached)
        self.tokens_out = _sum(self.tokens_out, reply.tokens_out)
        return reply.answer

    @property
    def cost(self) -> float | None:
        """US dollars at most: tokens from the server's prefix cache count in full, though some providers charge less."""
        if None in (self.price_in, self.price_out, self.tokens_in, self.tokens_out):
            return None
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / 1e6  # type: ignore[operator]

    def added_to(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """These totals on top of earlier ones, for the store; what was unknown once stays unknown."""
        now = {name: getattr(self, name) for name in _COUNTS} | {"cost": self.cost}
        return {name: _sum(before.get(name, 0), value) for name, value in now.items()}

    def clear(self) -> None:
        """Begin counting anew."""
        for name in _COUNTS:
            setattr(self, name, 0)

    def __str__(self) -> str:
        cached = f" ({_count(self.tokens_cached)} from the server's prefix cache)" if self.tokens_cached else ""
        cost = "cost unknown (no prices given)" if self.cost is None else f"at most ${self.cost:,.4f}"
        return (
            f"{self.requests:,} requests, {self.retries:,} retries, {_count(self.tokens_in)} tokens in{cached}, "
            f"{_count(self.tokens_out)} out, {cost}"
        )


def _sum(total: N | None, more: N | None) -> N | None:
    return None if total is None or more is None else total + more


def _count(n: int | None) -> str:
    return "unknown" if n is None else f"{n:,}"
