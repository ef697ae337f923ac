"""A server of one's own for a checkpoint folder: started on 127.0.0.1, waited for, and ended."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

import httpx2

from harness.core.edge.text import printable
from harness.core.errors import ModelError
from harness.models._own_server import process
from harness.models._own_server.arguments import command
from harness.models._own_server.served import Served
from harness.models._server.client import trusted

_POLL_S, _ANSWER_S = 0.2, 5.0


class ManagedServer:
    """A server of a checkpoint folder, there after `wait`; ended by `stop`, with this object, with the process.

    Args:
        what: the checkpoint. serve: vllm or sglang. executable: its path.
        arguments: further arguments of the server.
        port: where it listens. asked_as: the name that it serves the checkpoint under; no other server has it.
        gpus: the GPUs that it may see, as CUDA_VISIBLE_DEVICES names them; None: those of this process.
    """

    def __init__(
        self,
        what: Served,
        serve: str,
        executable: str,
        arguments: Sequence[str],
        port: int,
        asked_as: str,
        gpus: str | None = None,
    ) -> None:
        self._serve, self._asked_as = serve, asked_as
        self.url, self.version = f"http://127.0.0.1:{port}/v1", ""
        words = [executable, *command(serve, what.source, what.adapters, asked_as, port), *map(str, arguments)]
        self._log: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115  # as long as the server
        seen = {} if gpus is None else {"CUDA_VISIBLE_DEVICES": gpus}
        self._process: subprocess.Popen[bytes] = process.start(words, self._log, seen)
        self.stop = weakref.finalize(self, process.stop, self._process, self._log, os.getpid())

    @property
    def runs(self) -> bool:
        return self.stop.alive and self._process.poll() is None

    @property
    def ended(self) -> str:
        """How the server ended on its own, with the end of its log; "" while it runs."""
        how = process.end_of(self._process) if self.stop.alive else ""
        return f"The {self._serve} server at {self.url} {how}. {process.tail(self._log)}" if how else ""

    def wait(self, until: float, start_s: float) -> None:
        """Until the server is healthy and lists the model under its own name: another server that took the port does not.

        Raises ModelError where it ends, or after `until`, `start_s` seconds from its start.
        """
        while not self._answers():
            if how := process.end_of(self._process):
                raise ModelError(f"The {self._serve} server {how} at its start. {process.tail(self._log)}")
            if time.monotonic() > until:
                raise ModelError(
                    f"The {self._serve} server did not answer within {start_s:g} s. Raise `start_s` if it needs longer. "
                    + process.tail(self._log)
                )
            time.sleep(_POLL_S)
        self.version = self._found_version()

    def _answers(self) -> bool:
        listed = self._get("/v1/models") if self._get("/health") is not None else None
        with suppress(ValueError, KeyError, TypeError):
            return listed is not None and any(entry["id"] == self._asked_as for entry in listed.json()["data"])
        return False

    def _get(self, page: str) -> httpx2.Response | None:
        """A page of the server; None where it is not there (yet)."""
        try:
            reply = httpx2.get(httpx2.URL(self.url).join(page), timeout=_ANSWER_S, trust_env=False, verify=trusted())
        except httpx2.HTTPError:
            return None
        return reply if reply.status_code == 200 else None

    def _found_version(self) -> str:
        for page in ("/version", "/server_info", "/get_server_info"):
            reply = self._get(page)
            with suppress(ValueError, KeyError, TypeError):
                if reply is not None:
                    return printable(str(reply.json()["version"]))
        return "of unknown version"
