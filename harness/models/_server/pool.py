"""Several servers that serve the same model, as one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.models._server.client import Server
from harness.models._server.refusals import Unanswerable

T = TypeVar("T")


class Pool:
    """Each request goes to the server with the smallest load, one about an image to that image's server (its prefix cache).

    A request that a server gives up for its own reasons is asked of the next one. `lives`: whether the server at an address
    runs, where that is known; one that does not is not asked. It raises where none is left.
    """

    def __init__(self, servers: Sequence[Server], lives: Callable[[str], bool] | None = None) -> None:
        self._servers, self._lives = tuple(servers), lives
        self._numbers: dict[Path, int] = {}  # of images, from their bytes

    def allowed(self) -> int:
        """Requests that may be begun and not ended now."""
        return sum(server.concurrency.allowed for server in self._servers)

    def ask(self, body: Mapping[str, Any], read: Callable[[Any], T], image: Path | None) -> T:
        """As `Server.ask`. Raises Unanswerable with the last server's reason where none answers."""
        lost: Unanswerable | None = None
        for server in self._order(image):
            if not self._is_up(server):
                continue
            try:
                return server.ask(body, read)
            except Unanswerable as error:
                if not error.transient:
                    raise
                lost = error
        for server in self._servers:
            self._is_up(server)  # raises where none is left
        raise lost or Unanswerable("its servers ended one after the other", transient=True)

    def _order(self, image: Path | None) -> list[Server]:
        by_load = sorted(self._servers, key=lambda server: server.concurrency.load)
        if image is None:
            return by_load
        own = self._servers[self._number(image) % len(self._servers)]
        return [own, *(server for server in by_load if server is not own)]

    def _is_up(self, server: Server) -> bool:
        return self._lives is None or self._lives(server.url)

    def _number(self, image: Path) -> int:
        """From the image's bytes: copies of it meet the same prefix cache."""
        if image not in self._numbers:
            with image.open("rb") as file:
                self._numbers[image] = int(hashlib.file_digest(file, "sha256").hexdigest()[:8], 16)
        return self._numbers[image]
