"""Which official files a benchmark needs, so that `fetch` can say where they come from and where to put them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One file (or folder) of the data folder that a benchmark reads.

    `sha256` is "" where it is not known; `how` tells in one line how to get it; `needed` False: only for an option.
    """

    name: str
    origin: str
    licence: str
    how: str
    sha256: str = ""
    needed: bool = True
