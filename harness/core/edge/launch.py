"""What `accelerate launch` and torchrun tell the processes that they start, by environment variables."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

_FIRST_TELLS_S, _OTHERS_COME_S = 10.0, 1.0


def is_alone() -> bool:
    """Whether this process was started by itself."""
    return os.environ.get("WORLD_SIZE", "1") == "1"


def is_first() -> bool:
    """Whether this is the one of the processes that speaks."""
    return is_alone() or os.environ.get("RANK") == "0"


def is_first_here() -> bool:
    """Whether this is the first of the processes of this host, which all have the same command and the same files."""
    return is_alone() or os.environ.get("LOCAL_RANK", os.environ.get("RANK")) == "0"


def command_line(*words: object) -> str:
    """A command of ours as a shell reads it."""
    return shlex.join(["python", "-m", "harness", *map(str, words)])


@contextmanager
def reported_once(code: int) -> Iterator[None]:
    """Around what says why a command ends: where processes that were started together have the same fault, one says it, and
    all end with this exit code.

    The others of a host wait while the first one speaks and ends, at which the launcher ends them. Where it does not, the fault
    is of one process alone, which then says it.
    """
    if is_alone():
        yield
    elif is_first_here():
        yield
        time.sleep(_OTHERS_COME_S)
    else:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(code))
        time.sleep(_FIRST_TELLS_S)
        yield


def is_asked_for(division: Literal["FSDP", "DEEPSPEED"]) -> bool:
    """Whether accelerate's configuration divides weights or the optimizer's state."""
    return os.environ.get(f"ACCELERATE_USE_{division}", "false").lower() == "true"


def machines() -> int:
    """On how many machines the processes are, as far as their launcher tells."""
    number = os.environ.get("GROUP_WORLD_SIZE", "1")
    return int(number) if number.isdecimal() and not is_alone() else 1


def launcher() -> list[str]:
    """The words that start processes like these, on this machine, up to `-m`."""
    if is_alone():
        return ["python"]
    given = os.environ
    count, several = given["WORLD_SIZE"], machines() > 1
    rank, address, port = (given.get(name, "") for name in ("GROUP_RANK", "MASTER_ADDR", "MASTER_PORT"))
    if not any(name.startswith("ACCELERATE_") for name in given):
        places = ["--nnodes", str(machines()), "--node-rank", rank, "--master-addr", address, "--master-port", port]
        return ["torchrun", *(places if several else []), "--nproc-per-node", given.get("LOCAL_WORLD_SIZE", count)]
    places = ["--num_machines", str(machines()), "--machine_rank", rank, "--main_process_ip", address]
    divided = ["--multi_gpu"]  # without it a machine with one GPU, or none, starts one process
    if is_asked_for("FSDP"):
        divided = ["--use_fsdp", "--fsdp_version", "2"]
    elif is_asked_for("DEEPSPEED"):
        file, stage = (given.get(f"ACCELERATE_DEEPSPEED_{name}") for name in ("CONFIG_FILE", "ZERO_STAGE"))
        divided = ["--use_deepspeed", *(["--deepspeed_config_file", file] if file else ["--zero_stage", stage or "2"])]
        divided += ["--deepspeed_multinode_launcher", "standard"] if several else []
    own = [*places, "--main_process_port", port] if several else []
    return ["accelerate", "launch", *divided, *own, "--num_processes", count]
