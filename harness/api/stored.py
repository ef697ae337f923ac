"""Stored runs: `open_store("runs")["mini"].items()`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.changes import folder_of, text_of
from harness.api.results import Results
from harness.core.edge.text import shown
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean
from harness.core.run_record import RunRecord
from harness.results.run_records import config_of, records_of
from harness.results.run_state import state_of
from harness.storage.run_store import StoredRun, open_store

if TYPE_CHECKING:
    import pandas as pd

    from harness.config.schema import RunConfig
    from reports.values.comparison import Comparison

_PAIRS = ("arm", "id", "image", "image_digest", "prompt", "chosen", "rejected", "source", "meta")


class Run(Results):
    """A run of an output folder, finished or not. Records are read when they are first needed."""

    def __init__(self, output: Path, stored: StoredRun) -> None:
        super().__init__(self._stored_records, self._compared)
        self.output, self._stored = output, stored
        self.id, self.name, self.status = stored.id, stored.name, state_of(stored, output)

    @property
    def folder(self) -> Path:
        """Folder of the run's reports, pairs and checkpoints."""
        return self.output / self.id

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"

    @cached_property
    def config(self) -> RunConfig:
        """The study as it was asked."""
        return config_of(self._stored)

    def pairs(self, arm: str | None = None) -> pd.DataFrame:
        """Preference pairs, one row each, of one arm or of all; `rejected` is a list, as are `image` and `image_digest` of a
        pair about several images. Empty where no arm has any. Raises ConfigError for an arm that the run does not have."""
        import pandas as pd

        files = sorted(self.folder.glob("arms/*/pairs.jsonl"))
        chosen = [file for file in files if arm in (None, file.parent.name)]
        if arm is not None and not chosen:
            arms = [one.name for one in self.config.arms]
            if text_of(arm, "the arm") not in arms:
                known = f"Its arms: {', '.join(arms) or 'none'}."
                raise ConfigError(f"{self.id} has no arm {arm!r}.{did_you_mean(arm, arms)} {known}")
        frames = [pd.read_json(f, lines=True, dtype=False).assign(arm=f.parent.name) for f in chosen]
        found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        whole = found.reindex(columns=list(dict.fromkeys((*_PAIRS, *found.columns))))
        for key in ("image", "image_digest"):
            if f"{key}s" in whole:  # of pairs about several images
                whole[key] = whole[key].astype(object).where(whole[f"{key}s"].isna(), whole[f"{key}s"])
        return whole[list(_PAIRS)]

    def __reduce__(self) -> tuple[type[Run], tuple[Path, StoredRun]]:
        """In another process it is read from the store again."""
        return Run, (self.output.absolute(), self._stored)

    def _stored_records(self) -> list[RunRecord]:
        with open_store(self.output) as store:
            return records_of(store, self.id)

    def _compared(self) -> Comparison:
        from reports.comparison.compare import compare

        return compare(self.records, baseline=self.config.baseline)

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.status!r}, {str(self.folder)!r})"


def output_of(runs: Sequence[str | Run], output: str | Path | None) -> Path:
    """The folder of these runs: as given, else that of the first `Run`, else "runs"."""
    if output is not None:
        return folder_of(output, "output")
    return next((one.output for one in runs if isinstance(one, Run)), Path("runs"))


def ids_of(runs: Sequence[str | Run]) -> list[str]:
    """The runs as the store knows them. Raises ConfigError where none is given, and for what is not a run."""
    if not runs:
        raise ConfigError("Give at least one run: an id or a name, or what `harness.run` and `open_store(...)[name]` return.")
    wrong = [one for one in runs if not isinstance(one, str | Run)]
    if wrong:
        hint = " Write * before a list of them." if isinstance(wrong[0], list | tuple) else ""
        raise ConfigError(f"{shown(wrong[0])} is not a run. Give runs, or ids or names of runs, one after another.{hint}")
    return [one if isinstance(one, str) else one.id for one in runs]


class RunStore:
    """The runs of an output folder. The store is opened for each call, so nothing has to be closed."""

    def __init__(self, output: str | Path = "runs") -> None:
        """Raises StoreError where no run was started in `output`."""
        self.output = folder_of(output, "output")
        with open_store(self.output):
            pass

    def runs(self) -> pd.DataFrame:
        """One row for each run, oldest first: id, name, created_at, status, command, data_folder."""
        import pandas as pd

        columns = ["id", "name", "created_at", "status", "command", "data_folder"]
        with open_store(self.output) as store:
            found = [replace(run, status=state_of(run, self.output)) for run in store.runs()]
        return pd.DataFrame([[getattr(run, column) for column in columns] for run in found], columns=columns)

    def run(self, name: str) -> Run:
        """A run by id, by a unique prefix of its id, or by name (the newest). Raises StoreError with the nearest name."""
        named = text_of(name, "the run")
        with open_store(self.output) as store:
            return Run(self.output, store.run(named))

    __getitem__ = run

    def __iter__(self) -> Iterator[Run]:
        """The runs, oldest first."""
        return (self.run(id) for id in self.runs()["id"])

    def __len__(self) -> int:
        return len(self.runs())

    def __contains__(self, name: object) -> bool:
        """Whether there is a run of this id or name, or this `Run`."""
        runs = self.runs()
        return (name.id if isinstance(name, Run) else name) in {*runs["id"], *runs["name"]}

    def items(self) -> pd.DataFrame:
        """`Run.items` of every run below each other: one row for each checkpoint, benchmark and item."""
        import pandas as pd

        frames = [self.run(id).items() for id in self.runs()["id"]]
        kept = [frame for frame in frames if len(frame)]
        return pd.concat(kept, ignore_index=True) if kept else Results(lambda: ()).items()

    def __repr__(self) -> str:
        return f"RunStore({str(self.output)!r})"
