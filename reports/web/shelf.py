"""Images of the data folder, served by id: no path of a request ever reaches the file system.

Every part of a path is opened without following symbolic links, beneath the data folder's own handle, so neither "..",
nor a link, nor one that is swapped in between checking and reading, leads outside.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock

from harness.core.digests import text_digest
from harness.core.errors import ImageError

LARGEST_IMAGE = 64 << 20  # bytes
_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif", b"BM": "image/bmp"}


class ImageUnavailable(Exception):
    """The image cannot be shown; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image's bytes and its media type."""

    content: bytes
    kind: str


class Shelf:
    """Images by id. `folder` is the data folder of those that are put in without one."""

    def __init__(self, images: Iterable[str] = (), folder: Path = Path()) -> None:
        self._folder = folder
        self._places: dict[str, tuple[Path, str]] = {}
        self._sizes: dict[str, tuple[int, int] | None] = {}
        self._lock = Lock()
        self.add(images, folder)

    def add(self, images: Iterable[str], folder: Path) -> None:
        self._places.update({self.id(image, folder): (folder, image) for image in images if image})

    def id(self, image: str, folder: Path | None = None) -> str:
        """Id of an image in a page; it does not reveal the file's name."""
        place = f"{self._folder if folder is None else folder}\0{image}"
        return text_digest(place)[:20]

    def read(self, id: str) -> Shown:
        """Raises ImageUnavailable for an unknown id, a file that is gone, a link, or a file that is not an image."""
        if id not in self._places:
            raise ImageUnavailable("There is no image of that id.")
        folder, image = self._places[id]
        content = read_beneath(folder, image)
        return Shown(content, _kind(content))

    def size(self, image: str, folder: Path | None = None) -> tuple[int, int] | None:
        """(width, height) in pixels, None where the image cannot be read; its boxes are drawn on that grid."""
        id = self.id(image, folder)
        with self._lock:
            if id not in self._sizes:
                self._sizes[id] = self._measured(id)
            return self._sizes[id]

    def _measured(self, id: str) -> tuple[int, int] | None:
        from harness.core.edge.images import opened

        try:
            with opened(self.read(id).content) as image:
                return image.size
        except (ImageUnavailable, ImageError):
            return None


def read_beneath(folder: Path, image: str) -> bytes:
    """The bytes of a file beneath `folder`. Raises ImageUnavailable where its name leads outside or over a symbolic link."""
    parts = PurePosixPath(image).parts
    if not parts or image.startswith("/") or ".." in parts or "\0" in image:
        raise ImageUnavailable("Its name leads outside the data folder.")
    try:
        return _opened(folder, parts)
    except OSError as error:
        reason = "it is a symbolic link, or inside one" if _crosses_link(folder, parts) else os.strerror(error.errno or 0)
        raise ImageUnavailable(f"The image cannot be shown: {reason}.") from error


def _opened(folder: Path, parts: tuple[str, ...]) -> bytes:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # the folder itself is the user's choice and may be a link
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = below
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
    finally:
        os.close(handle)
    with os.fdopen(file, "rb") as opened:
        content = opened.read(LARGEST_IMAGE + 1)
    if len(content) > LARGEST_IMAGE:
        raise ImageUnavailable(f"The image has more than {LARGEST_IMAGE >> 20} MiB.")
    return content


def _crosses_link(folder: Path, parts: tuple[str, ...]) -> bool:
    places = [folder.joinpath(*parts[: i + 1]) for i in range(len(parts))]
    return any(place.is_symlink() for place in places)


def _kind(content: bytes) -> str:
    """By its first bytes, never by its name: an SVG or HTML file called a.png would run in the browser."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for start, kind in _KINDS.items():
        if content.startswith(start):
            return kind
    raise ImageUnavailable("The file is not a JPEG, PNG, GIF, WebP or BMP image.")
