"""Preference sources before anything is asked (files are read, images looked for), and what a pair file alone still tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alignment.data.prompts import StoresPairs, asked_of, count_of, left_out_of, read_once, stored_of
from alignment.data.stored_pairs import ChecksPairs, ChecksRejected, TellsRejected, require_same_images
from alignment.data.yield_report import sides
from alignment.quality.empty_prompts import unasked, without_images
from alignment.quality.near_duplicates import copies
from alignment.quality.pair_weights import unused_weights
from alignment.quality.text_probe import probed
from harness.config.option_faults import plugins_of
from harness.config.schema import Arm, RunConfig
from harness.core import registry
from harness.core.capabilities import ChecksItsFiles
from harness.core.digests import value_digest
from harness.core.edge.images import open_image
from harness.core.errors import DataError, HarnessError, ImageError, StoreError
from harness.core.plugins import Data, Model
from harness.core.preference import (
    AsksAbout,
    PreferencePair,
    ShowsSeveralImages,
    names_of,
    refused_images,
    together,
)
from harness.models._own_server.shared_servers import own_servers
from harness.results.report_files import report_files
from harness.run.checks.adapters import check_layers
from harness.run.checks.embedders import unusable_embedders
from harness.run.checks.pair_notes import noted_training, pair_notes
from harness.storage.artifacts import Pairs

IMAGES = 8  # of a source's that are opened before anything is asked


@dataclass(frozen=True, slots=True)
class Looked:
    """What an arm's source holds before anything is asked: number of pairs or prompts, what each of them is about, and, where
    they are ready-made, the pairs themselves without digests; a line on each file that makes fewer pairs than it has rows."""

    number: int
    rows: Sequence[AsksAbout]
    pairs: Sequence[PreferencePair] = ()
    left_out: Sequence[str] = ()


def look_at(config: RunConfig, arm: Arm, data: Data) -> Looked:
    """The files of an arm's source, read once. Raises what reading them raises, where there is nothing, and for ready-made
    pairs that the arm's aligner would refuse."""
    return _fit(arm, _held(config, arm, data))


def _held(config: RunConfig, arm: Arm, data: Data) -> Looked:
    source, seed = registry.make("source", arm.pairs.name, arm.pairs.options), config.seed_of(arm)
    with read_once():
        stored = stored_of(source, data, seed)[0] if isinstance(source, StoresPairs) else None
        number, rows = count_of(source, data, seed), asked_of(source, data, seed)
        found = Looked(number, rows, stored or (), left_out_of(source, data, seed))
    if not found.number:
        raise DataError(f"The source {arm.pairs.name} has nothing to make pairs of; look at its file and its images.")
    return found


def _fit(arm: Arm, looked: Looked) -> Looked:
    aligner, source = registry.get("aligner", arm.align.name), registry.make("source", arm.pairs.name, arm.pairs.options)
    if looked.pairs and isinstance(aligner, ChecksPairs):
        aligner.check_pairs(looked.pairs, arm.align.options)
    elif isinstance(aligner, ChecksRejected) and isinstance(source, TellsRejected) and source.rejected_each is not None:
        aligner.check_rejected([source.rejected_each] * looked.number, arm.align.options)
    return looked


def looked_at(config: RunConfig, data: Data, missing: list[str], ahead: bool = False) -> dict[str, Looked]:
    """Arm -> what its source holds; what cannot be read is added to `missing`. `ahead`: not of sources that read images."""
    found, look = dict[str, Looked](), _looker(config, data)
    for arm in (*config.reward_models, *config.arms):
        if ahead and not isinstance(registry.make("source", arm.pairs.name, arm.pairs.options), ChecksItsFiles):
            continue
        try:
            found[arm.name] = look(arm)
        except HarnessError as error:
            missing.append(f"pairs of {arm.name}: {error}")
        missing += [*unreached_models(arm), *unusable_embedders(arm, load=not ahead)]
    return found


def _looker(config: RunConfig, data: Data) -> Callable[[Arm], Looked]:
    """`look_at` for several arms, once for those whose sources are alike."""
    known = dict[str, Looked]()

    def look(arm: Arm) -> Looked:
        alike = value_digest([arm.pairs.name, arm.pairs.options, config.seed_of(arm)])
        if alike not in known:
            known[alike] = _held(config, arm, data)
        return _fit(arm, known[alike])

    return look


def refused_prompts(arm: Arm, looked: Looked, model: Model) -> list[str]:
    """What an arm's source asks that the base, or the arm's judge, cannot take: prompts about several images."""
    takers: dict[str, object] = {"this model": model}
    judge = registry.get("judge", arm.align.judge.name) if arm.align.judge is not None else None
    if arm.align.judge is not None and isinstance(judge, ShowsSeveralImages):
        takers[f"the judge {arm.align.judge.name}"] = judge
    found = [refused_images(one, looked.rows, who) for who, one in takers.items()]
    return [f"pairs of {arm.name}: {refused}" for refused in found if refused]


def known_ahead(arm: Arm, looked: Looked, model: object, data: Data) -> tuple[str, ...]:
    """The warnings that a run will give about an arm, as far as its source's files and the two models tell them.

    Raises DataError where none of a few images can be read, and where one is not that whose digest its pair has.
    """
    require_same_images(looked.pairs, data)
    pairs = [replace(p, image_digest=together(tuple(map(data.digest, p.images)))) for p in probed(looked.pairs)]
    told = (*unasked(looked.pairs), *without_images(looked.pairs), *unused_weights(looked.pairs))
    of_file = (*looked.left_out, *told, *_unreadable(looked, data))
    return (*of_file, *pair_notes(arm, model, looked.rows, pairs), *noted_training(arm, looked.pairs), *copies(looked.pairs))


def _unreadable(looked: Looked, data: Data) -> tuple[str, ...]:
    """Whether a few of the images, evenly spread, can be read. Raises DataError where none can."""
    names = list(dict.fromkeys(name for row in looked.rows for name in names_of(row.image)))
    some, why = names[:: -(-len(names) // IMAGES) or 1], list[str]()
    for name in some:
        try:
            open_image(data.path(name))
        except ImageError as error:
            why.append(str(error))
    if not why:
        return ()
    if len(why) == len(some):
        raise DataError(f"none of {len(some)} images that were looked at can be read. {why[0]}")
    few = f"{len(why)} of {len(some)} images that were looked at cannot be read; rows about such images are left out."
    return (f"{few} {why[0]}",)


def unreached_models(arm: Arm) -> list[str]:
    """What is wrong with the servers that an arm's source asks: keys, addresses. Checkpoints in folders are neither loaded
    nor served here."""
    faults = []
    for spec in _asked_models(arm):
        options = {name: value for name, value in spec.items() if name != "name"}
        try:
            if _is_own_server(spec):
                own_servers(**options)  # not started
            elif spec["name"] != "transformers":
                registry.make("model", spec["name"], options)
        except HarnessError as error:
            faults.append(f"pairs of {arm.name}: {error}")
    return faults


def asks_own_server(arm: Arm) -> bool:
    """Whether an arm's source asks a server that this process starts."""
    return any(map(_is_own_server, _asked_models(arm)))


def _is_own_server(spec: Mapping[str, Any]) -> bool:
    return spec["name"] == "openai" and spec.get("serve") is not None


def _asked_models(arm: Arm) -> list[Mapping[str, Any]]:
    """The models that an arm's source asks beside the base."""
    found = plugins_of({"arms": [arm.model_dump()]})
    return [spec for kind, where, spec in found if kind == "model" and where.startswith("arms.0.pairs")]


def check_sources(config: RunConfig, has_pairs: Callable[[Arm], bool], data: Data, model: Model) -> tuple[str, ...]:
    """Raise one DataError for all arms without pairs whose source would fail: before a sweep of hours, not after it.

    Raises ConfigError where one would adapt layers that the base does not have.
    Returns what is to be said of the others, each once.
    """
    faults, notes, look = list[str](), dict[str, None](), _looker(config, data)
    for arm in (arm for arm in (*config.reward_models, *config.arms) if not has_pairs(arm)):
        check_layers(arm, model)
        if isinstance(registry.make("source", arm.pairs.name, arm.pairs.options), ChecksItsFiles):
            try:
                looked = look(arm)
                faults += refused_prompts(arm, looked, model)
                notes |= dict.fromkeys(known_ahead(arm, looked, model, data))
            except HarnessError as error:
                faults.append(f"pairs of {arm.name}: {error}")
            faults += unreached_models(arm)
        faults += unusable_embedders(arm)
    if faults:
        raise DataError("Preference pairs cannot be made:" + indented(faults))
    return tuple(notes)


def indented(faults: Iterable[str]) -> str:
    """One fault below the other, the lines of each further in than its first one."""
    return "".join("\n  " + fault.replace("\n", "\n  ") for fault in faults)


class Warnings:
    """Says each warning of a run once, however many of its arms it concerns."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, set[str]()

    def __call__(self, warnings: Iterable[str]) -> None:
        for warning in warnings:
            if warning not in self._said:
                self._said.add(warning)
                self._say(f"WARNING: {warning}")


def pairs_record(
    pairs: Sequence[PreferencePair], report: Mapping[str, Any] | None = None, source: str = "", file: str = ""
) -> Pairs:
    """What the store keeps of an arm's pairs: the source's report, ten of them, which images they show, and the digests of the
    source's rows and of their file. None: the report was lost with the store, so that only what the file tells is known."""
    if report is None:
        lost = "from pairs.jsonl; what was asked and dropped is unknown, since the store was lost"
        report = {"accepted": len(pairs), "sides": sides(pairs, None), "rebuilt": lost}
    digests = {digest for pair in pairs for digest in names_of(pair.image_digest) or ("",)}
    return Pairs(report, tuple(pairs[:10]), tuple(sorted(digests)), source, file)


def check_places(folder: Path) -> None:
    """Raise StoreError where a folder stands in the place of a report: before a run of hours, not after it. Raises ConfigError
    as `report_files`."""
    for file in report_files().values():
        place = folder / file
        if place.is_dir():
            raise StoreError(f"{place} is a folder where a report belongs. Move it away and run the same command again.")
