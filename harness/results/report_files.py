"""Every report of a run, written from the store alone."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short

from harness.config.gate_policy import policy_of
from harness.core import registry
from harness.core.edge.foreign import refused_as
from harness.core.errors import ConfigError
from harness.core.files import write_text_whole
from harness.results.run_records import config_of, records_of
from harness.storage.run_store import Store
from reports.comparison.compare import compare
from reports.gate.junit import junit
from reports.values.comparison import Comparison

GATE = "gate.xml"
_OF_THE_RUN = ("run.yaml", "lock", "arms", "reward_models", GATE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Folder of a finished run, and what the terminal shows of it."""

    run_id: str
    folder: Path
    comparison: Comparison


def report(store: Store, run_id: str, folder: Path, baseline: str | None = None) -> Outcome:
    """Write every report of a run from the store alone; works for old and incomplete runs too."""
    config = config_of(store.run(run_id))
    policy = policy_of(config.gates) if config.gates is not None else None
    comparison = compare(records_of(store, run_id), published=config.published, baseline=baseline, policy=policy)
    write_reports(comparison, folder)
    return Outcome(run_id, folder, comparison)


def write_reports(comparison: Comparison, folder: Path) -> None:
    """Every format of one report, and its gate, where it has one, for CI."""
    faults = list[ConfigError]()
    for name, file in report_files().items():
        try:
            write_text_whole(folder / file, written(name, comparison))
        except ConfigError as error:
            faults.append(error)
    if comparison.gate is not None:
        write_text_whole(folder / GATE, junit(comparison.gate))
    if faults:
        raise ConfigError(f"{' '.join(map(str, faults))} All other reports are written.") from faults[0]


def written(name: str, comparison: Comparison) -> str:
    """The text of a report writer. Raises ConfigError where one of another distribution fails, or gives no text."""
    writer = registry.get("report", name)
    is_others = name in {place.name for place in registry.guests("report")}
    correct = "Correct the writer, or uninstall what it came with."
    with refused_as(ConfigError, f"The report writer {name!r} fails", correct) if is_others else nullcontext():
        text: object = writer(comparison)
    if not isinstance(text, str):
        raise ConfigError(f"The report writer {name!r} gives {short(text)}, which is not text. {correct}")
    return text


def report_files() -> dict[str, str]:
    """Report writer -> its file in a run's folder. Raises ConfigError for a name that is not a file's of its own there: two
    writers would write over each other, or over what the run needs."""
    files, taken = dict[str, str](), {name.casefold(): "the run" for name in _OF_THE_RUN}
    for name in registry.names("report"):
        file: object = getattr(registry.get("report", name), "file_name", None)
        if not isinstance(file, str) or not file.strip() or Path(file).name != file:
            raise ConfigError(
                f"The report writer {name!r} writes {short(file)}, which is not the name of a file in the run's folder. "
                'Mark it `@registry.report("NAME.txt")`.'
            )
        if (whose := taken.setdefault(file.casefold(), f"the writer {name!r}")) != f"the writer {name!r}":
            raise ConfigError(f"The report writer {name!r} writes {file}, which is a file of {whose}. Give it another name.")
        files[name] = file
    return files
