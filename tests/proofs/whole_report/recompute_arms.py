"""What a report says of several arms, recomputed from docs/statistics.md and docs/guides/gate.md: intervals that hold together,
direct tests between arms, what arms cost, and a gate's tests."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from tests.proofs.whole_report import recompute as again
from tests.proofs.whole_report.recompute import Part, Rule, Scored, Shift
from tests.proofs.whole_report.recompute_report import Cell
from tests.proofs.whole_report.recompute_scores import Sweeps

Pairs = Sequence[tuple[Sequence[str], Sequence[str]]]  # labels of the seeds of one arm and of the other, one a group of arms


def _parts(sweeps: Sweeps, rule: Rule, labels: Sequence[str]) -> tuple[dict[str, Part], bool, int]:
    """Parts over the items that move the metric in any of these sweeps, whether it is a share, and how many items those are."""
    sides = {label: sweeps[label][rule.benchmark] for label in labels}
    counted = {row.item for side in sides.values() for row in side if again.moves(rule, row)}
    share = all(again.reach_of_images(rule, side) == (0.0, 1.0) for side in sides.values())
    return {label: again.part(rule, side, counted) for label, side in sides.items()}, share, len(counted)


def joint_intervals(sweeps: Sweeps, rule: Rule, cells: Sequence[Cell]) -> list[tuple[float, float] | None]:
    """Of single checkpoints against the first: the largest of their t statistics, by other draws than the harness's."""
    parts, share, _ = _parts(sweeps, rule, list(sweeps))
    base, *others = parts.values()
    changes = [other.minus(base) for other in others]
    tested = [i for i, cell in enumerate(cells[1:]) if cell.shift is not None and cell.shift.error is not None]
    found: list[tuple[float, float] | None] = [None] * len(cells)
    if len(tested) < 2:
        return found
    rows = np.array([changes[i].images for i in tested])
    with np.errstate(invalid="ignore"):
        correlation = np.corrcoef(rows)
    correlation[~np.isfinite(correlation)] = 0  # one that never changed is independent
    np.fill_diagonal(correlation, 1)
    rng = np.random.default_rng(20260)
    for i in tested:
        shift = cells[1 + i].shift
        assert shift is not None and shift.value is not None and shift.error is not None
        normal = rng.multivariate_normal(np.zeros(len(tested)), correlation, 60_000, method="eigh")
        largest = np.abs(normal).max(axis=1) * np.sqrt(shift.freedom / rng.chisquare(shift.freedom, 60_000))
        wide = max(float(np.quantile(largest, 0.95)), float(stats.t.ppf(0.975, shift.freedom)))
        found[1 + i] = again.ends_of(shift.value, shift.error, shift.slopes, wide, share)
    return found


def ranks(cells: Sequence[Cell], order: set[tuple[int, int]]) -> list[str]:
    """'2', or '1 to 3': one below all that are shown to be better, one above all that are shown to be worse."""
    made = []
    for j in range(len(cells)):
        first = 1 + len([1 for _, worse in order if worse == j])
        last = len(cells) - len([1 for better, _ in order if better == j])
        made.append(str(first) if first == last else f"{first} to {last}")
    return made


def direct_test(sweeps: Sweeps, rule: Rule, groups: Pairs) -> tuple[Shift, int] | None:
    """The second arm less the first, seed by seed, a mean over the groups; None where groups have other numbers of seeds."""
    pairs = [
        [(a, b) for a in one for b in other] if 1 in (len(one), len(other)) else list(zip(one, other, strict=True))
        for one, other in groups
    ]
    if len({len(own) for own in pairs}) > 1:
        return None
    labels = list(dict.fromkeys(label for own in pairs for both in own for label in both))
    parts, share, n = _parts(sweeps, rule, labels)
    seeds = [again.mean_part([parts[b].minus(parts[a]) for a, b in both]) for both in zip(*pairs, strict=True)]
    if len(seeds) == 1:
        return again.shift_of(seeds[0], share), n
    over = again.shift_over_seeds(seeds, share)
    return Shift(over.mean, over.low, over.high, over.p, None, over.error, over.freedom), n


@dataclass(frozen=True)
class Spent:
    pairs: float
    tokens: float
    making: float
    training: float
    sweep: float


def spent(store: Path, labels: Sequence[str]) -> Spent:
    """Means over the seeds of an arm, of what the store's own rows say."""
    with sqlite3.connect(store) as db:
        rows = db.execute("SELECT label, kind, value FROM by_products").fetchall()
    kept = {(label, kind): json.loads(value) for label, kind, value in rows}
    seconds = kept["", "timings"]["seconds"]

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    return Spent(
        mean([kept[label, "pairs"]["report"]["accepted"] for label in labels]),
        mean([max(step.get("num_tokens", 0) for step in kept[label, "training_log"]["steps"]) for label in labels]),
        *(mean([seconds[f"{stage} {label}"] for label in labels]) for stage in ("pairs", "align", "sweep")),
    )


# ---------------------------------------------------------------- gates


@dataclass(frozen=True)
class Requirement:
    """sign: +1 where higher is better. margin: on the metric's scale, or `of_base` as a share of the base's value."""

    role: str
    sign: int = 1
    margin: float = 0.0
    of_base: float = 0.0


@dataclass(frozen=True)
class Decided:
    before: float
    after: float
    items: int
    images: int
    met: float
    unmet: float
    needed: float | None  # items, of all requirements' level
    threshold: float


def decided(rule: Rule, wanted: Requirement, before: Sequence[Scored], after: Sequence[Scored], alpha: float) -> Decided:
    """`alpha`: of one test after correction for all, for `needed`."""
    counted = [i for i, both in enumerate(zip(before, after, strict=True)) if any(again.moves(rule, row) for row in both)]
    images = list(dict.fromkeys(before[i].image for i in counted))
    old, new = again.by_image(rule, before, images), again.by_image(rule, after, images)
    whole = [again.by_image(rule, side, list(dict.fromkeys(r.image for r in side))).sum(axis=0) for side in (before, after)]
    toward = 1 if wanted.role == "guard" else -1

    def oriented(was: np.ndarray, now: np.ndarray) -> np.ndarray:
        return wanted.sign * (now - was) + toward * wanted.of_base * abs_of_base * was

    value = [float(again.at(rule, sums[None])[0]) for sums in whole]
    abs_of_base = 1 if value[0] >= 0 else -1
    g, theta = len(images), float(oriented(np.array(value[0]), np.array(value[1])))
    without = oriented(again.at(rule, whole[0] - old), again.at(rule, whole[1] - new))
    pseudo = theta + (g - 1) * (without.mean() - without)
    limit = -toward * wanted.margin
    change = wanted.sign * (again.at(rule, whole[1] - new) - again.at(rule, whole[0] - old))
    far = _typical(wanted.sign * (value[1] - value[0]) + (g - 1) * (change.mean() - change), rule)
    fewest = min(len({row.image for row in side if again.moves(rule, row)}) for side in (before, after))
    if fewest < g and rule.unit == "share":
        names = {before[i].item for i in counted}
        unseen = again.part(rule, after, names).minus(again.part(rule, before, names)).unseen
        wider = np.sqrt(1 + unseen / (pseudo.var(ddof=1) / g)) if pseudo.var() > 0 else 1.0
        pseudo, far = theta + wider * (pseudo - theta), wider * far
    loss, gain = _whole(value[0] + (g - 1) * ((left := again.at(rule, whole[0] - old)).mean() - left), wanted, rule)
    met = max(_one_sided(pseudo - limit, far, fewest), _none_drawn(theta - limit, loss, fewest))
    unmet = max(_one_sided(limit - pseudo, far, fewest), _none_drawn(limit - theta, gain, fewest))
    error = max(pseudo.std(ddof=1) / np.sqrt(g), far / g)
    times = ((stats.norm.ppf(1 - alpha) + stats.norm.ppf(0.8)) * error / abs(theta - limit)) ** 2 if theta != limit else np.inf
    way, whole_image = abs(theta - limit), loss if theta > limit else gain
    seen = np.log(alpha) / np.log(1 - way / whole_image) / fewest if 0 < way < whole_image else 0.0
    met_at = wanted.sign * (limit - toward * wanted.of_base * abs(value[0]))
    return Decided(*value, len(counted), g, met, unmet, len(counted) * max(1.0, float(times), float(seen)), met_at)


def _whole(had: np.ndarray, wanted: Requirement, rule: Rule) -> tuple[float, float]:
    """How far an image falls and rises that loses all, or gets all: by the base's values of images, weighed by themselves."""
    had = np.clip(had, 0, 1 if rule.unit == "share" else None)
    ways = [float((one**2).sum() / one.sum()) if one.sum() > 0 else 0.0 for one in (had, 1 - had)]
    ways[1] *= rule.unit == "share"
    return (ways[0], ways[1]) if wanted.sign > 0 else (ways[1], ways[0])


def _none_drawn(distance: float, whole: float, images: int) -> float:
    """The chance that so many images hold none of a share of them that makes up the distance."""
    return 1.0 if distance <= 0 else float((1 - distance / whole) ** images) if distance < whole else 0.0


def _typical(changes: np.ndarray, rule: Rule) -> float:
    """How far an image that changed lies from the others, by the change alone."""
    middle = float(np.median(changes))
    away = changes[~np.isclose(changes, middle, rtol=0, atol=1e-9)] - middle
    typical = float(np.sqrt((away**2).mean())) if len(away) else 1.0 if rule.unit == "share" else np.nan
    assert np.isfinite(typical)
    return typical


def _one_sided(x: np.ndarray, typical: float, images: int) -> float:
    """p of "the mean is at most 0" by the empirical likelihood of x and 3/4 of one more image that stands against it.

    images: on the side where fewer count.
    """
    middle = float(np.median(x))
    x = np.where(np.isclose(x, middle, rtol=0, atol=1e-9), middle, x)
    x, weights = np.append(x, middle - typical), np.append(np.ones(len(x)), 0.75)
    if weights @ x <= 0:
        return 1.0
    if x.min() >= 0:
        return float(2.0**-images)
    most = -1 / x.min()
    t = brentq(lambda at: float((weights * x / (1 + at * x)).sum()), 0.0, most * (1 - 1e-12))
    return float(stats.t.sf(np.sqrt(2 * (weights * np.log1p(t * x)).sum()), images - 1))


def verdicts(ps: Mapping[str, tuple[float, float]], alpha: float) -> dict[str, str]:
    """Of requirements by (p met, p not met), each side corrected by Holm."""
    met, unmet = (again.holm([p[side] for p in ps.values()]) for side in (0, 1))
    made = {}
    for name, one, other in zip(ps, met, unmet, strict=True):
        assert one is not None and other is not None
        made[name] = "pass" if one < alpha else "fail" if other < alpha else "inconclusive"
    return made
