"""Answers from another tool's log as a run: scored by our benchmark, without asking the model again.

Its protocol says so: prompt, decoding and weights are the other tool's, so that reports mark it as another protocol and gates
never decide on it. Items that the log lacks are missing, with that reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from harness.config.schema import RunConfig, parse
from harness.core.digests import file_digest, value_digest
from harness.core.edge.versions import versions
from harness.core.errors import DataError
from harness.core.evaluation import Answer
from harness.core.files import write_text_whole
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.evaluation.scoring import build, judge_of, score_all
from harness.evaluation.sweep import items_of
from harness.run.data import open_data
from harness.run.sample_logs import LoggedAnswer, SampleLog, matched, read_sample_log
from harness.storage.artifacts import MissingItems
from harness.storage.run_folder import locked
from harness.storage.run_store import Store, StoredResult, StoredRun

LACKING = "not in the imported log"


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a log. `other_prompts`: rows whose prompt is not this benchmark's; `unmatched`: rows that fit no item."""

    run_id: str
    tool: str
    items: int
    answered: int
    unmatched: int
    other_prompts: int


def import_run(
    file: Path, benchmark: str, *, name: str = "", data: str = "miniworld", output: Path = Path("runs"),
    command: str = "", changes: Sequence[str] = (),
) -> Imported:  # fmt: skip
    """Store a log's answers as a run of one checkpoint. The same file imported again is the same run.

    Args:
        file: lmms-eval's samples (JSON lines) or VLMEvalKit's results (CSV, TSV, JSON).
        benchmark: the benchmark that scores them. changes: its options, as `sweep.pope.splits=[adversarial]`.
        name: of the run; the file's where empty.
    Raises DataError where no row fits an item of the benchmark, or the file is not such a log.
    """
    log = read_sample_log(file)
    tree = {"name": _name(name or file.stem), "data": data, "model": {"name": "scripted"}, "sweep": [{"name": benchmark}]}
    config = parse({**tree, "output": str(output)}, "the import", changes)
    spec = config.sweep[0]
    folder = open_data(data, output)
    with Store(output / "store.sqlite") as store:
        made = build(spec, judge_of(spec, store, folder))
        items = items_of(spec, made, folder)
        rows, lost = matched(items, log.rows)
        if not rows:
            raise DataError(
                f"None of the {len(log.rows):,} rows of {file} fits an item of {benchmark} in {folder.folder}: no row has the "
                f"question and the image of one. The benchmark's first question is {items[0].question!r} ({items[0].image})."
            )
        digest = file_digest(file)
        answers = {item: Answer(item, row.answer, -1, "end") for item, row in rows.items()}
        keys = {item: value_digest(["imported", digest, item]) for item in answers}
        prompts = {item.id: made.prompt(item) for item in items}
        other = sum(bool(row.prompt) and _plain(row.prompt) != _plain(prompts[item]) for item, row in rows.items())
        run = _stored_run(config, digest, command, folder.folder)
        checkpoint = Checkpoint(file.stem, log.tool, "", digest)
        facts = made.facts() | _facts(log, file, rows, other, spec.name, str(made.version), len(items))
        with locked(output / run.id):
            write_text_whole(output / run.id / "run.yaml", config.as_yaml())
            store.begin(run)
            store.add_answers(digest, {keys[item]: answer for item, answer in answers.items()})
            store.put(run.id, MissingItems({i.id: LACKING for i in items if i.id not in answers}), "base", spec.title)
            scores = score_all(made, items, answers)
            kept = tuple(keys.get(item.id) for item in items)
            options = spec.model_dump(exclude_none=True)
            result = StoredResult("base", spec.title, checkpoint, options, ProtocolRecord(facts), items, kept, scores)
            store.add_result(run.id, 0, result)
            store.set_status(run.id, store.how_complete(run.id))
    return Imported(run.id, log.tool, len(items), len(answers), lost, other)


def _stored_run(config: RunConfig, digest: str, command: str, data: Path) -> StoredRun:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    run_id = f"{config.name}-{value_digest([config.digest, digest])[:8]}"
    return StoredRun(run_id, config.name, now, "running", config.as_yaml(), command, versions(), str(data.resolve()))


def _facts(
    log: SampleLog, file: Path, rows: dict[str, LoggedAnswer], other: int, benchmark: str, version: str, n_items: int
) -> dict[str, str]:
    first = next((row.prompt for row in rows.values() if row.prompt), "")
    return {
        "benchmark": benchmark,
        "benchmark version": version,
        "items": str(n_items),
        "answers": f"imported from {log.tool}, {file.name}",
        "prompt (first item)": first or f"unknown: {log.tool}'s",
        "prompts that are not this benchmark's": str(other) if first else "unknown",
        "decoding": f"unknown: {log.tool}'s",
        "token limit": f"unknown: {log.tool}'s",
    }


def _plain(prompt: str) -> str:
    return " ".join(prompt.replace("<image>", " ").split())


def _name(text: str) -> str:
    kept = "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in text).strip("-._")
    return kept[:60] or "imported"
