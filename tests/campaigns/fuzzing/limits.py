"""Time and memory of one input of a campaign: measured, and bounded, so that a hungry input is named.

Linux only: the peak of resident memory is read from /proc. CPU time, since the machine may be shared.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_S, MOST_GIB = 10.0, 2.0
_DEADLY_S, _REFUSED_GIB = 60, 3.0  # the process is ended; more address space is refused
_STATUS, _REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(slots=True)
class Spent:
    """CPU seconds of an input, and GiB of resident memory on top of what there was, at its peak."""

    seconds: float = 0.0
    gib: float = 0.0

    def excesses(self) -> list[tuple[str, str]]:
        """(kind, figure) of each limit that was passed."""
        long = [("took too long", f"{self.seconds:.0f} s of CPU\n")] if self.seconds > LONGEST_S else []
        return long + ([("took too much memory", f"{self.gib:.1f} GiB\n")] if self.gib > MOST_GIB else [])


@contextmanager
def limited(deadly: bool) -> Iterator[Spent]:
    """Run one input inside. `deadly`: after 60 s of CPU the process gets SIGXCPU, and memory beyond 3 GiB is refused."""
    spent, started = Spent(), time.process_time()
    _REFS.write_text("5")  # the peak starts again from what is resident now
    before = _kib("VmRSS")
    old = [(what, resource.getrlimit(what)) for what in (resource.RLIMIT_CPU, resource.RLIMIT_AS)] if deadly else []
    try:
        if deadly:
            _lower(resource.RLIMIT_CPU, int(started) + _DEADLY_S)
            _lower(resource.RLIMIT_AS, _kib("VmSize") * 1024 + int(_REFUSED_GIB * 2**30))
        yield spent
    finally:
        for what, limits in old:
            resource.setrlimit(what, limits)
        spent.seconds = time.process_time() - started
        spent.gib = max(0, _kib("VmHWM") - before) / 2**20


@dataclass(frozen=True)
class Note:
    """A file that names each input before it is run, and how many there were: what is left of a process that was ended."""

    path: Path

    @property
    def counts(self) -> dict[str, int]:
        return dict(self._read()["counts"]) if self.path.is_file() else {}

    @property
    def last(self) -> tuple[str, int]:
        return self._read()["name"], self._read()["number"]

    def write(self, name: str, number: int, counts: Mapping[str, int]) -> None:
        self.path.write_text(json.dumps({"name": name, "number": number, "counts": counts}), encoding="utf-8")

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return found


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory was refused anywhere in the chain of causes."""
    while error is not None:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _lower(what: int, soft: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _kib(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
