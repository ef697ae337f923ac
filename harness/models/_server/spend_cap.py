"""A limit on what a server may charge that is never passed, whatever its replies cost and whichever are lost."""

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
    """What one try may cost at most, in US dollars; `cost` is what it did cost, as far as that is known.

    `used` is None until a reply has arrived, `free` where nothing is charged for: a refusal, or nobody was reached.
    """

    def __init__(self, most: float) -> None:
        self.cost = most  # a reply that never arrived may have been charged in full
        self.used: TokenCounts | None = None
        self.free = False

    def is_free(self) -> None:
        self.cost, self.free = 0.0, True

    def count(self, spent: Spent) -> None:
        """Count the try once it is over."""
        if self.used is not None:
            spent.add(self.used)
        elif not self.free:
            spent.add_lost(self.cost)


class SpendCap:
    """Before a request is sent, the most it can cost is set aside; what it did cost is counted once that is known. Thread-safe.

    The bound: a token has at least one byte, an image at most IMAGE_TOKENS tokens, a reply at most its token limit. Where a
    reply did cost more (reasoning beyond the limit), as much more is set aside for those that follow. A request that does not
    fit waits for those under way; when none is, the cap is reached for good.

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
        self._spent = self._set_aside = self._beyond = 0.0
        self._under_way = 0
        self._reached = False
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, body: Mapping[str, Any]) -> Iterator[Held]:
        """Around one try. Raises CapReached before it is sent."""
        held = Held(self._most(body) + self._beyond if any(self._prices) else 0.0)
        most = held.cost
        self._reserve(most)
        try:
            yield held
        finally:
            with self._changed:
                self._set_aside -= most
                self._under_way -= 1
                self._spent += held.cost
                self._beyond += max(held.cost - most, 0.0)
                self._changed.notify_all()

    def settle(self, held: Held, reply: Any) -> None:  # Any: the JSON of a reply
        """The cost of a reply by its own count of tokens; without one it counts as the most it can be."""
        held.used = used = token_counts(reply)
        if used.prompt is not None and used.charged is not None:
            held.cost = self._price(used.prompt, used.charged)

    def _reserve(self, most: float) -> None:
        with self._changed:
            while self._cap is not None and not self._reached and self._spent + self._set_aside + most > self._cap + _ROUNDING:
                if not self._under_way:
                    self._reached = True
                    break
                self._changed.wait()
            if self._reached:
                self._changed.notify_all()
                raise CapReached(
                    f"the spend cap max_cost of ${self._cap:g} is reached: ${self._spent:.4f} are spent, the next request may "
                    f"cost ${most:.4f}. Raise it and run the same command again; what is answered is stored"
                )
            self._set_aside += most
            self._under_way += 1

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
