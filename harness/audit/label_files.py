"""Published label files <-> revisions, by the benchmark whose file format they have."""

from __future__ import annotations

from collections.abc import Mapping

from harness.config.schema import BenchmarkConfig
from harness.core.edge.files import parse_json
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import LabelEdit
from harness.core.plugins import Data
from harness.evaluation.scoring import unjudged
from harness.labels.claims import Auditable, LabelFiles
from harness.storage.label_edits import Conflict, apply
from harness.storage.label_revisions import Revision


def is_revision(text: str) -> bool:
    """Whether a file is a revision already: its first line shows it, a damaged one by the words that it has."""
    first = text.lstrip("\ufeff \r\n").split("\n", 1)[0]
    try:
        header = parse_json(first, "it")
    except DataError:
        return '"revision"' in first
    return isinstance(header, dict) and "revision" in header


def import_labels(name: str, benchmark: str, texts: Mapping[str, str], data: Data, source: str, at: str) -> Revision:
    """The files' labels as edits of the official ones. Raises DataError where they do not fit."""
    template = LabelEdit(benchmark, "", "", "", "", source, "", at)
    return Revision(name, source, tuple(_files_of(benchmark).import_labels(data, texts, template)))


def export_labels(revision: Revision, benchmark: str, data: Data) -> tuple[dict[str, str], tuple[Conflict, ...]]:
    """File name -> text in the official form, and the edits that do not fit the official files.

    Raises ConfigError for a revision of other benchmarks' labels, whose files would be the official ones under its name.
    """
    plugin = _files_of(benchmark)
    if not revision.of(benchmark):
        named = ", ".join(dict.fromkeys(edit.benchmark for edit in revision.edits)) or "none"
        raise ConfigError(f"The revision {revision.name} holds no label of {benchmark}. Its benchmarks: {named}.")
    if not isinstance(plugin, Auditable):
        return plugin.export_labels(data, revision.of(benchmark), revision.name), ()
    applied = apply(plugin, plugin.load(data), revision.of(benchmark))
    return plugin.export_labels(data, applied.held, revision.name), applied.conflicts


def _files_of(benchmark: str) -> LabelFiles:
    plugin = unjudged(BenchmarkConfig.model_validate({"name": benchmark}))
    if not isinstance(plugin, LabelFiles):
        raise ConfigError(f"{benchmark} has no label file format of its own. Share its revisions as they are (labels/*.jsonl).")
    return plugin
