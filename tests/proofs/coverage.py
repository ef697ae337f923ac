"""How often 95 % intervals contain the truth, and how often a test that should find nothing finds something.

    python tests/proofs/coverage.py > table.md          2,000 sweeps a cell, about three minutes on one core
    python tests/proofs/coverage.py --old               beside the percentile bootstrap of versions before 0.2
    python tests/proofs/coverage.py --seed 7 --only chair

Each world draws images with answers of its own generator; the functions under test are those that reports use. A cell shows how
many of 100 intervals contain the truth, and in brackets how many lie too low and too high.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).parents[2]))

from harness.core.evaluation import over, rounded
from harness.core.stats import (
    SHARE,
    UNKNOWN,
    Linear,
    Range,
    difference_interval,
    expand,
    limits_of,
    mean_of,
    resample,
)
from reports.values.seeds import seeds_of_difference, seeds_of_metric
from tests.proofs import other_worlds as other
from tests.proofs import parts_worlds as parts
from tests.proofs.worlds import Paired, Rng, World, first_over_second, skills, stacked

IMAGES = (30, 60, 100, 500)
# ---------------------------------------------------------------- single metrics


def f1_of(sums: np.ndarray) -> np.ndarray:
    return over(2 * sums[:, 0], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2])


def amber_of(sums: np.ndarray) -> np.ndarray:
    """(100 - CHAIR + F1) / 2 in per cent, each rounded to one digit, as AMBER publishes."""
    chair, f1 = (rounded(100 * part, 1) for part in (first_over_second(sums[:, :2]), f1_of(sums[:, 2:])))
    return (100 - chair + f1) / 200


def sizes(rng: Rng, n: int, g: int, questions: int | str) -> np.ndarray:
    """Questions an image: a number, "1-20" (uniform) or "few" (geometric, mean 4)."""
    if questions == "1-20":
        return rng.integers(1, 21, (n, g))
    if questions == "few":
        return np.minimum(1 + rng.geometric(0.25, (n, g)), 20)
    return np.full((n, g), questions)


def accuracy(p: float, alike: float, questions: int | str) -> World:
    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        asked = sizes(rng, n, g, questions)
        return stacked(rng.binomial(asked, skills(rng, p, alike, asked.shape)), asked)

    return World(draw, first_over_second, p)


def logistic(mean: float, sd: float, questions: int | str) -> World:
    """The log-odds of a right answer are normal over images."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(81)

    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        asked = sizes(rng, n, g, questions)
        return stacked(rng.binomial(asked, expit(mean + sd * rng.normal(size=asked.shape))), asked)

    return World(draw, first_over_second, float((weights * expit(mean + sd * nodes)).sum() / weights.sum()))


def slice_of(p: float, alike: float) -> World:
    """A slice that has 0 to 6 of an image's questions, 1.5 on average: some images have none."""

    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        asked = rng.binomial(6, 0.25, (n, g))
        return stacked(rng.binomial(asked, skills(rng, p, alike, asked.shape)), asked)

    return World(draw, first_over_second, p)


def captions(rng: Rng, shape: tuple[int, ...], start: float) -> np.ndarray:
    """(invented, mentions): longer captions mention more, and invent more of what they mention; images differ besides."""
    length, image = rng.gamma(4, 1, shape), 0.7 * rng.normal(size=shape)
    mentions = 1 + rng.poisson(1.2 * length)
    return stacked(rng.binomial(mentions, expit(start + 0.25 * (length - 4) + image)), mentions)


def chair_truth(start: float) -> float:
    invented, mentions = captions(np.random.default_rng(11), (4_000_000,), start).sum(axis=0)
    return float(invented / mentions)


def chair(start: float) -> World:
    return World(lambda rng, n, g: captions(rng, (n, g), start), first_over_second, chair_truth(start))


def yes_no(rng: Rng, n: int, g: int, p: float, alike: float) -> np.ndarray:
    """(tp, fn, fp) of three questions with the label yes and three with no."""
    skill = skills(rng, p, alike, (n, g))
    tp, tn = rng.binomial(3, skill), rng.binomial(3, skill)
    return stacked(tp, 3 - tp, 3 - tn)


def f1(p: float, alike: float) -> World:
    return World(lambda rng, n, g: yes_no(rng, n, g, p, alike), f1_of, p)


def amber(start: float, p: float) -> World:
    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return np.concatenate([captions(rng, (n, g), start), yes_no(rng, n, g, p, 0.3)], axis=-1)

    return World(draw, amber_of, (1 - chair_truth(start) + p) / 2)


def rating(weights: tuple[float, ...]) -> World:
    """A judge's rating from 0 to 6, one an image."""

    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return stacked(rng.choice(7, p=weights, size=(n, g)), np.ones((n, g)))

    return World(draw, first_over_second, float(np.dot(range(7), weights)), range=UNKNOWN)


def relative(beaten: bool = True) -> World:
    """The model's ratings over the reference's, as in LLaVA-Bench; both depend on the image. `beaten`: images may beat it."""

    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        hard = rng.normal(size=(n, g))
        model, reference = (np.clip(np.rint(m - hard + s * rng.normal(size=(n, g))), 1, 10) for m, s in ((6, 2), (8, 1)))
        return stacked(model if beaten else np.minimum(model, reference), reference)

    sums = draw(np.random.default_rng(12), 1, 4_000_000)[0].sum(axis=0)
    return World(draw, first_over_second, float(sums[0] / sums[1]), range=Range(0.0, np.inf))


def words(sd: float) -> World:
    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return stacked(rng.lognormal(3, sd, (n, g)), np.ones((n, g)))

    return World(draw, first_over_second, float(np.exp(3 + sd * sd / 2)), range=UNKNOWN)


def counts(mean: float) -> World:
    """Inventions a caption: Poisson with a mean that is exponential over images."""

    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return stacked(rng.poisson(mean * rng.exponential(size=(n, g))), np.ones((n, g)))

    return World(draw, first_over_second, mean, range=UNKNOWN)


METRICS: dict[str, Callable[[], World]] = {
    "accuracy 80 %, 6 questions, correlation 0.3": lambda: accuracy(0.8, 0.3, 6),
    "accuracy 95 %, 6 questions, correlation 0.3": lambda: accuracy(0.95, 0.3, 6),
    "accuracy 99 %, 6 questions, correlation 0.3": lambda: accuracy(0.99, 0.3, 6),
    "accuracy 1 %, 6 questions, correlation 0.3": lambda: accuracy(0.01, 0.3, 6),
    "accuracy 50 %, 6 questions, correlation 0.6": lambda: accuracy(0.5, 0.6, 6),
    "accuracy 90 %, 1 to 20 questions, correlation 0.2": lambda: accuracy(0.9, 0.2, "1-20"),
    "accuracy 98 %, 1 to 20 questions, correlation 0.2": lambda: accuracy(0.98, 0.2, "1-20"),
    "accuracy 70 %, 1 question": lambda: accuracy(0.7, 0.5, 1),
    "accuracy 97 %, 1 question": lambda: accuracy(0.97, 0.5, 1),
    "accuracy 91 %, logistic-normal, few questions": lambda: logistic(3, 1.5, "few"),
    "accuracy 97 %, logistic-normal, 12 questions": lambda: logistic(4, 1, 12),
    "slice of 1.5 questions an image, 90 %": lambda: slice_of(0.9, 0.3),
    "F1 80 %": lambda: f1(0.8, 0.3),
    "F1 95 %": lambda: f1(0.95, 0.3),
    "F1 99 %": lambda: f1(0.99, 0.3),
    "CHAIRi 17 %, longer captions invent more": lambda: chair(-1.9),
    "CHAIRi 5 %, longer captions invent more": lambda: chair(-3.3),
    "AMBER score, rounded as published": lambda: amber(-2.5, 0.85),
    "rating 0 to 6, spread": lambda: rating((0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.1)),
    "rating 0 to 6, mostly 6": lambda: rating((0.03, 0.0, 0.02, 0.05, 0.1, 0.2, 0.6)),
    "relative score (LLaVA-Bench)": relative,
    "relative score, no image beats the reference": lambda: relative(beaten=False),
    "words an answer, log-normal 0.5": lambda: words(0.5),
    "inventions a caption, 0.5": lambda: counts(0.5),
    "inventions a caption, 3": lambda: counts(3.0),
}


@dataclass(frozen=True)
class Missed:
    """Per cent of intervals (or tests) below the truth and above it, and of sweeps without an interval."""

    low: float
    high: float
    without: float = 0.0

    @property
    def covered(self) -> float:
        return 100 - self.low - self.high


def missed(low: np.ndarray, high: np.ndarray, truth: float) -> Missed:
    """Of the intervals that there are: a sweep without one claims nothing."""
    known = np.isfinite(low) & np.isfinite(high)
    below, above = (float(100 * beside[known].mean()) for beside in (high < truth, low > truth))
    return Missed(below, above, float(100 - 100 * known.mean()))


def metric_cell(world: World, g: int, n: int, rng: Rng) -> Missed:
    totals = world.draw(rng, n, g)
    return missed(*limits_of(expand(world.compute, totals), world.range), world.truth)


def old_metric_cell(world: World, g: int, n: int, rng: Rng) -> Missed:
    """The percentile bootstrap over images that versions before 0.2 had."""
    from harness.core.stats import interval

    totals = world.draw(rng, n, g)
    ends = []
    for one in totals:
        low, high = interval(world.compute(resample(one, 1000)), g)
        ends.append((low if low is not None else np.nan, high if high is not None else np.nan))
    return missed(*np.array(ends, dtype=np.float64).T, world.truth)


# ---------------------------------------------------------------- paired differences


def pair_accuracy(p: float, alike: float, questions: int | str, after: float | None = None, kept: float = 0.0) -> Paired:
    """Two models of the same skill on every image, or of another skill `after`; a share of images keeps all its answers."""

    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        asked = sizes(rng, n, g, questions)
        skill = skills(rng, p, alike, asked.shape)
        old = rng.binomial(asked, skill)
        new = rng.binomial(asked, skill if after is None else skills(rng, after, alike, asked.shape))
        return stacked(old, asked), stacked(np.where(rng.random(asked.shape) < kept, old, new), asked)

    return Paired(draw, first_over_second, 0.0 if after is None else (after - p) * (1 - kept))


def pair_chair(start: float, after: float | None = None) -> Paired:
    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        length, image = rng.gamma(4, 1, (n, g)), 0.7 * rng.normal(size=(n, g))
        sides = []
        for begin in (start, start if after is None else after):
            mentions = 1 + rng.poisson(1.2 * length)
            sides.append(stacked(rng.binomial(mentions, expit(begin + 0.25 * (length - 4) + image)), mentions))
        return sides[0], sides[1]

    return Paired(draw, first_over_second, 0.0 if after is None else chair_truth(after) - chair_truth(start))


def pair_sparse(p: float, naming: float, objects: int) -> Paired:
    """Two models that invent alike; the second names `objects` in a share of its captions alone, the first four in each."""

    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        skill = skills(rng, p, 0.2, (n, g))
        named = objects * (rng.random((n, g)).argsort(axis=1) < round(naming * g))
        return stacked(rng.binomial(4, skill), np.full((n, g), 4)), stacked(rng.binomial(named, skill), named)

    return Paired(draw, first_over_second)


def pair_f1(p: float) -> Paired:
    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        skill = skills(rng, p, 0.3, (n, g))
        sides = []
        for _ in range(2):
            tp, tn = rng.binomial(3, skill), rng.binomial(3, skill)
            sides.append(stacked(tp, 3 - tp, 3 - tn))
        return sides[0], sides[1]

    return Paired(draw, f1_of)


def pair_words() -> Paired:
    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        usual = rng.lognormal(3, 0.6, (n, g))
        old, new = (stacked(usual * rng.lognormal(0, 0.5, (n, g)), np.ones((n, g))) for _ in range(2))
        return old, new

    return Paired(draw, first_over_second, width=0.0)


NULLS: dict[str, Callable[[], Paired]] = {
    "accuracy 80 %, 6 questions": lambda: pair_accuracy(0.8, 0.3, 6),
    "accuracy 95 %, 6 questions": lambda: pair_accuracy(0.95, 0.3, 6),
    "accuracy 99 %, 6 questions": lambda: pair_accuracy(0.99, 0.3, 6),
    "accuracy 90 %, 1 to 20 questions": lambda: pair_accuracy(0.9, 0.2, "1-20"),
    "accuracy 80 %, 1 question": lambda: pair_accuracy(0.8, 0.5, 1),
    "accuracy 95 %, 1 question": lambda: pair_accuracy(0.95, 0.5, 1),
    "accuracy 80 %, 9 of 10 images unchanged": lambda: pair_accuracy(0.8, 0.3, 6, kept=0.9),
    "F1 80 %": lambda: pair_f1(0.8),
    "CHAIRi 17 %": lambda: pair_chair(-1.9),
    "CHAIRi 10 %, a fifth of the captions name an object": lambda: pair_sparse(0.1, 0.2, 1),
    "CHAIRi 10 %, half of the captions name an object": lambda: pair_sparse(0.1, 0.5, 1),
    "CHAIRi 25 %, a fifth of the captions name three": lambda: pair_sparse(0.25, 0.2, 3),
    "words an answer": pair_words,
}
SHIFTS: dict[str, Callable[[], Paired]] = {
    "accuracy 80 to 90 %": lambda: pair_accuracy(0.8, 0.3, 6, after=0.9),
    "accuracy 95 to 99 %": lambda: pair_accuracy(0.95, 0.3, 6, after=0.99),
    "accuracy, 80 to 90 % on a fifth of the images": lambda: pair_accuracy(0.8, 0.3, 6, after=0.9, kept=0.8),
    "accuracy 80 to 90 %, 1 question": lambda: pair_accuracy(0.8, 0.5, 1, after=0.9),
    "CHAIRi 17 to 10 %": lambda: pair_chair(-1.9, after=-2.6),
}


def paired_cell(world: Paired, g: int, n: int, rng: Rng) -> Missed:
    """Coverage of the difference; with no true difference, what is missed are the false alarms."""
    old, new = world.draw(rng, n, g)
    found = expand(world.compute, new).minus(expand(world.compute, old))
    low, high, p = difference_interval(found, world.width)
    if world.truth == 0:
        alarms = np.where(np.isfinite(p), p, 1) < 0.05
        return Missed(float(100 * (alarms & (found.value < 0)).mean()), float(100 * (alarms & (found.value > 0)).mean()))
    return missed(low, high, world.truth)


# ---------------------------------------------------------------- several seeds


def seeded(n_seeds: int, scatter: float, p: float, change: bool) -> Callable[[int, int, Rng], Missed]:
    """Seeds whose log-odds of a right answer scatter around a method's; the truth is the mean over seeds and images.

    `change`: against a baseline as good as the method's seeds are on average, how often p < 0.05.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(81)
    start = float(np.log(p / (1 - p)))

    def cell(g: int, n: int, rng: Rng) -> Missed:
        truth = float((weights * expit(start + np.hypot(scatter, 1) * nodes)).sum() / weights.sum())
        image = rng.normal(size=(n, g))
        offsets = scatter * rng.normal(size=(n, n_seeds))
        found = [_side(rng, start + image + offsets[:, s, None]) for s in range(n_seeds)]
        if not change:
            ends = [_seeds_of(found, i) for i in range(n)]
            return missed(*np.array(ends, dtype=np.float64).T, truth)
        base = _side(rng, _logit_of_mean(start + image, scatter, nodes, weights))
        tests = [seeds_of_difference([_one(f.minus(base), i) for f in found], True) for i in range(n)]
        alarms = [(t.mean > 0) - (t.mean < 0) for t in tests if t is not None and t.p is not None and t.p < 0.05]
        return Missed(100 * alarms.count(-1) / n, 100 * alarms.count(1) / n)

    return cell


def _logit_of_mean(log_odds: np.ndarray, scatter: float, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The log-odds whose chance is the mean chance over seeds."""
    mean = sum(w * expit(log_odds + scatter * z) for z, w in zip(nodes, weights)) / weights.sum()
    return np.log(mean / (1 - mean))


def _side(rng: Rng, log_odds: np.ndarray) -> Linear:
    return expand(first_over_second, stacked(rng.binomial(6, expit(log_odds)), np.full(log_odds.shape, 6)))


def _one(found: Linear, i: int) -> Linear:
    of = slice(i, i + 1)
    return replace(found, value=found.value[of], parts=found.parts[of], clusters=found.clusters[of],
                   bias=found.bias[of], bend=found.bend[of], counting=found.counting[of],
                   sides=tuple(_one(side, i) for side in found.sides))  # fmt: skip


def _seeds_of(found: list[Linear], i: int) -> tuple[float, float]:
    one = [_one(f, i) for f in found]
    low, high = limits_of(mean_of(one), SHARE)
    seeds = seeds_of_metric(one, (float(low[0]), float(high[0])), SHARE)
    assert seeds is not None and seeds.low is not None and seeds.high is not None
    return seeds.low, seeds.high


SEEDS = {
    "2 seeds, scatter 0.1, 80 %": seeded(2, 0.1, 0.8, False),
    "3 seeds, scatter 0.2, 80 %": seeded(3, 0.2, 0.8, False),
    "5 seeds, scatter 0.3, 95 %": seeded(5, 0.3, 0.95, False),
    "3 seeds against a baseline, scatter 0.2 (false alarms)": seeded(3, 0.2, 0.8, True),
    "5 seeds against a baseline, scatter 0.3 (false alarms)": seeded(5, 0.3, 0.9, True),
}


# ---------------------------------------------------------------- the table


def row(title: str, cells: list[Missed], alarms: bool) -> str:
    shown = [f"{100 - c.covered if alarms else c.covered:.1f} ({c.low:.1f}, {c.high:.1f})" for c in cells]
    shown = [text + (f", none in {c.without:.1f}" if c.without >= 0.05 else "") for text, c in zip(shown, cells)]
    return f"| {title} | " + " | ".join(shown) + " |"


def several(asked: argparse.Namespace) -> None:
    """Several checkpoints against one baseline: at most 1,000 sweeps a cell."""
    images = (30, 100, 500)
    heads = " | ".join(f"{g} images" for g in images)
    sys.stdout.write(f"\n| pointwise, simultaneous (rank intervals) | {heads} |\n| --- |{' ---: |' * 3}\n")
    for name, world in other.SEVERAL.items():
        if asked.only in name:
            rng = [np.random.default_rng([asked.seed, g, *name.encode()]) for g in images]
            cells = [other.joint_cell(world, g, min(asked.sweeps, 1000), r) for g, r in zip(images, rng)]
            shown = " | ".join(f"{one:.1f}, {joint:.1f} ({ranks:.1f})" for one, joint, ranks in cells)
            sys.stdout.write(f"| {name} | {shown} |\n")
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="worlds with this in their name")
    parser.add_argument("--old", action="store_true", help="the percentile bootstrap too (many minutes)")
    asked = parser.parse_args()

    def table(title: str, worlds: dict, cell: Callable, alarms: bool = False) -> None:
        chosen = [name for name in worlds if asked.only in name]
        if not chosen:
            return
        heads = " | ".join(f"{g} images" for g in IMAGES)
        sys.stdout.write(f"\n| {title} | {heads} |\n| --- |{' ---: |' * len(IMAGES)}\n")
        for name in chosen:
            world = worlds[name]() if worlds is not SEEDS else worlds[name]
            rng = [np.random.default_rng([asked.seed, g, *name.encode()]) for g in IMAGES]
            cells = [cell(world, g, asked.sweeps, r) for g, r in zip(IMAGES, rng)]
            sys.stdout.write(row(name, cells, alarms or "false alarms" in name) + "\n")
            sys.stdout.flush()

    table("95 % interval of", METRICS, metric_cell)
    table("no single image has a value: 95 % interval of", parts.METRICS, metric_cell)
    table("the same: difference", parts.SHIFTS, paired_cell)
    table("the same: false alarms at 5 %, nothing changed", parts.NULLS, paired_cell, alarms=True)
    if asked.old:
        table("the same, percentile bootstrap", METRICS, old_metric_cell)
    table("95 % interval of the difference", SHIFTS, paired_cell)
    table("false alarms at 5 %, nothing changed", NULLS, paired_cell, alarms=True)
    table("seeds put together", SEEDS, lambda world, g, n, rng: world(g, n, rng))
    table("other generators: 95 % interval of", other.METRICS, metric_cell)
    table("other generators: false alarms at 5 %", other.NULLS, paired_cell, alarms=True)
    if any(asked.only in name for name in other.SEVERAL):
        several(asked)


if __name__ == "__main__":
    main()
