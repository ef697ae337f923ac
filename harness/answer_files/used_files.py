"""Which files answers came from, by name and sha256: the checkpoint of a run that has no model."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.answer_files.rows import files_of
from harness.core.digests import file_digest, value_digest
from harness.core.errors import DataError


@dataclass(frozen=True, slots=True)
class UsedFiles:
    """Name -> sha256, in the order in which the files are read; `column`: that of the answers, where one is named.

    A name is the end of the path, as long as it takes to tell it from the other files of its role.
    """

    answers: Mapping[str, str]
    reviews: Mapping[str, str]
    column: str

    @classmethod
    def of(cls, answers: Sequence[Path], reviews: Sequence[Path], column: str) -> UsedFiles:
        """Raises DataError for a file that is given twice."""
        return cls(_digests(answers), _digests(reviews), column)

    @property
    def digest(self) -> str:
        """Identity of the answers: the same under whatever reviews, but of reviews without their answers."""
        return value_digest([list(self.answers.items()), [] if self.answers else list(self.reviews.items()), self.column])

    @property
    def verdicts(self) -> str:
        """Identity of the verdicts that can be read from these files."""
        return value_digest([list(self.answers.items()), list(self.reviews.items()), self.column])

    @property
    def names(self) -> list[str]:
        return [*self.answers, *self.reviews]

    def settings(self) -> dict[str, Any]:
        """The files as part of a run's configuration."""
        return {"files": dict(self.answers), "reviews": dict(self.reviews), "column": self.column}

    def fact(self) -> str:
        """The files as a fact of a protocol."""
        parts = [f"{name} sha256 {digest[:16]}" for name, digest in self.answers.items()]
        parts += [f"column {self.column}"] if self.column else []
        parts += [f"review {name} sha256 {digest[:16]}" for name, digest in self.reviews.items()]
        return ", ".join(parts)


def _digests(given: Sequence[Path]) -> dict[str, str]:
    files = [Path(os.path.abspath(file)) for path in given for file in files_of(path)]
    if twice := [file for file, times in Counter(file.resolve() for file in files).items() if times > 1]:
        raise DataError(f"{twice[0]} is given twice. Name each file, or its folder, once.")
    return {_name(file, files): file_digest(file) for file in files}


def _name(file: Path, files: Sequence[Path]) -> str:
    """The last parts of a path, as many as no other file ends with."""
    for n in range(1, len(file.parts) + 1):
        if sum(other.parts[-n:] == file.parts[-n:] for other in files) == 1:
            return Path(*file.parts[-n:]).as_posix()
    return file.as_posix()
