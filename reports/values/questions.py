"""What the arms of a study vary, and the direct tests between arms that differ in nothing else. Plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.values.paired import Difference
from reports.values.table import Significance


@dataclass(frozen=True, slots=True)
class Level:
    """One value of what is varied.

    `number` where all levels are numbers. `columns`: the column of the short table that has this value, one for each context,
    None where there is none.
    """

    text: str
    number: float | None
    columns: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class DirectTest:
    """One metric of level `second` against level `first`: the paired difference, a mean over the contexts that have both.

    Corrected by Holm over all tests of its question. `n_paired`: items that move the metric.
    """

    benchmark: str
    key: str
    first: int
    second: int
    contexts: int
    difference: Difference
    n_paired: int
    p_holm: float | None = None
    significant: Significance = ""  # of `second`


@dataclass(frozen=True, slots=True)
class Question:
    """Arms that differ only in `keys` ("pairs.rho_th"; several keys vary only together).

    contexts: what is the same within each group of such arms and differs between groups; one "" where there is one group.
    reference: the level that all others are tested against; None where every two levels are tested.
    not_tested: why pairs of arms were left out. claims: the evidence in sentences.
    """

    keys: tuple[str, ...]
    title: str
    levels: tuple[Level, ...]
    contexts: tuple[str, ...]
    tests: tuple[DirectTest, ...]
    reference: int | None = None
    not_tested: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    @property
    def is_numeric(self) -> bool:
        return all(level.number is not None for level in self.levels)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one checkpoint took, as a mean over its seeds; None is unknown, 0 is measured.

    Seconds are wall time of this run's attempts: what was found in a store or a cache took none. Requests and `dollars` are
    those of servers: of its pairs, of the annotator of its training, of the answers of its sweep and of their judges.
    """

    column: str
    aligned: bool
    device: str
    pairs: float | None
    tokens: float | None  # of training
    pair_seconds: float | None
    training_seconds: float | None
    sweep_seconds: float | None
    answer_requests: float | None
    judge_requests: float | None
    pair_requests: float | None
    annotator_requests: float | None
    dollars: float | None

    @property
    def seconds(self) -> float | None:
        """Making the pairs and training on them; unknown where one of them is."""
        if self.pair_seconds is None or self.training_seconds is None:
            return None
        return self.pair_seconds + self.training_seconds


Settings = Mapping[str, object]  # "pairs.rho_th" -> value, of one arm
