"""Everything that can go wrong and be fixed by the person who ran the command.

    HarnessError                    the base: printed without a traceback, exit code 2
      ConfigError                   the configuration or a command's words are off
        UnknownPlugin               no plug-in of that name
        RepeatedPlugin              two plug-ins claim one name
      DataError                     a file of the data folder is missing or broken
        UnknownItems              a benchmark has no items of these ids
        ImageError                an image cannot be read; the rest of a sweep goes on
      ModelError                    a checkpoint cannot be loaded or used
        Unanswered                  some requests got no answer; the others did and are stored
        TooLong                     a text does not fit into the model's context; the rest of a sweep goes on
        FactsChanged                what moves a model's answers changed while it was asked
      TrainingError                 training cannot start or go on
        LostProcess                 another of the processes that train together ended
      StoreError                    the run store cannot be read or written
      RunLocked                     another process works in this run folder
      JudgeError                    a judge is missing or not configured

Each message states what happened, where, and what to do now. Any other exception that escapes is a defect of this project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path


class HarnessError(Exception):
    """Base of all errors that a user can cause and fix."""

    exit_code = 2

    def __reduce__(self) -> tuple[Callable[..., HarnessError], tuple[object, ...]]:
        """Pickled as it is: a pool of processes waits without end for an error that cannot be made again."""
        return _as_it_was, (type(self), self.args, dict(vars(self)))


class ConfigError(HarnessError):
    """The configuration or the words of a command are off."""


class UnknownPlugin(ConfigError):
    """A name that no plug-in has; the message names the nearest and all known ones."""


class RepeatedPlugin(ConfigError):
    """Two plug-ins claim the same name; the message names both places."""


class DataError(HarnessError):
    """A file of the data folder is missing, broken or does not fit its neighbours."""


class UnknownItems(DataError):
    """Items that a benchmark does not have. `ids`: theirs."""

    def __init__(self, message: str, ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.ids = tuple(ids)


class ImageError(DataError):
    """One image cannot be read. `path` is the file, so that a sweep can go on without it; `why` what is wrong with it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"The image {path} {why}")
        self.path, self.why = path, why

    def is_about(self, images: Path | tuple[Path, ...] | None, text: str) -> bool:
        """Whether a prompt shows this image."""
        return self.path == images or (isinstance(images, tuple) and self.path in images)


class ModelError(HarnessError):
    """A checkpoint cannot be loaded, or cannot do what is asked of it."""


class TooLong(ModelError):
    """A prompt, or a prompt with its answer, that has more tokens than the model was made for. `asked`: its images and text, so
    that a sweep can go on without it."""

    def __init__(self, message: str, asked: tuple[Path | tuple[Path, ...] | None, str] | None = None) -> None:
        super().__init__(message)
        self.asked = asked

    def is_about(self, images: Path | tuple[Path, ...] | None, text: str) -> bool:
        """Whether it is this prompt."""
        return self.asked == (images, text)


class FactsChanged(ModelError):
    """The facts that a model told before it was asked hold no longer. Answers are stored under them: whoever asked begins
    again. `before`, `now`: facts by name.
    """

    def __init__(self, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        words = "; ".join(f"{name} is {now.get(name, '(none)')!r}, not {before.get(name, '(none)')!r}" for name in names)
        super().__init__(
            f"The model answers under other facts than were known before it was asked: {words}. No answer was stored under "
            "facts that are not its own; these questions have to be asked again."
        )


class Unanswered(ModelError):
    """Some requests got no answer, raised after all others were given. `reasons`: place of the request -> why. `withheld`: of
    these, the ones that a server's filter or moderation refuses, and would again."""

    def __init__(self, reasons: Mapping[int, str], withheld: Iterable[int] = ()) -> None:
        first = next(iter(reasons.values()))
        count = "A request has" if len(reasons) == 1 else f"{len(reasons):,} requests have"
        super().__init__(f"{count} no answer: {first}. What was answered is stored; the same command asks for the rest.")
        self.reasons, self.withheld = dict(reasons), frozenset(withheld)


class TrainingError(HarnessError):
    """Training cannot start, or stopped; the last good checkpoint is kept."""


class LostProcess(TrainingError):
    """Another of the processes that train together ended."""

    def __init__(self) -> None:
        super().__init__(
            "Another process of this training ended; its own message says why. Everything finished so far is kept; start all "
            "again."
        )


class StoreError(HarnessError):
    """The run store cannot be opened, read or written."""


class RunLocked(HarnessError):
    """Another living process works in the same run folder."""


class JudgeError(HarnessError):
    """A judge that a benchmark needs is missing or not configured."""


def _as_it_was(kind: type[HarnessError], args: tuple[object, ...], values: Mapping[str, object]) -> HarnessError:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(values)
    return error
