"""Messages between the driver and its workers: plain values that pickle, errors too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.core import errors
from harness.core.digests import value_digest
from harness.core.edge.versions import CODE, code_digest, versions
from harness.core.errors import HarnessError, ImageError, ModelError, TooLong, Unanswered
from harness.core.evaluation import Answer, Request
from harness.core.preference import paths_of
from harness.core.run_record import Checkpoint


@dataclass(frozen=True)
class CheckpointSpec:
    """A checkpoint to load: the plug-in of models with its options, and the driver's CPU threads and current folder."""

    plugin: str
    options: Mapping[str, Any] = field(hash=False)
    threads: int
    folder: str
    name: str = ""  # for people

    @cached_property
    def digest(self) -> str:
        return value_digest([self.plugin, dict(self.options)])


@dataclass(frozen=True)
class WorkerInfo:
    """A worker's process: name of its host, Ray's id of its node, process id, and versions of the packages there."""

    host: str
    node: str
    pid: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class LoadedCheckpoint:
    """The facts of a checkpoint that a worker has loaded."""

    checkpoint: Checkpoint
    facts: Mapping[str, str]
    unshared: str
    one_image: str  # why it takes no more than one a prompt
    several_images_note: str  # what to say where its prompts show several
    despite: tuple[str, ...]
    device: str = ""  # for people: the GPU's name, or "cpu"
    noise_rule: str = ""  # see `DrawsNoise`


@dataclass(frozen=True)
class WaveUnit:
    """A wave with all it needs: its requests alone, its parts and known answers by their index, images' sha256 by path."""

    requests: Sequence[Request]
    parts: Sequence[list[int]]
    done: Mapping[int, Answer]
    images: Mapping[Path, str]

    def __str__(self) -> str:
        first = next((str(p) for r in self.requests for p in paths_of(r.image)), self.requests[0].text[:60])
        return f"a wave of {len(self.requests):,} requests, the first about {first}"


@dataclass(frozen=True)
class RemoteError:
    """A HarnessError in transit: the class's name, its arguments, and the host that raised it."""

    kind: str
    args: tuple[Any, ...]
    host: str

    def to_exception(self) -> HarnessError:
        """The error to raise, with the host in its message where the message is free text."""
        if self.kind == "ImageError":
            return ImageError(*self.args)
        if self.kind == "TooLong":
            return TooLong(*self.args)
        if self.kind == "Unanswered":
            return Unanswered(*self.args)
        where = f"On host {self.host}: " if self.host else ""
        found: HarnessError = getattr(errors, self.kind, ModelError)(f"{where}{self.args[0]}")
        return found


@dataclass(frozen=True)
class Reply:
    """The result of a call: a value, and the error that ended it. Answers given before an error count.

    `set_aside`: why there will be no result, where the call lost one worker after the other. `host`: whose answers these are.
    """

    value: Any  # what the called method returns
    error: RemoteError | None = None
    answers: Sequence[tuple[int, Answer]] = field(default=())
    set_aside: str = ""
    host: str = ""

    def unwrap(self) -> Any:  # Any: what the called method returns
        """The value. Raises the error that stands in its place."""
        if self.error is not None:
            raise self.error.to_exception()
        if self.set_aside:
            raise ModelError(self.set_aside)
        return self.value


def remote_error(error: HarnessError, host: str) -> RemoteError:
    """An error as a value that pickles: classes with arguments of their own do not pickle as exceptions do."""
    if isinstance(error, ImageError):
        return RemoteError("ImageError", (error.path, error.why), host)
    if isinstance(error, TooLong):
        return RemoteError("TooLong", (str(error), error.asked), host)
    if isinstance(error, Unanswered):
        return RemoteError("Unanswered", (error.reasons,), host)
    return RemoteError(type(error).__name__, (str(error),), host)


def own_versions() -> dict[str, str]:
    """Versions of what can move an answer; of our own packages the one that answers."""
    return {**versions(), CODE: code_digest(("harness",))}
