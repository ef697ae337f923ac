"""Pairs that are already there: a file of ours, or one in TRL's vision preference format; or rated answers (thumbs up or down).

Images are paths in the data folder (below `image_folder`, if given). Digests are filled in from the files; those that the file
has are compared, so that an image that was replaced since is not trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from alignment.data.image_names import check_limit, require_inside
from alignment.data.pairs import FAULTS_SHOWN, read_pairs, read_rated, read_trl
from alignment.data.stored_pairs import from_rows, would_train
from harness.core import registry
from harness.core.edge.text import count, shown
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data, Model
from harness.core.preference import PreferencePair, names_of

RATED = "rated"
_READ = {"own": read_pairs, "trl": read_trl, RATED: read_rated}


@registry.source
class Jsonl:
    """Reads a pair file of the data folder."""

    def __init__(
        self,
        file: str = "pairs.jsonl",  # pair file in the data folder
        form: str = "own",  # own (this harness's), trl, or rated (answers with a label each, for the aligner kto)
        image_folder: str = "",  # in front of every image's name
        limit: int | None = None,  # that many pairs, a uniform subsample by seed
    ) -> None:
        if form not in _READ:
            raise ConfigError(f"jsonl.form is {form!r}; choose one of {', '.join(_READ)}.")
        check_limit("jsonl", limit)
        self.options: dict[str, Any] = {"file": file, "form": form, "image_folder": image_folder, "limit": limit}
        self._form, self._file = form, file
        self._report: dict[str, Any] = {}

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs of the file in its order; with `limit`, a uniform subsample by seed."""
        pairs, self._report = from_rows(self._read(data), [], data, self.options, seed, self._form == RATED)
        yield from pairs

    def check(self, data: Data, seed: int) -> int:
        """How many pairs the file makes. Reads no image; raises DataError as `pairs` would."""
        return len(self.stored(data, seed)[0])

    def stored(self, data: Data, seed: int) -> tuple[list[PreferencePair], str]:
        """The pairs without digests of their images, none of which is read, and a line on what is left out."""
        return would_train(self._read(data), [], data, self.options, seed, self._form == RATED)

    def _read(self, data: Data) -> list[PreferencePair]:
        """Raises DataError for a file that is not of its form, and where images are outside of the data folder.

        Those with a digest may be: their content is compared, so that no other file of this machine is shown.
        """
        read = _READ[self._form](data.path(self._file))
        faults = list[str]()
        for pair in read:
            try:
                require_inside(image for image, digest in zip_longest(pair.images, names_of(pair.image_digest)) if not digest)
            except ValueError as fault:
                faults.append(f"\n  {shown(pair.id)}: {fault}")
        if faults:
            more = f"\n  and {len(faults) - FAULTS_SHOWN:,} more" if len(faults) > FAULTS_SHOWN else ""
            listed = "".join(faults[:FAULTS_SHOWN])
            raise DataError(f"{self._file}: {len(faults):,} of {count(len(read), 'pair')} cannot be used:{listed}{more}")
        return read

    def report(self) -> dict[str, Any]:
        return self._report
