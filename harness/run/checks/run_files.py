"""Files of a run's folder that the store knows by content: still those that were made?"""

from __future__ import annotations

from pathlib import Path

from alignment.data.pairs import read_pairs
from harness.config.schema import RunConfig
from harness.core.digests import file_digest
from harness.core.errors import DataError
from harness.storage.artifacts import Pairs
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store


def require_own_files(config: RunConfig, folder: Path, store: Store) -> None:
    """Raise DataError where an arm would be trained on other pairs than those that were made for it.

    folder: the run's, which has its id as name.
    """
    for arm in (*config.reward_models, *config.arms):
        place = folder / config.place_of(arm)
        if (place / "pairs.jsonl").is_file() and not (place / "alignment.json").is_file():
            require_own_pairs(store, folder.name, arm.name, place / "pairs.jsonl")


def require_own_pairs(store: Store, run: str, arm: str, path: Path) -> None:
    """Raise DataError where a file of pairs is not the one whose pairs the store, and so the report, describes."""
    record = store.get(Pairs, run, arm)
    if record is None or not path.is_file():  # the store was lost; whoever reads the file says that it is gone
        return
    made = record.report.get("accepted") if "options" in record.report else None  # a guest's words may mean something else
    if record.file and file_digest(path) != record.file:
        what = "was changed after it was made"
    elif not record.file and isinstance(made, int) and made != (there := len(read_pairs(path))):
        what = f"has {there:,} pairs, and {made:,} were made"
    else:
        return
    begun = arm in dict(ResultQueries(store).columns(run))
    again = "" if begun else f", or remove {path.parent} to make its pairs again; nothing was measured with them"
    raise DataError(f"arm {arm}: {path} {what}, so that the report would describe other pairs. Put that file back{again}.")
