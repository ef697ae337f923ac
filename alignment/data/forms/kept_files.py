"""Files of pairs and prompts that are looked at several times before anything is asked: read once, while they stay the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from harness.core.digests import file_state

T = TypeVar("T")
_kept: ContextVar[dict[tuple[str, str], tuple[object, Any]] | None] = ContextVar("_kept", default=None)


@contextmanager
def files_kept() -> Iterator[None]:
    """Inside, what was read of a file is kept, up to `drop_kept` or the end of the block, also of a block inside another."""
    before = _kept.get()
    token = _kept.set({} if before is None else before)
    try:
        yield
    finally:
        (_kept.get() or {}).clear()
        _kept.reset(token)


def drop_kept() -> None:
    """Free what a block has kept; it keeps nothing from here on."""
    (_kept.get() or {}).clear()
    _kept.set(None)


def kept(path: Path, what: str, read: Callable[[], T]) -> T:
    """What `read` makes of a file, which nobody may change; made again where the file has another state.

    what: names `read`: another way to read the same file.
    """
    known = _kept.get()
    if known is None:
        return read()
    state, key = file_state(path), (str(path.absolute()), what)
    if key not in known or known[key][0] != state:
        known[key] = state, read()  # the state before it was read: what is written meanwhile is read again
    found: T = known[key][1]
    return found
