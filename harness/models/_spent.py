"""What a server was asked and what it cost, as far as it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.contract import Answer
from harness.models._chat import Reply


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
        """US dollars at most: tokens from the server's prefix cache count in full, though some providers ask less."""
        if None in (self.price_in, self.price_out, self.tokens_in, self.tokens_out):
            return None
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / 1e6  # type: ignore[operator]

    def facts(self) -> dict[str, Any]:
        """For the store."""
        counted = {name: getattr(self, name) for name in ("requests", "retries", "tokens_in", "tokens_cached", "tokens_out")}
        return {**counted, "cost": self.cost}

    def __str__(self) -> str:
        cached = f" ({_count(self.tokens_cached)} from the server's prefix cache)" if self.tokens_cached else ""
        cost = "cost unknown (no prices given)" if self.cost is None else f"at most ${self.cost:,.4f}"
        return (
            f"{self.requests:,} requests, {self.retries:,} retries, {_count(self.tokens_in)} tokens in{cached}, "
            f"{_count(self.tokens_out)} out, {cost}"
        )


def _sum(total: int | None, more: int | None) -> int | None:
    return None if total is None or more is None else total + more


def _count(n: int | None) -> str:
    return "unknown" if n is None else f"{n:,}"
