"""Servers of one's own for one checkpoint folder, one or several on this machine, each on GPUs of its own.

A question goes to the server of its image (`Pool`), so that each keeps the prefixes of its own images. One that ends is
reported and left out; with the last one the sweep stops, and what was answered stays stored.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence

from harness.core.errors import ConfigError, ModelError
from harness.models._own_server.managed import ManagedServer, Served

_log = logging.getLogger("harness")


class Replicas:
    """Running servers of a checkpoint folder; ended by `stop`, with this object, with the process.

    Args:
        what: the checkpoint. serve: vllm or sglang. executable: its path. arguments: further ones of each server.
        start_s: seconds until all must answer.
        gpus: of each server, see `shares`.
    Raises ModelError where a server does not start.
    """

    def __init__(
        self,
        what: Served,
        serve: str,
        executable: str,
        arguments: Sequence[str],
        start_s: float,
        gpus: Sequence[str | None],
    ) -> None:
        self.name, self.checkpoint = what.name, what.checkpoint
        until = time.monotonic() + start_s
        self._servers: list[ManagedServer] = []
        try:
            for own in gpus:
                self._servers.append(ManagedServer(what, serve, executable, arguments, own))
            for server in self._servers:
                server.wait(until, start_s)
        except BaseException:
            self.stop()
            raise
        self._reported: set[str] = set()
        self._reporting = threading.Lock()

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self._servers]

    @property
    def runs(self) -> bool:
        """Whether one of them does."""
        return any(server.runs for server in self._servers)

    def facts(self) -> dict[str, str]:
        """As of each server."""
        return self._servers[0].facts()

    def stop(self) -> None:
        for server in self._servers:
            server.stop()

    def lives(self, url: str) -> bool:
        """Whether the server at this address runs; one that ended is reported once.

        Raises ModelError where none is left.
        """
        ends = {server.url: server.ended for server in self._servers}
        if all(ends.values()):
            raise ModelError(f"{ends[url]}\nNo server is left; what was answered is stored. Run the same command again.")
        with self._reporting:
            is_new = bool(ends[url]) and url not in self._reported
            self._reported |= {url} if is_new else set()
        if is_new:
            left = sum(not end for end in ends.values())
            _log.warning("%s\nIts questions go to the %d that are left.", ends[url], left)
        return not ends[url]


def shares(replicas: int) -> list[str | None]:
    """CUDA_VISIBLE_DEVICES of each server: the GPUs of this process in equal parts; None leaves all to a single one."""
    if replicas < 1:
        raise ConfigError(f"`replicas` is {replicas}; give the number of servers, 1 or more.")
    visible = _gpus() if replicas > 1 else []
    if not visible:
        return [None] * replicas
    if len(visible) < replicas:
        raise ConfigError(f"`replicas: {replicas}` needs a GPU for each server; this process sees {len(visible)}.")
    each = len(visible) // replicas
    return [",".join(visible[n * each : (n + 1) * each]) for n in range(replicas)]


def _gpus() -> list[str]:
    """The GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [gpu.strip() for gpu in named.split(",") if gpu.strip()]
    import torch  # asks the driver, and starts nothing on a GPU

    return [str(n) for n in range(torch.cuda.device_count())]
