"""What must be known of a run's numbers before they are read, as sentences: who rated, by which rules, of which weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.config.schema import RunConfig
from harness.core.run_record import RunRecord
from harness.evaluation.protocol import SCORED_AGAIN, other_version
from harness.evaluation.scoring import Gone, measured_by
from harness.results.out_of_range import out_of_range
from harness.results.reward_reading import arm_notes
from harness.storage.run_store import StoredResult
from reports.text.formatting import title_of

_ANOTHER_VERSION = (
    "CHANGELOG.md lists what changed since; under another name (`name=...`) the study is measured by what is here."
)

_GONE = (
    "{title} cannot be made here, so that its answers and scores are shown without metrics: {why} Install what it came with, "
    "in the version that measured it, to have its metrics again."
)


def caveats(
    record: RunRecord, config: RunConfig, rows: Mapping[str, Sequence[StoredResult]], half_read: Sequence[str]
) -> tuple[str, ...]:
    """Of one record, each once. rows: label -> the results of its sweep; half_read: as `reward_reading.without_last_token`."""
    trained = [note for arm in config.arms if arm.name == record.name for note in arm_notes(arm, config.arms, half_read)]
    swept = {sweep.label: rows[sweep.label] for sweep in record.sweeps}
    mixed = [note for label, of in swept.items() for note in _of_several(label, of)]
    beyond = [note for sweep in record.sweeps for result in sweep.results for note in out_of_range(sweep.label, result)]
    return tuple(dict.fromkeys((*trained, *mixed, *beyond, *version_notes([row for of in swept.values() for row in of]))))


def version_notes(results: Sequence[StoredResult]) -> tuple[str, ...]:
    """What is said of results that other versions of their benchmarks measured: the rules of today may give other numbers.
    Where an audit has scored their answers by these, that."""
    known = [(title_of(one.benchmark), one.protocol.facts, measured_by(one.options)) for one in results]
    lines = [other_version(title, facts, of) for title, facts, of in known if not isinstance(of, Gone)]
    gone = [_GONE.format(title=title, why=of.why) for title, _, of in known if isinstance(of, Gone)]
    again = [f"{title} was scored again {facts[SCORED_AGAIN]}." for title, facts, _ in known if SCORED_AGAIN in facts]
    told = " ".join(dict.fromkeys(filter(None, lines)))
    return (*((f"{told} {_ANOTHER_VERSION}",) if told else ()), *dict.fromkeys(again), *dict.fromkeys(gone))


def _of_several(label: str, rows: Sequence[StoredResult]) -> tuple[str, ...]:
    """What is said of a column whose checkpoint was overwritten during its sweep, which older versions did not notice."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.checkpoint.digest[:12], []).append(row.benchmark)
    if len(found) < 2:
        return ()
    listed = "; ".join(f"{digest} ({', '.join(names)})" for digest, names in found.items())
    return (
        f"The column {label} holds answers of {len(found)} checkpoints, as files were overwritten during the sweep: {listed}. "
        "Its numbers are not of one model.",
    )
