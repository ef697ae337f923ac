"""Images that an arm would be trained on and that a benchmark asks about, known before the training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from harness.core.edge.text import count
from harness.core.errors import HarnessError
from harness.core.plugins import Data
from harness.core.preference import names_of
from harness.run.checks.sources import Looked
from harness.run.sample_questions import Asked

_LETTERS = 12  # of a name that ends in no number
_NUMBER = re.compile(r"([1-9][0-9]*|0)$")


def overlap_notes(looked: Mapping[str, Looked], asked: Sequence[Asked], data: Data) -> tuple[str, ...]:
    """A line for the arms whose images are in a benchmark too: the same file, or the same bytes under a name that ends in the
    same number (COCO_val2014_000000310196.jpg, 310196.jpg) or, without one, in the same 12 letters.

    Names and sizes choose which files are compared, since the digests of all training images would take minutes; bytes decide.
    So nothing is named that is no copy; copies under other names are found in the report alone, which has all digests.
    """
    files = _Files(data)
    titles, alike = dict[str, list[str]](), dict[tuple[str, int | None], list[str]]()
    for one in asked:
        for name in one.images:
            titles.setdefault(name, []).append(one.spec.title)
    for key, name in files.keyed(sorted(titles)):
        alike.setdefault(key, []).append(name)
    arms, copied = dict[tuple[str, ...], list[str]](), dict[str, list[str]]()
    for arm, held in looked.items():
        names = sorted({name for row in held.rows for name in names_of(row.image)})
        for key, name in files.keyed(name for name in names if name not in copied):
            copied[name] = [other for other in alike.get(key, ()) if files.same(name, other)]
        if shared := tuple(name for name in names if copied[name]):
            arms.setdefault(shared, []).append(arm)
    notes = []
    for shared, labels in arms.items():
        where = ", ".join(dict.fromkeys(title for name in shared for other in copied[name] for title in titles[other]))
        notes.append(
            f"{count(len(shared), 'image')} of the pairs of {', '.join(labels)} {'is' if len(shared) == 1 else 'are'} in "
            f"{where} too ({shared[0]}{', ...' * (len(shared) > 1)}): measured on what was trained on"
        )
    return tuple(notes)


class _Files:
    """Images of the data folder. What cannot be looked up is known by its name alone."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def keyed(self, names: Iterable[str]) -> Iterator[tuple[tuple[str, int | None], str]]:
        """(what copies have in common, name)."""
        for name in names:
            size, stem = self._size(name), PurePosixPath(name).stem
            number = _NUMBER.search(stem)
            yield (str(PurePosixPath(name)) if size is None else number[1] if number else stem[-_LETTERS:], size), name

    def same(self, one: str, other: str) -> bool:
        try:
            return PurePosixPath(one) == PurePosixPath(other) or self._data.digest(one) == self._data.digest(other)
        except (HarnessError, OSError):
            return False

    def _size(self, name: str) -> int | None:
        try:
            return Path(self._data.path(name)).stat().st_size
        except (HarnessError, OSError):
            return None
