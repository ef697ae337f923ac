"""Which version of a server is installed, without starting it: stored answers are found under it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.core.edge.text import printable

_ASK_S = 30.0


def installed_version(name: str, executable: str) -> str:
    """The version of the package `name` in the environment whose Python runs the executable (its first line names that);
    "" where this cannot be found out."""
    try:
        with Path(executable).open("rb") as file:
            first = file.readline(1024).decode("utf-8", "replace").rstrip("\n")
        python = first.removeprefix("#!").strip()
        if not first.startswith("#!") or not Path(python).name.startswith("python"):
            return ""
        words = [python, "-c", f"from importlib.metadata import version; print(version({name!r}))"]
        asked = subprocess.run(
            words, cwd=Path(executable).parent, capture_output=True, text=True, errors="replace", timeout=_ASK_S
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return printable(asked.stdout.strip()) if asked.returncode == 0 else ""
