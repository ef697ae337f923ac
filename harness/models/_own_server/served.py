"""What a started server serves: a checkpoint's folder, known by content before the server starts and looked at again after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.digests import folder_state
from harness.core.errors import ModelError
from harness.core.run_record import Checkpoint
from harness.models._own_server.arguments import lora_arguments

_State = tuple[object, ...]


@dataclass(frozen=True)
class Served:
    """The folder of a model (`source`) with adapters on it, known by content, under a name.

    `path`: what the user named. `files`: the state of the files before the digest was read.
    """

    path: str
    source: str
    adapters: tuple[Path, ...]
    checkpoint: Checkpoint
    name: str
    files: _State


def served(path: str, serve: str, name: str | None) -> Served:
    """A folder of a model or of a LoRA adapter (vLLM), or a hub name in the local cache; `name`: the folder's where None.

    Raises ModelError for one that cannot be loaded or served.
    """
    from harness.models._checkpoint.loading import resolve  # imports torch, which other servers do without
    from harness.models._checkpoint.own_files import identity_of

    source, adapters = resolve(path)
    lora_arguments(serve, adapters)
    own = name or (adapters[-1] if adapters else Path(source)).resolve().name
    files = _state(source, adapters)
    identity = identity_of(path, source, adapters)
    if identity.faults:
        raise ModelError(" ".join(identity.faults))
    return Served(path, source, adapters, identity.checkpoint, own, files)


def require_same_files(what: Served, serve: str) -> None:
    """Once a server has read the files: raises ModelError where they are not those whose digest names the checkpoint.

    The content is read again only where a file has another size or time.
    """
    try:
        if _state(what.source, what.adapters) == what.files:
            return
        if served(what.path, serve, what.name).checkpoint.digest == what.checkpoint.digest:
            return
    except (ModelError, OSError):  # some are gone
        pass
    raise ModelError(
        f"The files of {what.path} changed before the {serve} server had started: it may hold the old ones, the new ones or "
        "some of both. The server was ended, and nothing was asked. Run the same command again once the files are whole."
    )


def _state(source: str, adapters: Sequence[Path]) -> _State:
    return tuple(folder_state(folder) for folder in (Path(source), *adapters))
