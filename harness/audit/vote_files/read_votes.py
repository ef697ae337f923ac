"""The votes of a file, held against the labels of the stored runs: a filled-in sheet or Label Studio's export."""

from __future__ import annotations

from pathlib import Path

from harness.audit.label_studio import placed, votes_from
from harness.audit.review_sheet import Filled, votes_of
from harness.audit.vote_files.known_labels import KnownLabels
from harness.core.edge.files import read_text
from harness.core.errors import ConfigError
from harness.labels.votes import checked
from harness.storage.run_store import Store
from harness.storage.spreadsheets import read_bytes


def votes_in(store: Store, file: Path, reviewer: str, at: str) -> Filled:
    """All votes of the file, with a warning of those on labels that only older runs have.

    Raises DataError with what cannot be kept, ConfigError where nobody says whose votes they are, or two do.
    """
    known = KnownLabels(store)
    if file.suffix.lower() == ".json":
        if reviewer:
            raise ConfigError(
                f"--reviewer: {file} is read as an export of Label Studio, which names its reviewers. Leave it out."
            )
        filled = votes_from(read_text(file), str(file))
        ids = {name: known.ids(name) for name in {checked(vote).benchmark for vote in filled.votes}}
        filled = placed(filled, ids, known.place, str(file))
        return filled._replace(warning=known.older(filled.votes))
    if not reviewer:
        raise ConfigError("Whose votes are these? Give --reviewer NAME; only an export of Label Studio names its reviewers.")
    filled = votes_of(read_bytes(file), str(file), reviewer, at, known.place)
    return filled._replace(warning=known.older(filled.votes))
