"""Images that an arm would be trained on and that a benchmark asks about, known before the training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from harness.core.edge.text import count
from harness.core.errors import HarnessError
from harness.core.plugins import Data
from harness.core.preference import names_of
from harness.run.checks.sources import Looked
from harness.run.sample_questions import Asked

_LETTERS = 12  # that names of copies end in alike: COCO_val2014_000000310196.jpg, 000000310196.jpg


def overlap_notes(looked: Mapping[str, Looked], asked: Sequence[Asked], data: Data) -> tuple[str, ...]:
    """A line for the arms whose images are in a benchmark too: the same file, or the same bytes under a name that ends
    alike. Copies under other names are found in the report alone, which compares the digests of all images."""
    files = _Files(data)
    in_benchmarks = {name: one.spec.title for one in asked for name in sorted(one.images)}
    known = dict(files.keyed(in_benchmarks))
    arms = dict[tuple[str, ...], list[str]]()
    for arm, held in looked.items():
        names = sorted({name for row in held.rows for name in names_of(row.image)})
        found = {in_file: known[key] for key, in_file in files.keyed(names) if key in known}
        shared = tuple(name for name, other in found.items() if files.same(name, other))
        if shared:
            arms.setdefault(shared, []).append(arm)
            in_benchmarks |= {name: in_benchmarks[found[name]] for name in shared}
    return tuple(
        f"{count(len(shared), 'image')} of the pairs of {', '.join(names)} {'is' if len(shared) == 1 else 'are'} in "
        f"{', '.join(dict.fromkeys(in_benchmarks[name] for name in shared))} too ({shared[0]}{', ...' * (len(shared) > 1)}): "
        "measured on what was trained on"
        for shared, names in arms.items()
    )


class _Files:
    """Images of the data folder. What cannot be looked up is known by its name alone."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def keyed(self, names: Iterable[str]) -> Iterator[tuple[tuple[str, int | None], str]]:
        """(what copies have in common, name)."""
        for name in names:
            size = self._size(name)
            yield (PurePosixPath(name).stem[-_LETTERS:] if size is not None else str(PurePosixPath(name)), size), name

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
