"""What servers charge for an arm: those that its source asks, and the annotator of its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alignment.weights.workers import workers
from harness.core.plugins import Annotator, Model, Progress
from harness.evaluation.cached_judge import CachedAnnotator
from harness.evaluation.cached_model import CachedModel
from harness.evaluation.server_cost import GrowingCost
from harness.storage.run_store import Store

Say = Callable[[str], None]


@contextmanager
def asked_for_pairs(store: Store, run: str, arm: str, base: Model, progress: Progress, say: Say) -> Iterator[CachedModel]:
    """The model that an arm's source asks; what its server costs, and those that the source asks through it, is stored."""
    asking = CachedModel(base, store, what=f"{arm}: pairs")
    with GrowingCost(store, (run, arm, ""), "pairs", asking, say) as cost:
        asking.progress = cost.growing(progress)
        yield asking


@contextmanager
def annotated(store: Store | None, run: str, arm: str, annotator: Annotator | None, say: Say) -> Iterator[None]:
    """Around an arm's training: what its annotator's server costs is stored, by each process its own.

    Without a store, as on a fleet's hosts, there is no annotator either.
    """
    if store is None:
        yield
        return
    process = "" if workers().is_main else f"process {workers().rank}"
    with GrowingCost(store, (run, arm, process), "training", annotator, say) as cost:
        if isinstance(annotator, CachedAnnotator):
            annotator.asked = cost.grow
        yield
