"""A script in two processes that train together, with the environment that torchrun gives them.

They are forked from a process that has imported torch and transformers, so that a start costs no import. torchrun itself is
tried in tests/end_to_end/test_methods.py, `accelerate launch` on two hosts in test_workers.py.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.core.edge.processes import nothing_to_repeat

_PRELOADED = ["tests.end_to_end.command", "alignment.aligners.dpo"]


@dataclass(frozen=True)
class Done:
    """The worst status of the two, and what both wrote to stderr."""

    returncode: int
    stderr: str


def together(script: Path, *given: str, timeout_s: float = 200, **env: str) -> Done:
    """Run a script in two processes; where one fails, the other one is ended, as torchrun does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    logs = [script.with_name(f"stderr-{rank}.txt") for rank in range(2)]
    with nothing_to_repeat():
        both = [context.Process(target=_run, args=(str(script), given, rank, env, str(logs[rank]))) for rank in range(2)]
        for process in both:
            process.start()
    until = time.monotonic() + timeout_s
    while any(process.is_alive() for process in both) and time.monotonic() < until:
        if any(process.exitcode for process in both):
            break
        both[0].join(0.1)
    statuses = [process.exitcode for process in both]  # before the other one is ended
    for process in both:
        process.kill()
        process.join()
    worst = next((status for status in statuses if status), 0 if None not in statuses else 1)
    return Done(worst, "\n".join(log.read_text() for log in logs if log.exists()))


def _run(script: str, given: tuple[str, ...], rank: int, env: dict[str, str], log: str) -> None:
    to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(to, 1)
    os.dup2(to, 2)
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    os.environ.update({**env, **{name: str(value) for name, value in place.items()}, "OMP_NUM_THREADS": "1"})
    sys.argv = [script, *given]
    try:
        runpy.run_path(script, run_name="__main__")
        assert torch.distributed.get_world_size() == 2, "each trained alone"
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stderr.flush()
    os._exit(0)
