"""Names among a command's words that lead nowhere: all of them are told at once, not the first one a try."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from harness.core.errors import HarnessError

Look = Callable[[], object]  # raises HarnessError where a name leads nowhere


@contextmanager
def all_names(output: Path, runs: Iterable[str], *others: Look) -> Iterator[None]:
    """Raise the error with every name that leads nowhere where one of them ends the work inside.

    output: folder of the store that has the runs. others: what looks for names of other kinds, such as files of labels.
    """
    try:
        yield
    except HarnessError as error:
        faults = list(dict.fromkeys([*_of_runs(output, runs), *_faults(others)]))
        if len(faults) > 1 and str(error) in faults:
            raise type(error)("\n".join(faults)) from error
        raise


def _of_runs(output: Path, runs: Iterable[str]) -> list[str]:
    from harness.storage.run_store import open_store

    try:
        with open_store(output) as store:
            return _faults(partial(store.run, name) for name in runs)
    except HarnessError as error:  # there is no store
        return [str(error)]


def _faults(looks: Iterable[Look]) -> list[str]:
    found = list[str]()
    for look in looks:
        try:
            look()
        except HarnessError as error:
            found.append(str(error))
    return found
