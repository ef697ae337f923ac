"""Several servers that serve the same model, as one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.models._server.client import Server
from harness.models._server.refusals import Unanswerable

T = TypeVar("T")


class Pool:
    """Each request goes to the server with the smallest load, one about an image to that image's server (its prefix cache).

    A request that a server gives up for its own reasons is asked of the next one.
    """

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = tuple(servers)

    def allowed(self) -> int:
        """Requests that may be begun and not ended now."""
        return sum(server.pace.allowed for server in self._servers)

    def ask(self, body: Mapping[str, Any], read: Callable[[Any], T], image: Path | None) -> T:
        """As `Server.ask`. Raises Unanswerable with the last server's reason where none answers."""
        *others, last = self._order(image)
        for server in others:
            try:
                return server.ask(body, read)
            except Unanswerable as error:
                if not error.transient:
                    raise
        return last.ask(body, read)

    def take_retried(self) -> int:
        """Tries beyond the first since the last call."""
        return sum(server.take_retried() for server in self._servers)

    def _order(self, image: Path | None) -> list[Server]:
        by_load = sorted(self._servers, key=lambda server: server.pace.load)
        if image is None:
            return by_load
        own = self._servers[zlib.crc32(str(image).encode()) % len(self._servers)]
        return [own, *(server for server in by_load if server is not own)]
