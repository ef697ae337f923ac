"""How a long call shows what it does: the same two callbacks as on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from harness.api.turns import watched
from harness.core.edge.text import shown
from harness.core.errors import ConfigError


@runtime_checkable
class ShowsLines(Protocol):
    """A progress display that also shows what is going on, a line at a time."""

    def say(self, text: str) -> None: ...


class ProgressBars:
    """One tqdm bar for each task that runs, and a line for each stage; widgets in a notebook, text in a terminal.

    An instance is a progress callback: `bars(what, done, total)`; `bars.say(text)` prints a line above the bars.
    """

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Move the bar of `what`; a bar that is full is closed. Text behind a tab says how it goes."""
        from tqdm.auto import tqdm

        name, _, details = what.partition("\t")
        bar = self._bars.get(name)
        if bar is None:
            bar = self._bars[name] = tqdm(total=total, desc=name, leave=False)
        bar.total = total
        bar.set_postfix_str(details, refresh=False)
        bar.update(done - bar.n)
        if done >= total:
            self._bars.pop(name).close()

    def say(self, text: str) -> None:
        """Print one line."""
        from tqdm.auto import tqdm

        tqdm.write(text)


class Silent:
    """Shows nothing."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Ignore the progress."""

    def say(self, text: str) -> None:
        """Ignore the line."""


silent = Silent()
Show = ProgressBars | Silent | Callable[[str, int, int], None]


def both_of(progress: Show | None) -> tuple[Show, Callable[[str], None]]:
    """What shows the progress, and what shows the lines; None: bars. Raises ConfigError for what cannot be called."""
    given = progress if progress is not None else ProgressBars()
    if not callable(given) or isinstance(given, type):
        raise ConfigError(
            f"progress is {shown(progress)}. Give a function of (what, done, total), `harness.silent` for nothing, or None for "
            "bars."
        )
    return watched(given), watched(given.say) if isinstance(given, ShowsLines) else silent.say
