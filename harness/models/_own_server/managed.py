"""A server of one's own for a checkpoint folder: started on 127.0.0.1 at a free port, waited for, and ended.

A small process between driver and server holds the server's process group: it ends the group when it is told to, and when
the driver is gone, however that ended. The weights are known by content, as for any checkpoint.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

import httpx2

from harness.core.digests import file_digest
from harness.core.edge.own_servers import OWN_SERVERS, SGLANG, VLLM
from harness.core.edge.text import printable
from harness.core.errors import ConfigError, ModelError
from harness.core.nearest import did_you_mean
from harness.core.run_record import Checkpoint

_OWN_ARGUMENTS = (
    *("model", "model-path", "host", "port", "uds", "served-model-name"),
    *("enable-lora", "lora-modules", "lora-paths", "max-lora-rank"),
)  # what is set here
# Secrets, and what would change answers unseen.
_HIDDEN = ("api-key", "hf-token", "config", "tokenizer", "tokenizer-path", "revision")
_TAIL_BYTES, _TAIL_LINES = 16_384, 25
_POLL_S, _ANSWER_S = 0.2, 5.0
_WATCHER = """
import ctypes, os, signal, subprocess, sys, threading, time
def leash():
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        pass
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=leash)
def end(number):
    try:
        os.killpg(server.pid, number)
    except (ProcessLookupError, PermissionError):
        pass
def wait():
    code = server.wait()
    end(signal.SIGKILL)
    os._exit(code if code >= 0 else 128 - code)
threading.Thread(target=wait, daemon=True).start()
sys.stdin.buffer.read(1)
end(signal.SIGTERM)
time.sleep(10)
end(signal.SIGKILL)
time.sleep(60)
"""  # a byte, or the end of its input since the driver is gone: ask the group to end, ten seconds later make it; 1: PDEATHSIG


@dataclass(frozen=True)
class Served:
    """What is served: the folder of a model (`source`) with adapters on it, known by content, under a name."""

    source: str
    adapters: tuple[Path, ...]
    checkpoint: Checkpoint
    name: str


def served(path: str, serve: str, name: str | None) -> Served:
    """A folder of a model or of a LoRA adapter (vLLM), or a hub name in the local cache; `name`: the folder's where None.

    Raises ModelError for one that cannot be loaded or served.
    """
    from harness.models._checkpoint.loading import resolve  # imports torch, which other servers do without
    from harness.models._checkpoint.own_files import identity_of

    source, adapters = resolve(path)
    _lora_arguments(serve, adapters)
    own = name or (adapters[-1] if adapters else Path(source)).resolve().name
    identity = identity_of(path, source, adapters)
    if identity.other_base:
        raise ModelError(f"{identity.other_base} Put that base back, or name its folder in adapter_config.json.")
    return Served(source, adapters, identity.checkpoint, own)


class ManagedServer:
    """A server of a checkpoint folder, there after `wait`; ended by `stop`, with this object, with the process.

    Args:
        what: the checkpoint. serve: vllm or sglang. executable: its path.
        arguments: further arguments of the server.
        gpus: the GPUs that it may see, as CUDA_VISIBLE_DEVICES names them; None: those of this process.
    """

    def __init__(self, what: Served, serve: str, executable: str, arguments: Sequence[str], gpus: str | None = None) -> None:
        self._serve, self._arguments, self._name = serve, [str(argument) for argument in arguments], what.name
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        lora = _lora_arguments(serve, what.adapters)
        model = [what.source] if serve == VLLM else ["--model-path", what.source]
        own = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", f"{what.name}-base" if lora else what.name]
        named = [*lora, "--lora-modules", f"{what.name}={what.adapters[-1].resolve()}"] if lora else []
        command = [executable, "serve", *model, *own, *named, *self._arguments]
        self._log = tempfile.TemporaryFile("a+b")  # noqa: SIM115  # as long as the server
        self._process = _start(command, self._log, {} if gpus is None else {"CUDA_VISIBLE_DEVICES": gpus})
        self.stop = weakref.finalize(self, _stop, self._process, self._log, os.getpid())

    @property
    def runs(self) -> bool:
        return self.stop.alive and self._process.poll() is None

    @property
    def ended(self) -> str:
        """How the server ended on its own, with the end of its log; "" while it runs."""
        if not self.stop.alive or self._process.poll() is None:
            return ""
        return f"The {self._serve} server at {self.url} ended (exit code {self._process.poll()}). {self._tail()}"

    def facts(self) -> dict[str, str]:
        """What stands in place of a server's address in the protocol; files that arguments name count by content."""
        shown = " ".join(with_content(argument) for argument in self._arguments)
        return {
            "weights": "known by content; served from the checkpoint's folder",
            "server": f"{self._serve} {self._version}, started here",
            **({"server arguments": shown} if shown else {}),
        }

    def wait(self, until: float, start_s: float) -> None:
        """Until the server is healthy and lists the model. Raises ModelError where it ends, or after `until`, `start_s` seconds
        from its start."""
        while not self._answers():
            code = self._process.poll()
            if code is not None:
                raise ModelError(f"The {self._serve} server ended at its start (exit code {code}). {self._tail()}")
            if time.monotonic() > until:
                raise ModelError(
                    f"The {self._serve} server did not answer within {start_s:g} s. Raise `start_s` if it needs longer. "
                    + self._tail()
                )
            time.sleep(_POLL_S)
        self._version = self._found_version()

    def _answers(self) -> bool:
        listed = self._get("/v1/models") if self._get("/health") is not None else None
        with suppress(ValueError, KeyError, TypeError):
            return listed is not None and any(entry["id"] == self._name for entry in listed.json()["data"])
        return False

    def _get(self, page: str) -> httpx2.Response | None:
        """A page of the server; None where it is not there (yet)."""
        try:
            reply = httpx2.get(httpx2.URL(self.url).join(page), timeout=_ANSWER_S, trust_env=False)
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

    def _tail(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        read = os.pread(self._log.fileno(), _TAIL_BYTES, max(size - _TAIL_BYTES, 0)).decode("utf-8", "replace")
        lines = [printable(line) for line in read.splitlines() if line.strip()][-_TAIL_LINES:]
        return "The end of its log:\n" + "\n".join(lines) if lines else "It wrote no log."


def checked(serve: str, arguments: Sequence[str], start_s: float) -> str:
    """The executable's path."""
    if serve not in OWN_SERVERS:
        raise ConfigError(f"`serve` is {serve!r}.{did_you_mean(serve, OWN_SERVERS)} Choose {' or '.join(OWN_SERVERS)}.")
    if start_s <= 0:
        raise ConfigError("`start_s` must be above 0.")
    for argument in arguments:
        flag = str(argument).partition("=")[0].lstrip("-").replace("_", "-")
        of_whom = next((name for name in (*_OWN_ARGUMENTS, *_HIDDEN) if name.startswith(flag)), "")  # servers complete names
        if str(argument).startswith("--") and of_whom:
            why = "the harness sets itself" if of_whom in _OWN_ARGUMENTS else "could change answers unseen, or is a secret"
            raise ConfigError(f"`serve_args` holds --{flag}, which {why}. Leave it out.")
        value = str(argument).rpartition("=")[2]
        if "/" in value and Path(value).expanduser().is_dir():
            raise ConfigError(
                f"`serve_args` names the folder {value}, whose content is not known. Name files, or leave it out."
            )
    executable = shutil.which(serve)
    if executable is None:
        raise ConfigError(f"`serve: {serve}` needs the executable {serve!r}, which is not on PATH. Install it, or use `url`.")
    return executable


def _lora_arguments(serve: str, adapters: Sequence[Path]) -> list[str]:
    """What makes vLLM take the adapter. Raises ModelError where a server would refuse it or leave a part of it out."""
    if not adapters:
        return []
    from harness.models._own_server.lora import unserved, vllm_rank

    why = "sglang is given no adapters here" if serve == SGLANG else unserved(adapters)
    if why:
        raise ModelError(
            f"The adapter {adapters[-1]} cannot be served by {serve}: {why}. Merge it into its base, or use "
            "model.name: transformers."
        )
    return ["--enable-lora", "--max-lora-rank", str(vllm_rank(adapters[-1]))]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(
    command: Sequence[str], log: IO[bytes], environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen[bytes]:
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _WATCHER, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, **quiet, **environment},
        start_new_session=True,  # Ctrl-C in the terminal reaches the driver, which ends the server
    )


def _stop(process: subprocess.Popen[bytes], log: IO[bytes], owner: int) -> None:
    """Ends the server and waits for its end; in a forked copy of the driver it does nothing."""
    if os.getpid() != owner or process.stdin is None:
        return
    with suppress(OSError):
        process.stdin.write(b"x")
        process.stdin.flush()
    with suppress(OSError):
        process.stdin.close()
    process.wait()
    log.close()


def with_content(argument: str) -> str:
    """An argument, with the digest of the file that it names."""
    file = Path(argument.rpartition("=")[2]).expanduser()
    with suppress(OSError, ValueError):
        return f"{argument} ({file_digest(file)[:12]})" if file.is_file() else argument
    return argument
