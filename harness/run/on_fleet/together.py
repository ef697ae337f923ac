"""Arms one after the other, or side by side on a fleet, where a failed arm does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from harness.config.fleet_form import ALONE
from harness.config.schema import Arm, RunConfig
from harness.core.errors import HarnessError, TrainingError
from harness.evaluation.side_by_side import side_by_side

if TYPE_CHECKING:
    from harness.fleet.worker_pool import WorkerPool


def check_room(config: RunConfig, pool: WorkerPool | None, say: Callable[[str], None]) -> None:
    """Raises ConfigError where an arm asks for more GPUs or CPUs than the fleet has; says where it asks and there is none."""
    arms = (*config.reward_models, *config.arms)
    asking = [arm.name for arm in arms if arm.resources is not None]
    if config.fleet is None and asking:
        say(f"not used without --fleet: resources of {', '.join(asking)}")
    if config.fleet is None or pool is None:
        return
    from harness.fleet.ray_train import check_resources

    for arm in arms:
        check_resources(arm.name, arm.resources or ALONE, pool.cluster)


class Together:
    """Does the same to several arms. `failed`: arm -> why, of a fleet; in one process the first error ends the run."""

    def __init__(self, config: RunConfig, pool: WorkerPool | None) -> None:
        self._config, self._pool = config, pool
        self._first: Callable[[], None] | None = None
        self.failed: dict[str, Exception] = {}

    def groups(self) -> Iterator[list[Arm]]:
        """Arms that need nothing of each other: each alone in one process; with a fleet all that start from arms before."""
        if self._pool is None:
            yield from ([arm] for arm in self._config.arms)
            return
        left, done = list(self._config.arms), set[str | None]([None])
        while left:
            now = [arm for arm in left if arm.after in done and arm.reference in (*done, "base")]
            yield now
            done |= {arm.name for arm in now}
            left = [arm for arm in left if arm not in now]

    def alive(self, arms: Sequence[Arm]) -> list[Arm]:
        """The arms that did not fail, and whose earlier arm and reward model did not; these fail with them."""
        for arm in arms:
            for needed in (arm.after, arm.reference, arm.align.reward):
                if needed in self.failed and arm.name not in self.failed:
                    self.failed[arm.name] = TrainingError(f"it needs {needed}, which failed")
        return [arm for arm in arms if arm.name not in self.failed]

    def first(self, work: Callable[[], None]) -> None:
        """What concerns no arm: now, or with a worker pool in parallel with the first arms. Its error ends the run."""
        if self._pool is None or not self._config.arms:
            work()
        else:
            self._first = work

    def each(self, arms: Sequence[Arm], work: Callable[[Arm], None]) -> None:
        """The same with each arm, and what comes `first` where it is still to be done."""
        arms, pool = self.alive(arms), self._pool
        if pool is None:
            for arm in arms:
                work(arm)
            return

        def one(task: Callable[[], None]) -> None:
            try:
                task()
            finally:
                pool.release()

        first = [] if self._first is None else [self._first]
        self._first = None
        own: list[Callable[[], None]] = [partial(work, arm) for arm in arms]
        _, errors = side_by_side([partial(one, task) for task in first + own], max(len(first + own), 1))
        pool.cluster.require_alive()  # else every arm failed of it
        if first and (error := errors.pop(0)) is not None:
            raise error
        self.failed |= {arm.name: error for arm, error in zip(arms, errors, strict=True) if error is not None}

    def raise_failed(self) -> None:
        """Raises the error of the arm that failed, or one that names all."""
        if not self.failed:
            return
        if other := next((error for error in self.failed.values() if not isinstance(error, HarnessError)), None):
            raise other
        words = "\n  ".join(f"{name}: {error}" for name, error in self.failed.items())
        total = len(self._config.reward_models) + len(self._config.arms)
        others = "." if len(self.failed) == total else "; the others are done."
        raise TrainingError(f"{len(self.failed)} of {total} arms failed{others} The same command tries them again:\n  {words}")
