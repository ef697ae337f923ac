"""Servers of one's own that several models of a process share: one for each checkpoint folder and set of arguments.

A server ends with the last model that holds it. Within `kept_servers` it waits for the next one that wants it: the second
arm whose source or judge names the same folder does not start it again. Before another server starts, and before a
training, those that nobody holds are ended, so that their memory is free.
"""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from harness.core.errors import ConfigError
from harness.models._own_server.managed import Served, checked, served, with_content
from harness.models._own_server.replicas import Replicas, shares

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


def own_servers(
    url: str | Sequence[str] | None,
    path: str | None,
    serve: str | None,
    arguments: Sequence[str],
    name: str | None,
    start_s: float,
    revision: str,
    replicas: int,
) -> Replicas | None:
    """The servers that the options of the openai backend ask for, running; None where they name running ones by `url`.

    Raises ConfigError for options that cannot be, ModelError where the checkpoint or a server does not start.
    """
    if (asked := _asked(url, path, serve, arguments, revision, replicas)) is None:
        return None
    executable, gpus = checked(asked[1], arguments, start_s), shares(replicas)
    what = served(*asked, name)
    key = _key(what, executable, arguments, gpus)
    with _starting:
        if (known := _running.get(key)) is not None and known.runs:
            return known
        known = None
        gc.collect()  # a server that nobody holds any more gives its GPU back first
        end_idle_servers()
        made = Replicas(what, asked[1], executable, arguments, start_s, gpus)
        _running[key] = made
        if _scopes:
            _kept.append(made)
    return made


def check_startable(
    path: str | None = None,
    serve: str | None = None,
    serve_args: Sequence[str] = (),
    start_s: float = 1800.0,
    replicas: int = 1,
    url: str | Sequence[str] | None = None,
    revision: str = "",
    model: str | None = None,
    **others: object,
) -> None:
    """Raise what `own_servers` would raise for these options of the openai backend before it starts anything."""
    if (asked := _asked(url, path, serve, serve_args, str(revision), replicas)) is not None:
        checked(asked[1], serve_args, start_s)
        shares(replicas)
        served(*asked, model)


def _asked(
    url: str | Sequence[str] | None,
    path: str | None,
    serve: str | None,
    arguments: Sequence[str],
    revision: str,
    replicas: int,
) -> tuple[str, str] | None:
    """Folder and kind of server; None where none is to be started."""
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
    return path, serve


def _key(what: Served, executable: str, arguments: Sequence[str], gpus: Sequence[str | None]) -> _Key:
    """Everything that could make another server of it; weights and files that arguments name count by content."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    content = tuple(with_content(str(argument)) for argument in arguments)
    return (what.checkpoint.digest, os.path.realpath(what.source), what.name, executable, content, tuple(gpus), seen)
