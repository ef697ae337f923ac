"""Checks that workers on several hosts give the same answers: versions, weights, files. The host that differs is named."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from harness.core.capabilities import OK, WRONG, Finding
from harness.core.digests import file_digest, value_digest
from harness.core.edge.files import IMAGE_SUFFIXES
from harness.core.edge.text import count
from harness.core.errors import DataError, ModelError
from harness.fleet.messages import LoadedCheckpoint, WorkerInfo

THIS_COMMAND = "this command"
# What Python says where one side has a class or a module of ours that the other one lacks.
_OTHER_CODE = re.compile(r"Can't get attribute .* '?harness|No module named 'harness\.")


def check_versions(worker: WorkerInfo, own: Mapping[str, str]) -> None:
    """Raises ModelError where a host has other versions than the driver."""
    wrong = {k: (v, own.get(k)) for k, v in worker.versions.items() if v != own.get(k)}
    if wrong:
        what = "; ".join(f"{name} {theirs}, here {ours}" for name, (theirs, ours) in wrong.items())
        raise ModelError(f"Host {worker.host} has other versions than this one: {what}. Install the same ones on all hosts.")


def check_same_code(host: str, why: str) -> None:
    """Raises ModelError where a worker was lost while starting since its host has another version of this package.

    `check_versions` cannot tell this: what such a worker says of itself may not unpickle here.
    """
    if _OTHER_CODE.search(why):
        raise ModelError(f"A worker on {host} has another version of this package ({why}). Install the same one on all hosts.")


def check_loaded(worker: str, loaded: LoadedCheckpoint, first: LoadedCheckpoint) -> None:
    """Raises ModelError where a worker has other weights or other facts than the first one."""
    if loaded.checkpoint.digest != first.checkpoint.digest:
        raise ModelError(
            f"Host {worker} has other weights under the same path than the first worker: digest "
            f"{loaded.checkpoint.digest[:12]}, not {first.checkpoint.digest[:12]}. Give all hosts the same files."
        )
    if other := {k: (v, first.facts.get(k)) for k, v in loaded.facts.items() if v != first.facts.get(k)}:
        what = "; ".join(f"{name}: {own!r}, not {theirs!r}" for name, (own, theirs) in other.items())
        raise ModelError(f"Host {worker} would answer under other conditions than the first worker: {what}.")


def folder_digest(folder: Path) -> str:
    """Of names and sizes of all files, and the content of those that are no images. Raises DataError without a folder."""
    if not folder.is_dir():
        raise DataError(f"There is no data folder {folder}. Put it on storage that all hosts see under the same path.")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
    read = {path: file_digest(path) if path.suffix.lower() not in IMAGE_SUFFIXES else "" for path in files}
    return value_digest([[path.relative_to(folder).as_posix(), path.stat().st_size, read[path]] for path in files])


def free_memory() -> int:
    """Bytes of this host's memory that are free."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def agreement(what: str, values: Mapping[str, str]) -> Finding:
    """A finding on a value that all hosts should have alike; who differs from most is named, with its value.

    `THIS_COMMAND` may be among them.
    """
    usual, _ = Counter(values.values()).most_common(1)[0]
    others = {host: value for host, value in values.items() if value != usual}
    if not others:
        own = f" and in {THIS_COMMAND}" if THIS_COMMAND in values else ""
        return Finding(what, OK, f"the same on {count(len(values) - bool(own), 'host')}{own}: {usual[:200]}")
    words = "; ".join(f"{host}: {value[:200]}" for host, value in others.items())
    return Finding(what, WRONG, f"{words} (on the others: {usual[:200]})")
