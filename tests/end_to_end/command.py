"""`python -m harness` as a function, for processes that are forked from one with torch imported."""

from __future__ import annotations

import os
import sys

import transformers.models.llava.modeling_llava  # noqa: F401  (its import is what takes long)

from harness.cli import main
from harness.run import pipeline  # noqa: F401


def run(words: list[str]) -> None:
    """Runs the command and ends the process with its status; its output goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.argv = ["mm-align-harness", *words]
    main()
