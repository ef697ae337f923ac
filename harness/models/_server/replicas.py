"""Servers of one's own for one checkpoint folder, one or several on this machine, each on GPUs of its own.

A question goes to the server of its image (`Pool`), so that each keeps the prefixes of its own images. One that ends is
reported and left out; with the last one the sweep stops, and what was answered stays stored.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from collections.abc import Sequence

from harness.core.errors import ConfigError, ModelError
from harness.models._server.managed import ManagedServer, checked, served

_log = logging.getLogger("harness")


class Replicas:
    """Running servers of a checkpoint folder; ended by `stop`, with this object, with the process.

    Args:
        path, name: as of `served`; serve: an executable on PATH; arguments: further ones of each server.
        replicas: how many servers.
        start_s: seconds until all must answer.
    Raises ConfigError for options that cannot be, ModelError where the checkpoint or a server does not start.
    """

    def __init__(
        self, path: str, serve: str, arguments: Sequence[str], name: str | None, start_s: float, replicas: int
    ) -> None:
        executable = checked(serve, arguments, start_s)
        gpus = shares(replicas)
        what = served(path, serve, name)
        self.name, self.checkpoint = what.name, what.checkpoint
        gc.collect()  # a server that nobody holds any more gives its GPU back first
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


def managed(
    url: str | Sequence[str] | None,
    path: str | None,
    serve: str | None,
    arguments: Sequence[str],
    name: str | None,
    start_s: float,
    revision: str,
    replicas: int,
) -> Replicas | None:
    """The servers that the options of the openai backend ask for; None where they name running ones by `url`."""
    if serve is None:
        if path is not None or arguments or replicas != 1:
            raise ConfigError(
                "`path`, `serve_args` and `replicas` of the openai backend go with `serve: vllm` or `serve: sglang`."
            )
        if url is None:
            raise ConfigError("The openai backend needs `url`, a server's address, or `path` and `serve` to start one.")
        return None
    if url is not None or path is None:
        raise ConfigError("`serve` starts a server on a checkpoint folder: give it `path`, and no `url`.")
    if revision:
        raise ConfigError("`revision` names weights that are not known; with `serve` they are known by content. Leave it out.")
    return Replicas(path, serve, arguments, name, start_s, replicas)
