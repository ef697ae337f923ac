"""The servers of one model, reached under the name that they serve it by."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.edge.own_servers import VLLM
from harness.core.edge.text import count
from harness.core.errors import ConfigError, ModelError
from harness.core.evaluation import Request
from harness.core.nearest import did_you_mean
from harness.models._server.chat_format import chat_body
from harness.models._server.client import Server
from harness.models._server.pool import Pool
from harness.models._server.refusals import Unanswerable
from harness.models._server.settings import check_same
from harness.models._server.spend_cap import shared_cap
from harness.models._server.usage import Spent

_log = logging.getLogger("harness")


@dataclass(frozen=True)
class Client:
    """How servers are asked; see the options of the openai backend."""

    key: str
    timeout_s: float
    retries: int
    concurrency: int
    price_in: float | None
    price_out: float | None
    max_cost: float | None


class Connection:
    """Servers at `urls` that serve the same model, used as one; the first one names it.

    model: the name that they serve it under; None where they serve one only. lives: see `Pool`.

    name: the served name. root: what the first server says it loaded. kind: what it says it is, such as vllm. version: vLLM's.
    Raises ModelError where a server does not answer or does not serve the model.
    """

    def __init__(
        self,
        urls: Sequence[str],
        model: str | None,
        client: Client,
        spent: Spent,
        lives: Callable[[str], bool] | None = None,
    ) -> None:
        cap = shared_cap(urls[0], client.max_cost, client.price_in, client.price_out)
        timed = (client.timeout_s, client.retries, client.concurrency)
        self.servers = [Server(url, client.key, *timed, cap, spent) for url in urls]
        self.url, first = urls[0], self.servers[0]
        self.name, entry = _served(first, model)
        check_same(self.servers, self.name, entry)
        self.root, self.kind = str(entry.get("root") or ""), first.printable(str(entry.get("owned_by") or ""))
        self.version = first.version() if self.kind == VLLM else ""
        self.pool = Pool(self.servers, lives)
        self._timeout_s = client.timeout_s

    def silent(self, waited_s: float, under_way: int) -> None:
        """Say that no reply has come for so long, and how long it may take."""
        _log.warning(
            "%s: no reply for %.0f s, %s under way; each waits for up to %.0f s (`timeout_s`).",
            ", ".join(server.url for server in self.servers), waited_s, count(under_way, "request"), self._timeout_s,
        )  # fmt: skip


def _served(server: Server, model: str | None) -> tuple[str, Mapping[str, Any]]:
    """The served name and the server's own data about it."""
    listing = {str(entry["id"]): entry for entry in server.listing}
    if model is None and len(listing) == 1:
        return next(iter(listing.items()))
    known = server.served_names
    if model is None:
        raise ConfigError(f"Which model of {server.url}? Add `model`. It serves: {known}.")
    if listing and model not in listing and not _answers_to(server, model):
        raise ModelError(f"{server.url} serves no model {model!r}.{did_you_mean(model, listing)} It serves: {known}.")
    return model, listing.get(model, {})


def _answers_to(server: Server, model: str) -> bool:
    """Some providers know more names than they list; a word asked of it settles that."""
    try:
        body = chat_body(Request(None, "Hi"), [], model, "max_tokens")
        server.ask({**body, "max_tokens": 1}, lambda data: data)
    except Unanswerable as error:
        return error.is_about("temperature") or error.is_about("max_completion_tokens")  # it knows the name
    except ModelError:
        return False
    return True
