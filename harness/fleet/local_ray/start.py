"""Starts a Ray on this host alone: on the loopback interface, with a token and a folder of its own, ended with the command."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from harness.core.errors import ConfigError
from harness.fleet.local_ray.environment import environment
from harness.fleet.local_ray.open_ports import externally_reachable
from harness.fleet.local_ray.temporary_folder import temporary_folder

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
_TOKEN = secrets.token_hex(32)  # one a process, since Ray keeps the first one that it sees
_START_ATTEMPTS = 3
_OBJECT_STORE_BYTES = 100 * 2**20  # bytes of shared memory: requests and answers are small
_MAX_TEMP_LENGTH = 21  # characters: the paths of Ray's sockets, up to 87 longer, have to fit in 107


def start_local_ray(ray: Any, workers: int | None, at_end: ExitStack) -> None:
    """Start it and join it; `at_end` ends it.

    Raises ConfigError where it does not start, or can be reached from other machines.
    """
    base = tempfile.gettempdir()
    folder = at_end.enter_context(temporary_folder(Path(base if len(base) < _MAX_TEMP_LENGTH else "/tmp")))
    # Ray reads it whenever it opens a connection, and turns authentication on by itself where a user set no mode.
    at_end.enter_context(environment({"RAY_AUTH_TOKEN": _TOKEN}))
    at_end.callback(ray.shutdown)
    before = externally_reachable(os.getpid())
    for left in reversed(range(_START_ATTEMPTS)):
        try:
            with environment({"PYTHONPATH": python_path()}), _loopback_kept():
                ray.init(
                    num_cpus=max(workers or 1, os.cpu_count() or 1),
                    include_dashboard=False,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=folder,
                    **QUIET,
                )
            break
        except Exception as error:  # of Ray, of many classes; half a minute is too short for it on a busy machine
            ray.shutdown()
            if not left:
                raise ConfigError(f"Ray does not start on this machine: {one_line(error)}") from error
    if reached := sorted(externally_reachable(os.getpid()) - before):
        raise ConfigError(
            f"The Ray that this command started listens on {', '.join(reached)}, where other machines could reach it and run "
            "code as you. It was ended. Install the version of Ray that belongs to this one (pip install "
            "'mm-align-harness[ray]'), or start a Ray on a network that you trust and give its address: --fleet ray://HOST:PORT."
        )


@contextmanager
def _loopback_kept() -> Iterator[None]:
    """Inside, Ray keeps 127.0.0.1, as on macOS and Windows; elsewhere it puts the host's outer address in its place."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def one_line(error: BaseException) -> str:
    """What happened: of Ray's long texts the line that names it."""
    if "worker process has died" in str(error):
        return "its process ended without a word: killed, out of memory, or a crash of native code"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "SIGKILL" in line or "memory" in line]
    words = (telling or lines or ["no reason given"])[-1 if "ModuleNotFoundError" in str(error) else 0]
    return f"{type(error).__name__}: {words[:300]}"


def python_path() -> str:
    """Where this very project is found, for processes of a local Ray."""
    home = str(Path(__file__).resolve().parents[3])
    return os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
