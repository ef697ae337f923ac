"""Intervals and tests of metrics over several parts where items are missing: how many images must each part have?

    python tests/proofs/gaps.py > tables.md                2,000 sweeps a cell, about eight minutes on one core
    python tests/proofs/gaps.py --seed 7 --only MME

Items are missing at random (0, 5, 20 %), or all of one part but for 1 to 25 images, or of MME the second answer about all of
a part's images but for so many; last, all parts are small. A cell of the first table is the per cent of intervals that contain
the truth, of the second the per cent of tests that find something where nothing changed; in brackets those too low and too
high, and with "-" the per cent of sweeps without either.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from harness.core.evaluation import over
from harness.core.stats import SHARE, Linear, Range, difference_interval, expand, limits_of
from tests.proofs.worlds import Compute, Rng, skills, stacked

IMAGES = (30, 100, 500)
LEFT = (1, 2, 3, 4, 5, 8, 10, 20, 25)
EACH = (1, 2, 3, 4)  # images of every part
_ALIKE = 0.3


@dataclass(frozen=True)
class Parted:
    """`answers(rng, skill, there)`: sums of one part, (n, g, V); `there`: which items have an answer, (n, g, Q)."""

    answers: Callable[[Rng, np.ndarray, np.ndarray], np.ndarray]
    compute: Compute
    truth: float
    skill: float
    parts: int
    questions: int
    range: Range = SHARE


Missing = Callable[[Rng, Parted, int, int], np.ndarray]  # which items have an answer, (n, g, Q)


def summed(one: Compute, parts: int, times: float) -> Compute:
    def compute(sums: np.ndarray) -> np.ndarray:
        return times * sum(one(part) for part in np.split(sums, parts, axis=-1))

    return compute


def _right(rng: Rng, skill: np.ndarray, there: np.ndarray) -> np.ndarray:
    return (rng.random(there.shape) < skill[..., None]) & there


def _of_pairs(rng: Rng, skill: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(right, questions, both right, images with both answers)."""
    right, whole = _right(rng, skill, there), there.all(axis=2)
    return stacked(right.sum(axis=2), there.sum(axis=2), right.all(axis=2), whole)


def _points(sums: np.ndarray) -> np.ndarray:
    return 100 * over(sums[:, 0], sums[:, 1]) + 100 * over(sums[:, 2], sums[:, 3])


def _of_items(rng: Rng, skill: np.ndarray, there: np.ndarray) -> np.ndarray:
    return stacked(_right(rng, skill, there).sum(axis=2), there.sum(axis=2))


def _share(sums: np.ndarray) -> np.ndarray:
    return over(sums[:, 0], sums[:, 1])


def _of_labels(rng: Rng, skill: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(tp, fn, fp): the first half of an image's questions has the label yes."""
    right, yes = _right(rng, skill, there), np.arange(there.shape[2]) < there.shape[2] // 2
    return stacked((right & yes).sum(axis=2), (there & ~right & yes).sum(axis=2), (there & ~right & ~yes).sum(axis=2))


def _f1(sums: np.ndarray) -> np.ndarray:
    return over(2 * sums[:, 0], (2 * sums[:, 0] + sums[:, 1] + sums[:, 2]) * (sums[:, 0] > 0))


def _of_groups(rng: Rng, skill: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(groups with all right, groups with all answers)."""
    return stacked(_right(rng, skill, there).all(axis=2), there.all(axis=2))


def _moment(p: float, order: int) -> float:
    """The chance of so many right answers about one image, whose skill is beta with mean p."""
    strength = 1 / _ALIKE - 1
    return float(np.prod([(p * strength + i) / (strength + i) for i in range(order)]))


def mme(p: float, tasks: int) -> Parted:
    truth = 100 * tasks * (p + _moment(p, 2))
    return Parted(_of_pairs, summed(_points, tasks, 1), truth, p, tasks, 2, Range(0.0, 200.0 * tasks, True))


def axes(p: float, parts: int) -> Parted:
    return Parted(_of_items, summed(_share, parts, 1 / parts), p, p, parts, 1)


def f1s(p: float, splits: int = 3) -> Parted:
    return Parted(_of_labels, summed(_f1, splits, 1 / splits), p, p, splits, 6)


def groups(p: float, size: int) -> Parted:
    return Parted(_of_groups, _share, _moment(p, size), p, 1, size)


Ways = dict[str, Missing]
WORLDS: dict[str, Callable[[], Parted]] = {
    "MME total of 4 tasks, 80 % right": lambda: mme(0.8, 4),
    "MME total of 4 tasks, 95 % right": lambda: mme(0.95, 4),
    "MME total of 10 tasks, 80 % right": lambda: mme(0.8, 10),
    "mean of 2 shares, 80 %": lambda: axes(0.8, 2),
    "MMStar, mean of 18 axes, 50 %": lambda: axes(0.5, 18),
    "MMStar, mean of 18 axes, 80 %": lambda: axes(0.8, 18),
    "POPE, mean F1 of 3 splits with images of their own, 85 %": lambda: f1s(0.85),
    "HallusionBench aAcc, 60 %": lambda: axes(0.6, 1),
    "HallusionBench fAcc, groups of 2, 60 %": lambda: groups(0.6, 2),
    "HallusionBench qAcc, groups of 3, 60 %": lambda: groups(0.6, 3),
    "NaturalBench G-acc, groups of 4, 70 %": lambda: groups(0.7, 4),
}


def at_random(share: float) -> Missing:
    def there(rng: Rng, world: Parted, n: int, g: int) -> np.ndarray:
        return rng.random((n, g, world.questions)) >= share

    return there


def of_one_part(left: int) -> Missing:
    """All images of the first part are missing but so many; nothing is missing elsewhere."""

    def there(rng: Rng, world: Parted, n: int, g: int) -> np.ndarray:
        found = np.ones((n, g, world.questions), dtype=np.bool_)
        found[:, np.arange(g)[np.arange(g) % world.parts == 0][left:]] = False
        return found

    return there


def half_of_one_part(left: int) -> Missing:
    """About all images of the first part but so many only the first question is answered; nothing is missing elsewhere."""

    def there(rng: Rng, world: Parted, n: int, g: int) -> np.ndarray:
        found = np.ones((n, g, world.questions), dtype=np.bool_)
        found[:, np.arange(g)[np.arange(g) % world.parts == 0][left:], 1:] = False
        return found

    return there


def sums_of(world: Parted, rng: Rng, skill: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Image i is of part i modulo their number, (n, g, parts * V)."""
    sums = world.answers(rng, skill, there)
    n, g, v = sums.shape
    found, image = np.zeros((n, g, world.parts, v)), np.arange(g)
    found[:, image, image % world.parts] = sums
    return found.reshape(n, g, world.parts * v)


def fewest(world: Parted, sums: np.ndarray) -> np.ndarray:
    """Images of the part that has the fewest, (n,)."""
    n, g, _ = sums.shape
    counts = (sums.reshape(n, g, world.parts, -1) != 0).any(axis=3).sum(axis=1)
    return counts.min(axis=1)


def cell(name: str, world: Parted, g: int, n: int, rng: Rng, missing: Callable[..., np.ndarray], least: int) -> tuple[str, str]:
    """Coverage and false alarms; sweeps of which a part has fewer than `least` images have neither."""
    there, skill = missing(rng, world, n, g), skills(rng, world.skill, _ALIKE, (n, g))
    old, new = (sums_of(world, rng, skill, there) for _ in range(2))
    few = np.minimum(fewest(world, old), fewest(world, new)) < least
    before, after = (expand(world.compute, sums) for sums in (old, new))
    low, high = limits_of(before, world.range)
    known = np.isfinite(low) & np.isfinite(high) & ~few
    covered = _words([(high < world.truth)[known], (low > world.truth)[known]], 100 * (1 - known.mean()), True)
    p = _p(after, before, world.range.width)
    tested = np.isfinite(p) & ~few
    change, alarms = after.value - before.value, (p < 0.05)
    return covered, _words([(alarms & (change < 0))[tested], (alarms & (change > 0))[tested]], 100 * (1 - tested.mean()), False)


def _p(after: Linear, before: Linear, width: float) -> np.ndarray:
    return difference_interval(after.minus(before), width)[2]


def _words(sides: list[np.ndarray], without: float, covered: bool) -> str:
    if not len(sides[0]):
        return "-"
    below, above = (100 * float(side.mean()) for side in sides)
    shown = 100 - below - above if covered else below + above
    return f"{shown:.1f} ({below:.1f}, {above:.1f})" + (f" -{without:.0f}" if without >= 0.5 else "")


def show(title: str, asked: argparse.Namespace, worlds: dict[str, Parted], ways: Ways, images: int, per_part: int = 0) -> None:
    """Two tables, a row a world; `per_part`: images of each part, where that is not `images` in all."""
    tables: tuple[list[str], list[str]] = ([], [])
    for name, world in worlds.items():
        rows: tuple[list[str], list[str]] = ([], [])
        g = per_part * world.parts or images
        for way, missing in ways.items():
            rng = np.random.default_rng([asked.seed, g, *f"{name} {way}".encode()])
            n = max(200, min(asked.sweeps, 100_000_000 // (g * world.parts**2 * 40)))
            for row, words in zip(rows, cell(name, world, g, n, rng, missing, asked.least), strict=True):
                row.append(words)
        for table, row in zip(tables, rows, strict=True):
            table.append(f"| {name} | {' | '.join(row)} |")
    for what, table in zip(("95 % interval", "false alarms at 5 %"), tables, strict=True) if worlds else ():
        print(f"| {what}, {title} | {' | '.join(ways)} |", *table, "", sep="\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sweeps", type=int, default=2000)
    parser.add_argument("--only", default="")
    parser.add_argument("--least", type=int, default=0, help="images that each part must have")
    asked = parser.parse_args()
    worlds = {name: make() for name, make in WORLDS.items() if asked.only in name}
    parted = {name: world for name, world in worlds.items() if world.parts > 1}
    pairs = {name: world for name, world in parted.items() if world.answers is _of_pairs}
    random: Ways = {f"{100 * share:.0f} % at random": at_random(share) for share in (0, 0.05, 0.2)}
    for g in IMAGES:
        show(f"{g} images", asked, worlds, random, g)
        show(f"{g} images", asked, parted, {f"one part has {left} left": of_one_part(left) for left in LEFT}, g)
        halves = {f"one part has {left} whole pairs left": half_of_one_part(left) for left in LEFT}
        show(f"{g} images", asked, pairs, halves, g)
    for n in EACH:
        show("all parts small", asked, parted, {f"{n} images a part": at_random(0)}, 0, n)


if __name__ == "__main__":
    main()
