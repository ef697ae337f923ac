"""Have the files of other distributions' plug-ins changed since a run was begun? Benchmarks are compared by their facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.edge.plugin_modules import files_digest
from harness.storage.artifacts import PluginFiles
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store

_KINDS = ("model", "source", "aligner", "loss", "judge")
_RULES = "rules of "  # in front of a benchmark's title: its part of `PluginFiles`
_NO_TRACE = ("log.jsonl", "code.json", "tensorboard")  # what a training leaves that had not come to its first state


def changed_plugins(config: RunConfig, folder: Path, store: Store) -> Iterator[str]:
    """Plug-ins whose files are others than those that a part of the run was made with. Runs of before kept no digest."""
    begun = _Begun(config, folder, store)
    for part, changed in begun.changed(_digests(config)):
        yield f"{part}: the files of the {' and the '.join(changed)} have changed.{begun.remedy(part)}"


def changed_rules(config: RunConfig, folder: Path, store: Store) -> Iterator[str]:
    """What is said of benchmarks of ours whose own files have changed since a run measured them, under the same version:
    whoever edits one and forgets to raise it sees the numbers of before."""
    for part, changed in _Begun(config, folder, store).changed(_rules(config)):
        yield (
            f"{part.removeprefix(_RULES)}: its code ({', '.join(changed)}) is not that which measured it, and its version is "
            "the same. What is stored stays: if a score could change, raise `version` in its file, or give the run another "
            "name."
        )


def keep_plugin_files(config: RunConfig, folder: Path, store: Store) -> None:
    """Store the digests for parts of the run that are still to be made."""
    begun = _Begun(config, folder, store)
    digests = _rules(config) | _digests(config)
    now = {part: begun.kept.get(part, {}) if begun.has(part) else own for part, own in digests.items()}
    if now != begun.kept:
        store.put(folder.name, PluginFiles({part: own for part, own in now.items() if own}))


class _Begun:
    """Which parts of a run have left something that goes on. `kept`: the digests that the store has of them."""

    def __init__(self, config: RunConfig, folder: Path, store: Store) -> None:
        self._places = {arm.name: folder / config.place_of(arm) for arm in (*config.reward_models, *config.arms)}
        self._swept = {(label, benchmark) for label, benchmark, _ in ResultQueries(store).protocols(folder.name)}
        self.kept = (store.get(PluginFiles, folder.name) or PluginFiles()).parts

    def has(self, part: str) -> bool:
        kind, _, name = part.partition(" of ")
        if kind == "pairs":
            return self._is_swept(name) or (self._places[name] / "pairs.jsonl").is_file()
        if kind == "training":
            return self._is_swept(name) or bool(self._trained(name))
        if kind == "rules":
            return any(benchmark == name for _, benchmark in self._swept)
        return part in self.kept or any(kind == "model" or benchmark == name for _, benchmark in self._swept)

    def changed(self, digests: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, list[str]]]:
        """Parts that are left, and what in them has another digest than the store has."""
        for part, now in digests.items():
            before = self.kept.get(part, {})
            others = [what for what, digest in now.items() if before.get(what, digest) != digest]
            if others and self.has(part):
                yield part, others

    def remedy(self, part: str) -> str:
        """What is removed to make an arm's part again, where nothing was measured with it."""
        kind, _, name = part.partition(" of ")
        if kind not in ("pairs", "training") or self._is_swept(name):
            return ""
        paths = [self._places[name]] if kind == "pairs" else self._trained(name)
        return f" Remove {' and '.join(map(str, paths))} to make it again; nothing was measured with it."

    def _is_swept(self, name: str) -> bool:
        return any(label == name for label, _ in self._swept)

    def _trained(self, name: str) -> list[Path]:
        """Folder and file of a training that has come to a state."""
        place = self._places[name]
        files = (path.relative_to(place / "train") for path in (place / "train").rglob("*") if path.is_file())
        found = [place / "train"] if any(file.parts[0] not in _NO_TRACE for file in files) else []
        return [*found, *(path for path in (place / "alignment.json",) if path.is_file())]


def _digests(config: RunConfig) -> dict[str, dict[str, str]]:
    """Part of a run ("training of dpo") -> plug-in of another distribution ("loss mine (my_package.mine)") -> its digest."""
    parts: dict[str, Any] = {"model": config.model.model_dump()}
    for arm in (*config.reward_models, *config.arms):
        parts |= {f"pairs of {arm.name}": arm.pairs.model_dump(), f"training of {arm.name}": arm.align.model_dump()}
    parts |= {f"judge of {spec.title}": spec.judge.model_dump() for spec in config.sweep if spec.judge is not None}
    guests = [place for kind in _KINDS for place in registry.guests(kind)]
    return {
        part: {f"{g.kind} {g.name} ({g.where})": registry.guest_files(g.kind, g.name) for g in guests if g.name in named}
        for part, named in ((part, set(_texts(options))) for part, options in parts.items())
    }


def _rules(config: RunConfig) -> dict[str, dict[str, str]]:
    """The same of benchmarks of ours: "rules of POPE" -> their own files."""
    return {f"{_RULES}{spec.title}": _own_rules(spec.name) for spec in config.sweep}


def _own_rules(name: str) -> dict[str, str]:
    """Module of a benchmark of ours -> digest of its file, and of what it imports of `benchmarks`."""
    where = str(registry.get("benchmark", name).__module__)
    return {} if registry.guest_files("benchmark", name) else {where: files_digest(where)}


def _texts(value: Any) -> Iterator[str]:
    """All texts in the options of a plug-in, among them the names of those that it asks."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
