"""Images that a checkpoint was trained on and that benchmarks ask about, by content, as far as the store knows both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.config.schema import stored
from harness.core.digests import file_digest
from harness.core.edge.files import is_file
from harness.core.run_record import Checkpoint
from harness.storage.artifacts import Pairs
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store, StoredResult, StoredRun

NOTHING_TRAINED = "this run trained no checkpoint that it swept"


@dataclass(frozen=True, slots=True)
class BenchmarkImages:
    """sha256 -> name of the benchmarks' images that can still be found; how many files there were, and how many are gone."""

    names: dict[str, str]
    n_asked: int
    n_gone: int = 0

    def shared_with(self, trained: frozenset[str] | None, has_arm: bool) -> tuple[dict[str, str], str]:
        """(those that were trained on, why it is not known of all: "" where it is)."""
        if trained is None:
            return {}, "its pairs are not made yet" if has_arm else NOTHING_TRAINED
        shared = {digest: name for digest, name in self.names.items() if digest in trained}
        gone = f"{self.n_gone:,} of {self.n_asked:,} images of the benchmarks are no longer in the data folder"
        return shared, gone if self.n_gone else ""


def benchmark_images(run: StoredRun, results: Sequence[StoredResult]) -> BenchmarkImages:
    """Read from the run's data folder."""
    folder = Path(run.data_folder)
    names = sorted({item.image for result in results for item in result.items if item.image})
    found = [name for name in names if is_file(folder / name)]
    return BenchmarkImages({file_digest(folder / name): name for name in found}, len(names), len(names) - len(found))


@dataclass(frozen=True, slots=True)
class SeenImages:
    """Digests of the images that a checkpoint has seen in all trainings of this store that it came of.

    trained: of its pairs; None where no pairs are known. rewards: reward model -> those of its pairs, of each that rated
    answers in one of these trainings: what they show has reached the checkpoint by its reward.
    """

    trained: frozenset[str] | None
    rewards: dict[str, frozenset[str]]


def seen_images(store: Store, run: str, arm: str, checkpoints: Sequence[Checkpoint]) -> SeenImages:
    """Of an arm's own training, and of those that its `checkpoints` came of: these are followed by the digests of their
    weights."""
    known, rewards = list[frozenset[str]](), dict[str, frozenset[str]]()
    for other, label in _trainings(store, run, arm, checkpoints):
        if (pairs := store.get(Pairs, other, label)) is not None:
            known.append(frozenset(pairs.images))
        name = _reward_of(store, other, label)
        if name and (pairs := store.get(Pairs, other, name)) is not None:
            rewards[name if other == run else f"{name} of {other}"] = frozenset(pairs.images)
    return SeenImages(frozenset().union(*known) if known else None, rewards)


def _trainings(store: Store, run: str, arm: str, checkpoints: Sequence[Checkpoint]) -> list[tuple[str, str]]:
    """(run, arm) of an arm's own training and of all that its checkpoints came of."""
    found = [(run, arm)] if arm else []
    queries, left, seen = ResultQueries(store), [d for c in checkpoints for d in (c.digest, c.parent) if d], set[str]()
    while left:
        if (digest := left.pop()) in seen:
            continue
        seen.add(digest)
        for other, label, checkpoint in queries.trained_to(digest):
            found.append((other, label))
            left += [checkpoint.parent] if checkpoint.parent else []
    return list(dict.fromkeys(found))


def _reward_of(store: Store, run: str, arm: str) -> str:
    """The reward model that rated answers in a training, by its configuration; "" where none did."""
    text = next((one.config for one in store.runs() if one.id == run), "")
    return _rewards(text, run).get(arm, "") if text else ""


@lru_cache(maxsize=8)
def _rewards(text: str, run: str) -> dict[str, str]:
    """Arm -> its reward model, of a stored configuration. Read once: every arm of a report asks."""
    return {arm.name: arm.align.reward or "" for arm in stored(text, f"The stored configuration of {run}").arms}
