"""What happens first, on the command line and in Python: threads, and foreign packages of our names are refused.

Other distributions of this field install a top-level `alignment`; with an editable install the foreign one wins when
python is started from another folder. A wrong sibling would score with foreign code, so we stop instead.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from harness.core.errors import HarnessError

SIBLINGS = ("alignment", "benchmarks", "reports")


def start() -> None:
    """Prepare a process; called first by every command and every function of the Python interface.

    Raises HarnessError where another distribution hides a package of ours, where the current folder was deleted (relative paths
    lead nowhere there, and torch's libraries end the process with a message about files of theirs), and under `python -OO`.
    """
    _check_current_folder()
    _check_docstrings()
    # Before numpy and torch are imported: idle threads of theirs spin, which halves the speed of a busy machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    check_siblings()


def _check_current_folder() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise HarnessError(
            f"The current folder is gone ({error.strerror}). Change into a folder that is there and run the same command again."
        ) from error


def _check_docstrings() -> None:
    if sys.flags.optimize > 1:
        raise HarnessError(
            "Python runs without docstrings (`-OO`, or PYTHONOPTIMIZE=2), with which transformers loads no model. Start it "
            "without; PYTHONOPTIMIZE=1 is no obstacle."
        )


def check_siblings() -> None:
    """Raise HarnessError naming every sibling package that is not beside `harness`."""
    home = Path(__file__).resolve().parent.parent
    foreign = {}
    for name in SIBLINGS:
        spec = importlib.util.find_spec(name)
        places = [Path(p).resolve() for p in (spec.submodule_search_locations or [])] if spec else []
        if home / name not in places:
            foreign[name] = str(places[0]) if places else "not found"
    if foreign:
        found = "; ".join(f"{name}: {place}" for name, place in foreign.items())
        raise HarnessError(
            f"Packages of mm-align-harness are shadowed by others. Expected beside {home / 'harness'}, found {found}. "
            "Uninstall the other distribution, or use a virtual environment of its own for mm-align-harness."
        )
