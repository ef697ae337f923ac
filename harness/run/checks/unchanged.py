"""Does a run that is done, or half done, still measure the same? Its id holds the study and the base, not the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath

from harness.config.schema import Arm, BenchmarkConfig, RunConfig
from harness.core import registry
from harness.core.capabilities import ChecksItsFiles
from harness.core.digests import digest_if_readable, parts_digest
from harness.core.edge.files import IMAGE_SUFFIXES
from harness.core.errors import DataError, HarnessError
from harness.core.evaluation import Item
from harness.core.judging import NoJudge
from harness.core.plugins import Benchmark, Data, Judge
from harness.core.run_record import IMAGES, STOPPED
from harness.evaluation.asked_items import items_of, requests_of
from harness.evaluation.protocol import image_digest, item_digest, other_version
from harness.evaluation.scoring import build
from harness.results.run_state import MADE_AGAIN, show_command
from harness.run.checks.earlier_forms import run_of
from harness.run.checks.judges import JudgesNow, another_judge
from harness.run.checks.plugin_files import changed_plugins, changed_rules
from harness.run.checks.sources import indented, look_at
from harness.storage.artifacts import MissingItems, Pairs
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store, open_store

_TEXTS = ("text", "prompt", "context", "chosen", "rejected")  # of a prompt or a pair


def require_unchanged(config: RunConfig, folder: Path, data: Data, store: Store, say: Callable[[str], None]) -> None:
    """Raise DataError where benchmarks, their judges, rows of sources or files of foreign plug-ins are others than those
    that a run has results or pairs of.

    folder: the run's, which has its id as name.
    Says where they cannot be compared, as their files are gone: a finished run stays readable without them.
    """
    run, protocols = folder.name, ResultQueries(store).protocols(folder.name)
    measured = dict[str, Mapping[str, str]]()  # of the base, where it has one
    for label, benchmark, protocol in reversed(protocols):
        missing = store.get(MissingItems, run, label, benchmark) or MissingItems()
        # Items without an answer are asked again, perhaps because their images were mended.
        measured[benchmark] = {k: v for k, v in protocol.facts.items() if k != IMAGES or not missing.reasons}
    swept = {label for label, _, _ in protocols}
    has_judges = any(spec.judge is not None for spec in config.sweep)
    judges = JudgesNow(data, folders=has_judges and _is_left(config, store, run))
    changed = [*_benchmarks(config, measured, judges, data, say), *_sources(config, folder, swept, data, store, say)]
    changed += changed_plugins(config, folder, store)
    for line in changed_rules(config, folder, store):
        say(line)
    if changed:
        again = f" {MADE_AGAIN}" if config.arms else ""
        raise DataError(
            f"The run {run} has results that were made before something changed:{indented(changed)}\n"
            f"They are kept as they are; `{show_command(folder)}` shows them. To measure what is there now, give the "
            f"run another name (`name=...`; for a sweep another `--output`).{again}"
        )


def require_as_begun(config: RunConfig, base: str, data: Data, say: Callable[[str], None]) -> None:
    """The same for a dry run, of the run that the study has begun, if it has. `base`: digest of the base checkpoint.

    Raises DataError, where `run` would, too, for a run that an earlier version has begun in another way.
    """
    output = Path(config.output).expanduser()
    config, run = run_of(config, base, output, say)
    is_sketched = config.data == "miniworld" and data.folder != output / config.data
    if (output / run / "run.yaml").is_file() and (output / "store.sqlite").is_file() and not is_sketched:
        with open_store(output) as store:
            require_unchanged(config, output / run, data, store, say)


def _is_left(config: RunConfig, store: Store, run: str) -> bool:
    """Whether something is still to be swept."""
    whole = {(result.label, result.benchmark) for result in store.results(run) if result.is_whole}
    labels = ["base", *(arm.name for arm in config.arms)]
    return any((label, spec.title) not in whole for label in labels for spec in config.sweep)


def _benchmarks(
    config: RunConfig,
    measured: Mapping[str, Mapping[str, str]],
    judges: JudgesNow,
    data: Data,
    say: Callable[[str], None],
) -> Iterator[str]:
    for spec in config.sweep:
        facts = measured.get(spec.title, {})
        if not facts or STOPPED in facts:  # a part of the items alone
            continue
        try:
            benchmark = build(spec, _judge(spec, judges, say))
            items = items_of(spec, benchmark, data)
        except HarnessError as error:
            say(f"{spec.title} cannot be compared with what was measured: {error}")
            continue
        if version := other_version(spec.title, facts, benchmark):
            yield version
        elif facts["item digest"] != item_digest(items):
            yield f"{spec.title}: other questions, images or labels in {data.folder} than those that were measured."
        elif IMAGES in facts and _images(spec.title, benchmark, items, data, say) not in ("", facts[IMAGES]):
            yield f"{spec.title}: files of images in {data.folder} have another content than those that were measured."
        elif (other := another_judge(benchmark, facts)) is not None:
            yield f"{spec.title} was judged by {other[0]}; the judge is now {other[1]}."


def _judge(spec: BenchmarkConfig, judges: JudgesNow, say: Callable[[str], None]) -> Judge:
    try:
        return judges.stand_in(spec.judge)
    except HarnessError as error:
        say(f"the judge of {spec.title} cannot be compared with the one whose verdicts are stored: {error}")
        return NoJudge()


def _images(title: str, benchmark: Benchmark, items: Sequence[Item], data: Data, say: Callable[[str], None]) -> str:
    """Digest of the images' bytes; "" where some are gone."""
    try:
        return image_digest(requests_of(title, benchmark, items, data), digest_if_readable)
    except DataError as error:
        say(f"the images of {title} cannot be compared with those that were measured: {error}")
        return ""


def _sources(
    config: RunConfig,
    folder: Path,
    swept: Set[str],
    data: Data,
    store: Store,
    say: Callable[[str], None],
) -> Iterator[str]:
    for arm in (*config.reward_models, *config.arms):
        record, place = store.get(Pairs, folder.name, arm.name), folder / config.place_of(arm)
        if record is None or not record.source:  # none were made, or by a version that did not keep it
            continue
        if arm.name not in swept and not (place / "pairs.jsonl").is_file():  # they will be made again
            continue
        try:
            digest = source_digest(config, arm, data)
        except HarnessError as error:
            say(f"the pairs of {arm.name} cannot be compared with their source: {error}")
            continue
        if digest != record.source:
            begun = arm.name in swept or (place / "alignment.json").is_file()
            again = "" if begun else f" Remove {place} to make its pairs again; nothing was measured with them."
            yield f"arm {arm.name}: the source {arm.pairs.name} has other rows than those that its pairs were made of.{again}"


def source_digest(config: RunConfig, arm: Arm, data: Data) -> str:
    """Of all that an arm's source tells ahead of its rows, whether their images are there or not; "" where it tells nothing."""
    if not isinstance(registry.make("source", arm.pairs.name, arm.pairs.options), ChecksItsFiles):
        return ""
    looked = look_at(config, arm, _AllImages(data))
    rows = [[row.id, row.image, *(getattr(row, name, "") for name in _TEXTS)] for row in looked.rows]
    return parts_digest(looked.number, rows)


class _AllImages:
    """A data folder as if no image were missing."""

    def __init__(self, data: Data) -> None:
        self.folder, self.path, self.read_text = data.folder, data.path, data.read_text
        self.digest, self.cached, self._has = data.digest, data.cached, data.has

    def has(self, name: str) -> bool:
        return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES or self._has(name)
