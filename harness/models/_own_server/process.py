"""The process of a started server: begun, ended, and how it ended.

A small process between driver and server holds the server's process group: it ends the group when it is told to, and when
the driver is gone, however that ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import IO

from harness.core.edge.processes import how_it_ended
from harness.core.edge.text import printable

_TAIL_BYTES, _TAIL_LINES = 16_384, 25
_BY_SIGNAL = 128  # and above, by a signal's number: the exit code of the process between, where a signal ended the server
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


def start(
    command: Sequence[str], log: IO[bytes], environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen[bytes]:
    """A server's process, whose output goes to `log`."""
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _WATCHER, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, **quiet, **environment},
        start_new_session=True,  # Ctrl-C in the terminal reaches the driver, which ends the server
    )


def stop(process: subprocess.Popen[bytes], log: IO[bytes], owner: int) -> None:
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


def end_of(process: subprocess.Popen[bytes]) -> str:
    """How it ended: 'ended with exit code 3', 'was ended by SIGKILL (out of memory?)'; "" while it runs."""
    code = process.poll()
    if code is None:
        return ""
    by_signal = code - _BY_SIGNAL in signal.valid_signals()
    return how_it_ended(_BY_SIGNAL - code if by_signal else code)


def tail(log: IO[bytes]) -> str:
    """The end of what it wrote, in a sentence."""
    size = os.fstat(log.fileno()).st_size
    read = os.pread(log.fileno(), _TAIL_BYTES, max(size - _TAIL_BYTES, 0)).decode("utf-8", "replace")
    lines = [printable(line) for line in read.splitlines() if line.strip()][-_TAIL_LINES:]
    return "The end of its log:\n" + "\n".join(lines) if lines else "It wrote no log."
