"""Servers of one's own for one checkpoint folder, one or several on this machine, each on GPUs of its own.

A question goes to the server of its image (`Pool`), so that each keeps the prefixes of its own images. One that ends is
reported and left out; with the last one the sweep stops, and what was answered stays stored.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

from harness.core.edge.text import count
from harness.core.errors import ConfigError, ModelError
from harness.models._own_server.managed import ManagedServer
from harness.models._own_server.served import Served, require_same_files

_log = logging.getLogger("harness")


class Replicas:
    """Running servers of a checkpoint folder; ended by `stop`, with this object, with the process.

    Args:
        what: the checkpoint. serve: vllm or sglang. executable: its path. arguments: further ones of each server.
        start_s: seconds until all must answer.
        gpus: of each server, see `shares`.
    `asked_as` is the name that they serve it under. A part of it is drawn at random: whatever else listens at one of their
    ports does not have it.
    Raises ModelError where a server does not start, and where the checkpoint's files changed meanwhile.
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
        self.asked_as = f"{what.name}-{secrets.token_hex(4)}"
        until = time.monotonic() + start_s
        self._servers: list[ManagedServer] = []
        try:
            for port, own in zip(_free_ports(len(gpus)), gpus, strict=True):
                self._servers.append(ManagedServer(what, serve, executable, arguments, port, self.asked_as, own))
            for server in self._servers:
                server.wait(until, start_s)
            require_same_files(what, serve)
        except BaseException:
            self.stop()
            raise
        self._reported: set[str] = set()
        self._reporting = threading.Lock()

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self._servers]

    @property
    def version(self) -> str:
        """As the first server says; all are of one executable."""
        return self._servers[0].version

    @property
    def runs(self) -> bool:
        """Whether one of them does."""
        return any(server.runs for server in self._servers)

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
            _log.warning("%s\nIts questions go to %s.", ends[url], count(left, "other server"))
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


def _free_ports(number: int) -> list[int]:
    """Different ports at which nothing listens now: all are held until the last one is chosen."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
