"""Versions of what can move a number, and of ourselves: the version of a checkout may stay where its code changes."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.core.digests import file_digest, value_digest

NAMES = ("mm-align-harness", "torch", "transformers", "tokenizers", "peft", "safetensors", "nltk", "numpy", "pillow")
CODE = "mm-align-harness code"
_OURS = ("harness", "alignment", "benchmarks", "reports")


def versions() -> dict[str, str]:
    """Package -> installed version, "none" where it is not installed, and `CODE` -> `code_digest`; imports nothing."""
    found = {"python": platform.python_version(), CODE: code_digest()}
    for name in NAMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def own_version() -> str:
    """The installed version of this project; "0+unknown" in a checkout that was never installed."""
    try:
        return version(NAMES[0])
    except PackageNotFoundError:
        return "0+unknown"


@lru_cache
def code_digest(packages: tuple[str, ...] = _OURS) -> str:
    """Digest of the modules of our own packages: 15 ms, once a process."""
    home = Path(__file__).resolve().parents[3]
    files = [path for name in packages for path in sorted((home / name).rglob("*.py"))]
    return value_digest({path.relative_to(home).as_posix(): file_digest(path) for path in files})[:12]
