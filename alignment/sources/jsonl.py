"""Pairs that are already there: a file of ours, or one in TRL's vision preference format; or rated answers (thumbs up or down).

Images are paths in the data folder (below `image_folder`, if given); digests are filled in from the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alignment.data.image_names import check_limit
from alignment.data.pairs import read_pairs, read_rated, read_trl
from alignment.data.stored_pairs import from_rows, would_train
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.plugins import Data, Model
from harness.core.preference import PreferencePair

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
        return _READ[self._form](data.path(self._file))

    def report(self) -> dict[str, Any]:
        return self._report
