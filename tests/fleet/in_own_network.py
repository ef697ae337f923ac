"""A script with Ray in it, run in a network namespace of its own: no other Ray is seen, and none sees this one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.hosts import MARK

ROOT = Path(__file__).resolve().parent.parent.parent


def cannot() -> str:
    """Why there can be no namespace here, "" where there can."""
    if os.geteuid() != 0:
        return "a network namespace needs root"
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "a network namespace needs unshare and ip"
    made = subprocess.run(["unshare", "-n", "-u", "true"], capture_output=True, text=True)
    return "" if made.returncode == 0 else f"no network namespace can be made here: {made.stderr.strip()}"


_UNSHARED = ("unshare", "-n", "-u", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def enter() -> None:
    """Begin this very script again in a network namespace of its own, where it is not in one."""
    if not os.environ.get(MARK):
        environment = os.environ | {"PYTHONPATH": str(ROOT), MARK: "1"}
        os.execvpe(_UNSHARED[0], [*_UNSHARED, sys.executable, *sys.argv], environment)


def without_ray() -> str:
    """What is not installed of what Ray and Ray Train need, with the command that installs it; "" where all is there.

    Nothing is imported: Ray would start threads in the process of the tests.
    """
    missing = [name for name in ("ray", "pyarrow", "requests") if find_spec(name) is None]
    return f"{' and '.join(missing)} not installed: pip install 'mm-align-harness[ray]'" if missing else ""


needs_ray = pytest.mark.skipif(bool(without_ray()), reason=without_ray() or "it is there")
needs_namespace = pytest.mark.skipif(bool(cannot()), reason=cannot() or "there is one")


def run(script: Path, *words: str, timeout_s: float = 1100) -> str:
    """What a script says on stdout. Raises AssertionError with all it said where it fails."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", MARK: "1"}
    command = [*_UNSHARED, sys.executable, str(script), *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout_s)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def outcomes(script: str, world: Path, folders: pytest.TempPathFactory) -> dict[str, Any]:
    """What a script of this folder found. It is run once in a test run: processes that share its tests wait for it."""
    common = folders.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else folders.getbasetemp()
    kept = common / f"{script}.json"
    with (common / f"{script}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            said = run(Path(__file__).with_name(script), str(world), str(folders.mktemp(script.removesuffix(".py"))))
            kept.write_text(said.splitlines()[-1], encoding="utf-8")
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return found
