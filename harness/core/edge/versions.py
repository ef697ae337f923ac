"""Versions of what can move a number, and of ourselves."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

NAMES = ("mm-align-harness", "torch", "transformers", "tokenizers", "peft", "safetensors", "nltk", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Package -> installed version, "none" where it is not installed; reads metadata, imports nothing."""
    found = {"python": platform.python_version()}
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
