"""How often does a gate pass a checkpoint that is worse by exactly the margin, and how often one that is as good as its base?

    python -m tests.proofs.gates [SWEEPS]        (default 2,000 a row: about three minutes on one core)

Worlds are drawn from populations whose true metrics are known; questions of one image hang together. Each row is one guard
(non-inferiority) at alpha 0.05. "at the margin": the true difference is exactly the margin, so every pass is false; at most 5 %
may pass (6 % with the scatter of 2,000 sweeps). "equal": base and checkpoint are truly alike; passes are right.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.core.evaluation import Formula, over, ratio
from harness.core.stats import Sample
from reports.gate.shift_test import p_above, shift_of

Floats = NDArray[np.float64]
ALPHA = 0.05
ACCURACY = ratio("accuracy", ["right"], ["n"])
CHAIR_I = ratio("chair_i", ["invented"], ["mentions"], better="lower")
LENGTH = ratio("length", ["words"], ["n"], unit="words")
F1 = Formula("f1", lambda s: over(2 * s["tp"], 2 * s["tp"] + s["fp"] + s["fn"]))


@dataclass(frozen=True)
class World:
    """A population of sweeps: `draw(rng, worse)` is (before, after), truly worse by the margin or truly equal."""

    name: str
    formula: Formula
    sign: int
    margin: float
    relative: float
    draw: Callable[[np.random.Generator, bool], tuple[Sample, Sample]]

    def passes(self, rng: np.random.Generator, worse: bool) -> bool:
        shift = shift_of(*self.draw(rng, worse), self.formula, self.sign, self.relative)
        p = p_above(shift, -self.margin) if shift is not None else None
        return p is not None and p < ALPHA


def luck(rng: np.random.Generator, images: int, each: int, within: float = 0.3, shared: float = 0.6) -> list[Floats]:
    """Two checkpoints' normal deviates (images, each): correlated within an image, and between the checkpoints."""

    def deviates() -> Floats:
        image, own = rng.normal(size=(images, 1)), rng.normal(size=(images, each))
        return np.asarray(np.sqrt(within) * image + np.sqrt(1 - within) * own)

    common = deviates()
    return [np.sqrt(shared) * common + np.sqrt(1 - shared) * deviates() for _ in range(2)]


def rows(names: tuple[str, ...], *columns: Floats) -> Sample:
    images, each = columns[0].shape
    values = np.column_stack([np.broadcast_to(c, (images, each)).ravel() for c in columns])
    return Sample(names, values, np.repeat(np.arange(images), each))


def accuracy(images: int, each: int, before: float, margin: float) -> World:
    def draw(rng: np.random.Generator, worse: bool) -> tuple[Sample, Sample]:
        rates = (before, before - margin * worse)
        right = [(z < ndtri(rate)).astype(float) for z, rate in zip(luck(rng, images, each), rates, strict=True)]
        one, other = (rows(("right", "n"), r, np.ones_like(r)) for r in right)
        return one, other

    return World(f"accuracy {before:.0%}, {images} images x {each}, margin {margin:.1%}", ACCURACY, 1, margin, 0, draw)


def f1(images: int, each: int, before: float, margin: float) -> World:
    """Half of the questions are yes; right answers at `before` on both make F1 equal to it."""

    def draw(rng: np.random.Generator, worse: bool) -> tuple[Sample, Sample]:
        yes = np.broadcast_to(np.arange(each) % 2 == 0, (images, each))
        sides = []
        for z, rate in zip(luck(rng, images, each), (before, before - margin * worse), strict=True):
            right = z < ndtri(rate)
            cells = (yes & right, ~yes & ~right, yes & ~right)
            sides.append(rows(("tp", "fp", "fn"), *(c.astype(float) for c in cells)))
        return sides[0], sides[1]

    return World(f"F1 {before:.0%}, {images} images x {each}, margin {margin:.1%}", F1, 1, margin, 0, draw)


def captions(rng: np.random.Generator, images: int, more: float) -> tuple[Sample, Sample]:
    """Longer captions invent more; `more` is added to the rate of the second checkpoint."""
    named = rng.poisson(5, images) + 1
    rate = np.clip(0.05 + 0.02 * named, 0, 0.8)
    hard = rng.beta(4 * rate, 4 * (1 - rate))
    sides = []
    for extra in (0.0, more):
        invented = rng.binomial(named, hard) + rng.binomial(named - 0, extra) * (extra > 0)
        sides.append(rows(("invented", "mentions"), np.minimum(invented, named).astype(float)[:, None], named[:, None] * 1.0))
    return sides[0], sides[1]


def chair(images: int, more: float) -> World:
    before, after = captions(np.random.default_rng(1), 400_000, more)
    shares = [float(s.values[:, 0].sum() / s.values[:, 1].sum()) for s in (before, after)]

    def draw(rng: np.random.Generator, worse: bool) -> tuple[Sample, Sample]:
        return captions(rng, images, more if worse else 0.0)

    margin = shares[1] - shares[0]
    return World(f"CHAIRi {shares[0]:.1%}, {images} captions, margin {margin:.1%}", CHAIR_I, -1, margin, 0, draw)


def sparse(images: int, naming: float, more: float) -> World:
    """The second checkpoint names one object in a share of its captions alone, the first four in each."""
    rate = 0.1

    def draw(rng: np.random.Generator, worse: bool) -> tuple[Sample, Sample]:
        named = (rng.permutation(images) < round(naming * images)).astype(np.int64)
        sides = [(rng.binomial(np.full(images, 4), rate), np.full(images, 4))]
        sides.append((rng.binomial(named, rate + more * worse), named))
        one, other = (rows(("invented", "mentions"), *(column[:, None] * 1.0 for column in side)) for side in sides)
        return one, other

    return World(f"CHAIRi 10%, {images} captions, {naming:.0%} name one object, margin {more:.0%}", CHAIR_I, -1, more, 0, draw)


def length(images: int, relative: float) -> World:
    def draw(rng: np.random.Generator, worse: bool) -> tuple[Sample, Sample]:
        base = rng.gamma(4, 15, (images, 1))
        sides = [base * rng.gamma(9, 1 / 9, base.shape) * scale for scale in (1, 1 - relative * worse)]
        one, other = (rows(("words", "n"), words, np.ones_like(words)) for words in sides)
        return one, other

    return World(f"length, {images} captions, margin {relative:.0%} of base", LENGTH, 1, 0, relative, draw)


def rare(images: int, before: float, relative: float) -> World:
    """One question an image; the second checkpoint answers as the first, but for right answers that it loses."""

    def draw(rng: np.random.Generator, worse: bool) -> tuple[Sample, Sample]:
        right = (rng.random((images, 1)) < before).astype(float)
        lost = rng.random((images, 1)) < relative * worse
        one, other = (rows(("right", "n"), r, np.ones_like(r)) for r in (right, right * ~lost))
        return one, other

    return World(
        f"accuracy {before:.0%}, {images} images, margin {relative:.0%} of base, few changes", ACCURACY, 1, 0, relative, draw
    )


def failing(images: int, each: int, before: float, lost: float, anew: float = 0.1) -> World:
    """The second checkpoint answers some questions anew, and, where it is worse, loses all answers of a share of its images."""

    def draw(rng: np.random.Generator, worse: bool) -> tuple[Sample, Sample]:
        old, new, is_anew = (rng.random((images, each)) < chance for chance in (before, before, anew))
        kept = rng.random((images, 1)) >= lost * worse
        right = (old, np.where(is_anew, new, old) & kept)
        one, other = (rows(("right", "n"), r.astype(float), np.ones(r.shape)) for r in right)
        return one, other

    name = f"accuracy {before:.0%}, {images} images x {each}, {lost:.0%} of the images lose all, which is the margin"
    return World(name, ACCURACY, 1, lost * before, 0, draw)


def worlds() -> Iterator[World]:
    yield rare(10, 0.80, 0.05)
    for images in (30, 60, 100, 500):
        yield accuracy(images, 6, 0.99, 0.01)
        yield accuracy(images, 6, 0.85, 0.02)
        yield accuracy(images, 1, 0.80, 0.05)
        yield accuracy(images, 6, 0.03, 0.015)
        yield f1(images, 6, 0.85, 0.02)
        yield chair(images, 0.02)
        yield sparse(images, 0.2, 0.05)
        yield sparse(images, 0.5, 0.05)
        yield length(images, 0.10)
        yield rare(images, 0.80, 0.05)
    yield failing(50, 6, 0.85, 0.04)
    yield failing(100, 6, 0.85, 0.02)
    yield failing(100, 20, 0.90, 0.03)
    yield failing(500, 6, 0.90, 0.01)
    yield failing(500, 20, 0.90, 0.01)


def shares(world: World, sweeps: int, seed: int = 0) -> tuple[float, float]:
    """Shares of sweeps that pass: truly worse by the margin, truly equal."""
    rng = np.random.default_rng(seed)
    return tuple(float(np.mean([world.passes(rng, worse) for _ in range(sweeps)])) for worse in (True, False))  # type: ignore[return-value]


def main() -> None:
    sweeps = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{'guard':52} {'passes at the margin':>20} {'passes when equal':>18}   ({sweeps:,} sweeps each)")
    worst = 0.0
    for world in worlds():
        false, right = shares(world, sweeps)
        worst = max(worst, false)
        print(f"{world.name:52} {false:20.1%} {right:18.1%}", flush=True)
    print(f"largest share of false passes: {worst:.1%}")


if __name__ == "__main__":
    main()
