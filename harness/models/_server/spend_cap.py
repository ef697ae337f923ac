"""A limit on what a server may charge, whichever of its replies are lost. Only replies that cost more than their requests allow
can pass it, and no request is sent once they have."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from harness.core.errors import ConfigError
from harness.models._server.usage import Spent, TokenCounts, token_counts

IMAGE_TOKENS = 16_384  # at most, of one image: more than any published image-text model makes of one
_ROUNDING = 1e-12  # US dollars, of sums of floats
_TEMPLATE_TOKENS = 256  # of the chat template around the messages


@cache
def shared_cap(address: str, cap: float | None, price_in: float | None, price_out: float | None) -> SpendCap:
    """The cap of a server is one for the whole process: a study opens its judge once for each benchmark and checkpoint."""
    return SpendCap(cap, price_in, price_out)


class CapReached(Exception):
    """No further request fits under the cap."""


class Held:
    """One try: the most that it can cost by its own request, in US dollars, and what it did cost, as far as that is known.

    `used` is None until a reply has arrived, `free` where nothing is charged for: a refusal, or nobody was reached.
    """

    def __init__(self, cap: SpendCap, most: float) -> None:
        self.most = most
        self.paid: float | None = None
        self.used: TokenCounts | None = None
        self.free = False
        self._cap = cap

    @property
    def cost(self) -> float:
        """US dollars: what was paid; until that is known, and where a reply is lost, what it may be. A reply that never
        arrived may have been charged in full, with as much beyond its bound as another one was."""
        return self.most + self._cap.beyond if self.paid is None else self.paid

    def is_free(self) -> None:
        self.paid, self.free = 0.0, True

    def count(self, spent: Spent) -> None:
        """Count the try once it is over."""
        if self.used is not None:
            spent.add(self.used)
        elif not self.free:
            spent.add_lost(self.cost)


class SpendCap:
    """Before a request is sent, the most it can cost is set aside; what it did cost is counted once that is known. Thread-safe.

    The bound: a token has at least one byte, an image at most IMAGE_TOKENS tokens, a reply at most its token limit. Where a
    reply did cost more (reasoning beyond the limit), as much more, the most of any reply so far, is set aside for each that
    is under way or follows. So the cap can be passed only by what replies cost beyond that: those already under way when the
    first of them arrives, and later ones that exceed the bound by more than any before. A request that does not fit waits
    for those under way; when none is, the cap is reached for good.

    Args:
        cap: US dollars; None: no limit.
        price_in, price_out: US dollars per million tokens.
    Raises ConfigError for a cap without prices.
    """

    def __init__(self, cap: float | None, price_in: float | None, price_out: float | None) -> None:
        if cap is not None and (price_in is None or price_out is None):
            raise ConfigError("`max_cost` needs `price_in` and `price_out`, in US dollars per million tokens.")
        if cap is not None and not 0 < cap < float("inf"):
            raise ConfigError(f"`max_cost` is {cap}; give US dollars, above 0.")
        self._cap, self._prices = cap, (price_in or 0.0, price_out or 0.0)
        self._spent = 0.0
        self.beyond = 0.0  # US dollars, the most that a reply did cost above the bound of its request
        self._under_way = set[Held]()
        self._reached = False
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, body: Mapping[str, Any]) -> Iterator[Held]:
        """Around one try. Raises CapReached before it is sent."""
        held = Held(self, self._most(body) if any(self._prices) else 0.0)
        self._reserve(held)
        try:
            yield held
        finally:
            with self._changed:
                self._under_way.remove(held)
                self._spent += held.cost
                self.beyond = max(self.beyond, held.cost - held.most)
                self._changed.notify_all()

    def settle(self, held: Held, reply: Any) -> None:  # Any: the JSON of a reply
        """The cost of a reply by its own count of tokens; without one it counts as the most it can be."""
        held.used = used = token_counts(reply)
        if used.prompt is not None and used.charged is not None:
            held.paid = self._price(used.prompt, used.charged)

    def _reserve(self, held: Held) -> None:
        with self._changed:
            while self._cap is not None and not self._reached and self._with(held) > self._cap + _ROUNDING:
                if not self._under_way:
                    self._reached = True
                    break
                self._changed.wait()
            if self._reached:
                self._changed.notify_all()
                raise CapReached(
                    f"the spend cap max_cost of ${self._cap:g} is reached: ${self._spent:.4f} are spent, the next request may "
                    f"cost ${held.cost:.4f}. Raise it and run the same command again; what is answered is stored"
                )
            self._under_way.add(held)

    def _with(self, held: Held) -> float:
        """US dollars that may be spent in the end when one more request is sent."""
        return self._spent + sum(one.cost for one in self._under_way) + held.cost

    def _most(self, body: Mapping[str, Any]) -> float:
        """US dollars that a request can cost."""
        text, images = 0, 0
        for message in body["messages"]:
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            text += sum(len(part["text"].encode()) for part in parts if part["type"] == "text")
            images += sum(part["type"] != "text" for part in parts)
        asked = {**body, **body.get("extra_body", {})}
        limit = max(_whole(asked.get(name)) for name in ("max_completion_tokens", "max_tokens"))
        return self._price(text + _TEMPLATE_TOKENS + images * IMAGE_TOKENS, limit * max(_whole(asked.get("n")), 1))

    def _price(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self._prices[0] + tokens_out * self._prices[1]) / 1e6


def _whole(value: Any) -> int:  # Any: what `extra` of the options says; a server refuses what is not a number
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0
