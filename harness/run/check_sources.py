"""Preference sources before anything is asked (files are read, images looked for), and what a pair file alone still tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment.data.prompts import StoresPairs, asked_of, count_of, read_once
from alignment.data.stored_pairs import ChecksPairs
from alignment.data.yield_report import sides
from harness.config.option_faults import plugins_of
from harness.config.schema import Arm, RunConfig
from harness.core import registry
from harness.core.capabilities import ChecksItsFiles
from harness.core.errors import DataError, HarnessError, StoreError
from harness.core.plugins import Data, Model
from harness.core.preference import AsksAbout, PreferencePair, ShowsSeveralImages, names_of, noted_images, refused_images
from harness.models._server.shared_servers import check_startable
from harness.storage.artifacts import Pairs


@dataclass(frozen=True, slots=True)
class Looked:
    """What an arm's source holds before anything is asked: number of pairs or prompts, and what each of them is about."""

    number: int
    rows: Sequence[AsksAbout]


def look_at(config: RunConfig, arm: Arm, data: Data) -> Looked:
    """The files of an arm's source, read once. Raises what reading them raises, where there is nothing, and for ready-made
    pairs that the arm's aligner would refuse."""
    source, seed = registry.make("source", arm.pairs.name, arm.pairs.options), config.seed_of(arm)
    if isinstance(source, StoresPairs):
        stored = source.stored(data, seed)
        found = Looked(len(stored), stored)
    else:
        stored = None
        with read_once():
            found = Looked(count_of(source, data, seed), asked_of(source, data, seed))
    if not found.number:
        raise DataError(f"The source {arm.pairs.name} has nothing to make pairs of; look at its file and its images.")
    aligner = registry.get("aligner", arm.align.name)
    if stored is not None and isinstance(aligner, ChecksPairs):
        aligner.check_pairs(stored, arm.align.options)
    return found


def refused_prompts(arm: Arm, looked: Looked, model: Model) -> list[str]:
    """What an arm's source asks that the base, or the arm's judge, cannot take: prompts about several images."""
    takers: dict[str, object] = {"this model": model}
    judge = registry.get("judge", arm.align.judge.name) if arm.align.judge is not None else None
    if arm.align.judge is not None and isinstance(judge, ShowsSeveralImages):
        takers[f"the judge {arm.align.judge.name}"] = judge
    found = [refused_images(one, looked.rows, who) for who, one in takers.items()]
    return [f"pairs of {arm.name}: {refused}" for refused in found if refused]


def unreached_models(arm: Arm) -> list[str]:
    """What is wrong with the servers that an arm's source asks: keys, addresses. Checkpoints in folders are neither loaded
    nor served here."""
    faults = []
    for spec in _asked_models(arm):
        options = {name: value for name, value in spec.items() if name != "name"}
        try:
            if _is_own_server(spec):
                check_startable(**options)
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

    Returns what is to be said of the others, each once.
    """
    faults, notes = list[str](), dict[str, None]()
    for arm in (*config.reward_models, *config.arms):
        if not has_pairs(arm) and isinstance(registry.make("source", arm.pairs.name, arm.pairs.options), ChecksItsFiles):
            try:
                looked = look_at(config, arm, data)
                faults += refused_prompts(arm, looked, model)
                notes |= dict.fromkeys(noted_images(model, looked.rows))
            except HarnessError as error:
                faults.append(f"pairs of {arm.name}: {error}")
            faults += unreached_models(arm)
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


def rebuilt_pairs(pairs: Sequence[PreferencePair]) -> Pairs:
    """The record of pairs whose own was lost with the store: what the file tells, and that the rest is unknown."""
    report = {
        "accepted": len(pairs),
        "sides": sides(pairs, None),
        "rebuilt": "from pairs.jsonl; what was asked and dropped is unknown, since the store was lost",
    }
    return pairs_record(report, pairs)


def pairs_record(report: Mapping[str, Any], pairs: Sequence[PreferencePair]) -> Pairs:
    """What the store keeps of an arm's pairs: the source's report, ten of them, and which images they show."""
    digests = {digest for pair in pairs for digest in names_of(pair.image_digest) or ("",)}
    return Pairs(report, tuple(pairs[:10]), tuple(sorted(digests)))


def check_places(folder: Path) -> None:
    """Raise StoreError where a folder stands in the place of a report: before a run of hours, not after it."""
    for name in registry.names("report"):
        place = folder / registry.get("report", name).file_name
        if place.is_dir():
            raise StoreError(f"{place} is a folder where a report belongs. Move it away and run the same command again.")
