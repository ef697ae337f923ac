"""NLTK, imported without what it takes along where that is installed."""

from __future__ import annotations

import sys
from importlib import import_module

_OPTIONAL = ("scipy", "sklearn")  # for statistics and classifiers that nobody here asks of it: 0.4 s and 41 MiB


def import_nltk() -> None:
    """Call it before NLTK's modules are imported. What is imported already stays; what is not can be imported afterwards."""
    absent = [name for name in _OPTIONAL if "nltk" not in sys.modules and name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: Python then says that it is not installed
    try:
        import_module("nltk")
    finally:
        for name in absent:
            sys.modules.pop(name, None)
