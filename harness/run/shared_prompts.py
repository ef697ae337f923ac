"""Whether the arms of a study have pairs for the same prompts: where not, a difference between arms may be one of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from alignment.data.pairs import read_pairs
from harness.config.schema import Arm, RunConfig
from harness.core.digests import parts_digest
from harness.core.preference import PreferencePair
from harness.storage.artifacts import SharedPrompts
from harness.storage.run_store import Store


def prompts_of(pairs: Sequence[PreferencePair]) -> frozenset[str]:
    """The prompts of pairs: image and question, whatever their answers and ids."""
    return frozenset(parts_digest(pair.shown, pair.prompt) for pair in pairs)


def shared_prompts(config: RunConfig, prompts: Mapping[str, Set[str]]) -> tuple[Mapping[str, Any], ...]:
    """The groups that the study means to have the same prompts, or else all arms; see `SharedPrompts`. `prompts`: by arm.

    Each seed draws its own prompts, so the arms of each seed are a group of their own; those of a table's group stay together
    where one of its rows has other seeds than the others.
    """
    arms = [arm.name for arm in config.arms if arm.name in prompts]
    groups = config.table.same_prompts if config.table is not None else []
    rows = [row for group in groups for row in group]
    of_row = {arm: _row(arm, rows) for arm in arms}
    named = [[arm for arm in arms if of_row[arm] in group] for group in groups]
    seeds = {arm.name: config.seed_of(arm) for arm in config.arms}
    of_config = {arm.name: _row(arm.name, rows) for arm in config.arms}
    alike = [len({frozenset(s for a, s in seeds.items() if of_config[a] == row) for row in group} - {frozenset()}) < 2
             for group in groups]  # fmt: skip
    meant = [part for names, same in zip(named, alike, strict=True) for part in (_by_seed(names, seeds) if same else [names])]
    found = [_group(names, prompts, meant=True) for names in meant if len(names) > 1]
    all_arms = [_group(names, prompts, meant=False) for names in _by_seed(arms, seeds) if len(names) > 1]
    return tuple(found or all_arms)


def keep_shared_prompts(store: Store, run_id: str, config: RunConfig, pair_files: Mapping[str, Path]) -> None:
    """Keep the groups of a run in its store, once; `pair_files`: of each arm, where there is one."""
    if store.get(SharedPrompts, run_id) is not None:
        return  # this run was finished before
    prompts = {name: prompts_of(read_pairs(path)) for name, path in pair_files.items() if path.is_file()}
    store.put(run_id, SharedPrompts(shared_prompts(config, prompts)))


def equal_to_before(arm: Arm, pairs: Sequence[PreferencePair], before: Arm, path: Path) -> tuple[str, ...]:
    """A note on the pairs of a round that the round before trained on, too; `path`: where that one's pairs are."""
    if before.pairs != arm.pairs or not path.is_file():
        return ()
    known = {_asked_and_answered(pair) for pair in read_pairs(path)}
    n = sum(_asked_and_answered(pair) in known for pair in pairs)
    return (f"{n:,} of {len(pairs):,} pairs equal pairs of {before.name}.",) if n else ()


def _asked_and_answered(pair: PreferencePair) -> tuple[object, ...]:
    return pair.shown, pair.prompt, pair.chosen, pair.rejected


def _by_seed(arms: Sequence[str], seeds: Mapping[str, int]) -> list[list[str]]:
    return [[arm for arm in arms if seeds[arm] == seed] for seed in dict.fromkeys(seeds[arm] for arm in arms)]


def _group(arms: Sequence[str], prompts: Mapping[str, Set[str]], *, meant: bool) -> Mapping[str, Any]:
    common = frozenset.intersection(*(frozenset(prompts[arm]) for arm in arms))
    return {"arms": list(arms), "common": len(common), "most": max(len(prompts[arm]) for arm in arms), "meant": meant}


def _row(arm: str, rows: Sequence[str]) -> str:
    """The row that an arm is of: a point of a grid has its row's name in front."""
    return max((row for row in rows if arm == row or arm.startswith(f"{row}-")), key=len, default="")
