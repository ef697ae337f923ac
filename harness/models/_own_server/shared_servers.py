"""Servers of one's own that several models of a process share: one for each checkpoint folder and set of arguments.

A server ends with the last model that holds it. Within `kept_servers` it waits for the next one that wants it: the second
arm whose source or judge names the same folder does not start it again. Before another server starts, and before a
training, those that nobody holds are ended, so that their memory is free.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from harness.core.errors import ConfigError, ModelError
from harness.models._engine.generation_settings import HONOURED
from harness.models._own_server.arguments import checked, with_content
from harness.models._own_server.generation import generation_of
from harness.models._own_server.installed import installed_version
from harness.models._own_server.replicas import Replicas, shares
from harness.models._own_server.served import served
from harness.models._own_server.served_template import opened_reasoning, today, writes_todays_date
from harness.models._own_server.special_tokens import special_tokens
from harness.models._server.special_marks import of_tokens

_log = logging.getLogger("harness")
_Key = tuple[object, ...]
_starting = threading.Lock()  # one starts at a time: the second model that wants a server waits for the first one's
_running: weakref.WeakValueDictionary[_Key, Replicas] = weakref.WeakValueDictionary()
_kept: list[Replicas] = []
_scopes: list[None] = []


@contextmanager
def kept_servers() -> Iterator[None]:
    """Around a whole run: what is started in it is kept for its later models, and ended with it, however it ends."""
    _scopes.append(None)
    try:
        yield
    finally:
        _scopes.pop()
        if not _scopes:
            kept = list(_kept)
            _kept.clear()
            for servers in kept:
                servers.stop()  # also where a traceback still holds the model


def end_idle_servers() -> None:
    """End the kept servers that no model holds."""
    known = [weakref.ref(servers) for servers in _kept]
    _kept.clear()
    if known:
        gc.collect()
        _kept.extend(servers for ref in known if (servers := ref()) is not None)


class OwnServers:
    """The servers that one model asks: known by their checkpoint at once, started by `start`.

    name: that of the checkpoint in the protocol. They go on as long as this object, `stop` or the process lets them.
    """

    def __init__(self, asked: _Asked, arguments: Sequence[str], name: str | None, start_s: float, replicas: int) -> None:
        self.serve = asked.serve
        self._arguments, self._start_s = [str(argument) for argument in arguments], start_s
        self._executable, self._gpus = checked(asked.serve, arguments, start_s), shares(replicas)
        self._what = served(asked.path, asked.serve, name)
        self.generation = generation_of(self._what.source, asked.generation_config, asked.serve)
        self.marks = of_tokens(special_tokens(self._what.source))
        self._shown = [with_content(argument) for argument in self._arguments]
        self._dated = writes_todays_date(self._what.source, self._arguments)
        self.name, self.checkpoint = self._what.name, self._what.checkpoint
        self._running: Replicas | None = None
        self._version = ""

    @property
    def runs(self) -> bool:
        return self._running is not None and self._running.runs

    def start(self) -> Replicas:
        """The running servers, which other models of the process may ask already. Raises ModelError where they do not start."""
        if self._running is None:
            self._running = self._started()
            self._version = self._running.version
        return self._running

    def opened_reasoning(self, options: Any) -> str:  # Any: what a user gave
        """The mark that prompts end in, "" where there is none; `options`: those of the chat template."""
        return opened_reasoning(self._what.source, self._arguments, options)

    def facts(self) -> dict[str, str]:
        """What stands in place of a server's address in the protocol; files that arguments name count by content.

        The version is the installed one until they are started. Starts them where it cannot be found out otherwise.
        """
        self._version = self._version or self._expected_version() or self.start().version
        return {
            "weights": "known by content; served from the checkpoint's folder",
            "server": f"{self.serve} {self._version}, started here",
            "generation config": self.generation.fact,
            **({"server arguments": " ".join(self._shown)} if self._shown else {}),
            **(today() if self._dated else {}),
        }

    def _expected_version(self) -> str:
        """That of running servers, or else the installed one; "" where neither is known."""
        known = _running.get(self._key())
        return known.version if known is not None and known.runs else installed_version(self.serve, self._executable)

    def _started(self) -> Replicas:
        key = self._key()
        with _starting:
            if (known := _running.get(key)) is not None and known.runs:
                return known
            known = None
            gc.collect()  # a server that nobody holds any more gives its GPU back first
            end_idle_servers()
            _log.warning("Starting the %s server on %s (`start_s`: %g s).", self.serve, self._what.path, self._start_s)
            made = Replicas(self._what, self.serve, self._executable, self._arguments, self._start_s, self._gpus)
            if [with_content(argument) for argument in self._arguments] != self._shown:
                made.stop()
                raise ModelError(
                    f"A file that `serve_args` names changed before the {self.serve} server had started. The server was ended, "
                    "and nothing was asked. Run the same command again."
                )
            _running[key] = made
            if _scopes:
                _kept.append(made)
        return made

    def _key(self) -> _Key:
        """Everything that could make another server of it; weights and files that arguments name count by content."""
        seen, what = os.environ.get("CUDA_VISIBLE_DEVICES"), self._what
        place = os.path.realpath(what.source)
        return (what.checkpoint.digest, place, what.name, self._executable, tuple(self._shown), tuple(self._gpus), seen)


def own_servers(
    url: str | Sequence[str] | None = None,
    path: str | None = None,
    serve: str | None = None,
    serve_args: Sequence[str] = (),
    model: str | None = None,
    start_s: float = 1800.0,
    revision: str = "",
    replicas: int = 1,
    generation_config: str = HONOURED,
    **others: object,
) -> OwnServers | None:
    """The servers that these options of the openai backend ask for, not started yet; None where they name running ones by
    `url`.

    Raises ConfigError for options that cannot be, ModelError where the checkpoint cannot be served.
    """
    asked = _asked(url, path, serve, serve_args, str(revision), replicas, generation_config)
    return None if asked is None else OwnServers(asked, serve_args, model, start_s, replicas)


class _Asked(NamedTuple):
    path: str
    serve: str
    generation_config: str


def _asked(
    url: str | Sequence[str] | None,
    path: str | None,
    serve: str | None,
    arguments: Sequence[str],
    revision: str,
    replicas: int,
    generation_config: str,
) -> _Asked | None:
    """Folder and kind of server; None where none is to be started."""
    if serve is None:
        if path is not None or arguments or replicas != 1 or generation_config != HONOURED:
            raise ConfigError(
                "`path`, `serve_args`, `replicas` and `generation_config` of the openai backend go with `serve: vllm` or "
                "`serve: sglang`."
            )
        if url is None:
            raise ConfigError("The openai backend needs `url`, a server's address, or `path` and `serve` to start one.")
        return None
    if url is not None or path is None:
        raise ConfigError("`serve` starts a server on a checkpoint folder: give it `path`, and no `url`.")
    if revision:
        raise ConfigError("`revision` names weights that are not known; with `serve` they are known by content. Leave it out.")
    return _Asked(path, serve, generation_config)
