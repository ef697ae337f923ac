"""Thumbnails as data URIs, so that a report is one file. An image that is gone or broken is an empty string."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import ImageError

_SIZE = (224, 224)
_QUALITY = 72


class Thumbnails:
    """At most `most` different images; each is read once, and more are left out (`left_out` counts them)."""

    def __init__(self, folders: Sequence[Path], most: int = 120) -> None:
        self._folders = folders
        self._most = most
        self._made: dict[str, str] = {}
        self.left_out = 0

    def get(self, image: str) -> str:
        """'data:image/jpeg;base64,...' or ''."""
        if image not in self._made:
            if sum(1 for made in self._made.values() if made) >= self._most:
                self.left_out += 1
                return ""
            self._made[image] = self._make(image)
        return self._made[image]

    def _make(self, image: str) -> str:
        for folder in self._folders:
            path = folder / image
            if image and _is_inside(path, folder) and path.is_file():
                return _thumbnail(path)
        return ""


def _is_inside(path: Path, folder: Path) -> bool:
    """An item of a third-party benchmark must not name a file outside the data folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # ValueError: a null character in the name
        return False


def _thumbnail(path: Path) -> str:
    from harness.core.edge.images import as_seen, opened

    try:
        with opened(path) as image:
            image.draft("RGB", _SIZE)
            small = as_seen(image)
            small.thumbnail(_SIZE)
    except ImageError:
        return ""  # broken images are named where they are used; a report never fails for one
    data = io.BytesIO()
    small.save(data, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
