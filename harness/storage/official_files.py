"""Official data files: what is there, what may be downloaded, and where a person has to put the rest.

The network access itself is in `harness/storage/data_folder.py`. A file that is there is never touched, only checked.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core import registry
from harness.core.capabilities import HasOfficialFiles, OfficialFile
from harness.core.digests import file_digest
from harness.core.edge.files import is_file, is_folder
from harness.core.edge.text import count
from harness.core.errors import ConfigError, DataError, UnknownPlugin
from harness.core.nearest import did_you_mean
from harness.storage.data_folder import download, unpack

PRESENT, FETCHED, MISSING, WRONG = "present", "fetched", "missing", "wrong"


@dataclass(frozen=True, slots=True)
class Fetched:
    """State of one official file; `note`: what the user has to do, "" for nothing."""

    benchmark: str
    file: OfficialFile
    state: str
    note: str = ""


class Fetcher:
    """Brings official files into a data folder.

    Archives of images are gigabytes: they are downloaded with `images` only. With `offline` nothing is.
    """

    def __init__(self, folder: Path, *, images: bool, offline: bool, say: Callable[[str], None]) -> None:
        if folder.is_file():
            raise ConfigError(f"{folder} is a file, not a data folder. Give a folder with --data.")
        self.folder, self.images, self.offline, self.say = folder, images, offline, say
        self._store = folder / ".downloads"  # archives, until their last member is unpacked

    def fetch(self, names: Sequence[str]) -> list[Fetched]:
        """The files of the benchmarks and preference sources named, of all where none is.

        Raises UnknownPlugin for a name that does not exist.
        """
        wanted: dict[str, tuple[str, OfficialFile]] = {}  # several benchmarks read the same COCO files
        benchmarks = registry.names("benchmark")
        sources = [name for name in registry.names("source") if name not in benchmarks]
        if strange := [name for name in names if name not in (*benchmarks, *sources)]:
            near = did_you_mean(strange[0], [*benchmarks, *sources])
            raise UnknownPlugin(
                f"There is no benchmark or source named {strange[0]!r}.{near} `python -m harness list` has all."
            )
        for name in names or (*benchmarks, *sources):
            plugin = registry.get("source" if name in sources else "benchmark", name)
            files: Sequence[OfficialFile] = plugin.files if isinstance(plugin, HasOfficialFiles) else ()
            if name in names and not files:
                self.say(
                    f"{name} has no official files; it reads those that its options name (`python -m harness list {name}`)."
                )
            for file in files:
                wanted.setdefault(file.name, (name, file))
        found = [Fetched(name, file, *self._one(file)) for name, file in wanted.values()]
        shutil.rmtree(self._store, ignore_errors=True)
        return found

    def _one(self, file: OfficialFile) -> tuple[str, str]:
        place = self.folder / file.name
        if is_file(place) or _holds(place):
            return self._check(file, place)
        manual = f"{file.how}{f', from {file.url}' if file.url else ''}; it belongs at {place}"
        if not file.url or self.offline:
            return MISSING, manual
        if file.member.endswith("/") and not self.images:
            return MISSING, f"Gigabytes of images: fetch them with --images, or manually: {manual}"
        self.say(f"fetching {file.url}")
        try:
            self._bring(file, place)
        except DataError as error:
            return MISSING, f"{error} Manual download: {manual}"
        state, note = self._check(file, place)
        return (FETCHED if state == PRESENT else state), note

    def _bring(self, file: OfficialFile, place: Path) -> None:
        got = download(file.url, self._store)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.member:
            unpack(got, file.member, place)
        else:
            got.rename(place)

    def _check(self, file: OfficialFile, place: Path) -> tuple[str, str]:
        """Against the known sha256, if there is one."""
        if place.is_dir():
            return PRESENT, count(_holds(place), "file")
        if not file.sha256:
            return PRESENT, ""
        made = file_digest(place)
        if made == file.sha256:
            return PRESENT, ""
        return WRONG, f"its sha256 is {made}, the official file's {file.sha256}. Move it away and fetch it again."


def _holds(folder: Path) -> int:
    """Number of files and folders in a folder: one without any was made and not filled."""
    return sum(1 for _ in folder.iterdir()) if is_folder(folder) else 0
