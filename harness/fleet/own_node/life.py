"""Ray's own process on this host, the raylet: its end is noticed at once, and folders of Rays that were killed are removed.

Once the raylet is gone Ray ends this process as soon as it uses the object store again: exit code 1, without a word and
without Python's handlers. So nothing may be asked of Ray after that.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from harness.core.errors import ModelError
from harness.storage.run_folder import is_held, locked

Say = Callable[[str], None]
_PREFIX = "harness-ray-"
_RAYS = "r"  # short: the paths of sockets have to fit in 107 characters
_PEER = struct.Struct("3i")  # pid, uid and gid of who listens
_JUST_MADE_S = 60.0  # a folder that is not locked yet


def watch(raylet_socket: str, ended: Callable[[], None]) -> None:
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


def last_words(say: Say, why: str) -> None:
    """Say why, and end this process as an error of that kind does."""
    try:
        say(why)
        if sys.stdout.isatty():
            sys.stdout.write("\x1b[?25h")  # the cursor, which progress bars hide
        sys.stdout.flush()
    finally:
        os._exit(ModelError.exit_code)


@contextmanager
def own_folder(base: Path) -> Iterator[str]:
    """A folder for the files of a Ray, removed afterwards, and with it those whose process is gone without having done so.

    It lies in one of this user's alone: Ray opens its own folder, with sockets and logs, to all users of the machine.
    """
    for old in base.glob(f"{_PREFIX}*"):
        if _is_left_over(old):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(mkdtemp(prefix=_PREFIX, dir=base))
    try:
        with locked(folder):
            (folder / _RAYS).mkdir()
            yield str(folder / _RAYS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_left_over(folder: Path) -> bool:
    """One of this user's, whose lock no process holds; without a lock its owner is not known."""
    try:
        made = folder.lstat()
        return (
            made.st_uid == os.getuid()
            and (folder / "lock").is_file()
            and time.time() - made.st_mtime > _JUST_MADE_S
            and not is_held(folder)
        )
    except OSError:
        return False


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables that Ray reads while it starts; no figures of use are sent anywhere."""
    values = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"} | values
    before = {name: os.environ.get(name) for name in (*values, "RAY_AUTH_MODE")}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


@contextmanager
def own_handlers() -> Iterator[None]:
    """Ray puts a handler of its own for SIGTERM; ours stays."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        try:
            signal.signal(signal.SIGTERM, before)
        except ValueError:  # not the main thread, where Ray sets none either
            pass
