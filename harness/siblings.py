"""Refuses to start when `alignment`, `benchmarks` or `reports` is somebody else's.

Other distributions of this field install a top-level `alignment`; with an editable install the foreign one wins when
python is started from another folder. A wrong sibling would score with foreign code, so we stop instead.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from harness.core.errors import HarnessError

SIBLINGS = ("alignment", "benchmarks", "reports")


def check_siblings() -> None:
    """Raise HarnessError naming every sibling package that does not lie beside `harness`."""
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
