"""Watches Ray's own process on this host, the raylet: its end is noticed at once.

Once the raylet is gone Ray ends this process as soon as it uses the object store again: exit code 1, without a message and
without Python's handlers. So nothing may be asked of Ray after that.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable

from harness.core.errors import ModelError

Say = Callable[[str], None]
_PEER = struct.Struct("3i")  # pid, uid and gid of who listens


def watch_raylet(raylet_socket: str, ended: Callable[[], None]) -> None:
    """Call `ended`, in a thread, when the raylet that listens at this Unix socket is gone; never where that cannot be known."""
    try:
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(raylet_socket.removeprefix("unix://"))
            pid, _, _ = _PEER.unpack(there.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        process = os.pidfd_open(pid)
    except (OSError, AttributeError):  # not Linux, or a raylet of another container
        return

    def wait() -> None:
        until = select.poll()
        until.register(process, select.POLLIN)
        until.poll()
        os.close(process)
        ended()

    threading.Thread(target=wait, name="raylet watch", daemon=True).start()


def exit_with_message(say: Say, why: str) -> None:
    """Print why, and end this process with the exit code of a ModelError."""
    try:
        say(why)
        if sys.stdout.isatty():
            sys.stdout.write("\x1b[?25h")  # the cursor, which progress bars hide
        sys.stdout.flush()
    finally:
        os._exit(ModelError.exit_code)
