"""A gate that is looked at after every batch of images: how often is it wrong at any stopping time, how much does it save?

    python -m tests.proofs.until_decided [SWEEPS] [SEED]        (default 2,000 a row: about fifteen minutes on an idle core)

Each sweep has 100 or 500 images in random order. "at the margin": the checkpoint is worse by exactly the margin; every pass and
every fail (it is not worse by more), is wrong, and the shares count sweeps that pass, or fail, at any look (at most 5 % each).
"equal" and "worse by two margins": the share decided rightly, and the mean share of images asked until then; a sweep that was
never decided asked all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.core.stats import Sample
from reports.gate.anytime import Anytime, looks
from reports.gate.shift_test import above, below, shift_of
from tests.proofs import gates
from tests.proofs.gates import World

ALPHA = 0.05
CLEAR = 2.0  # margins by which a clearly worse checkpoint is worse


@dataclass(frozen=True, slots=True)
class Shares:
    """Of simulated sweeps; `asked`: mean share of the images."""

    passed_at_margin: float
    failed_at_margin: float
    passed_when_equal: float
    asked_when_equal: float
    failed_when_worse: float
    asked_when_worse: float


def first(data: Sample, images: int) -> Sample:
    kept = data.cluster < images
    return Sample(data.names, data.values[kept], data.cluster[kept])


def outcome(world: World, before: Sample, after: Sample, strict: float = 1.0) -> tuple[str, float]:
    """("pass", "fail" or "", share of images asked) of one sweep against a guard with 1 / `strict` of the world's margin."""
    images = len(np.unique(before.cluster))
    test = Anytime({"b": images}, ALPHA, 1)
    for n in looks(images):
        shift = shift_of(first(before, n), first(after, n), world.formula, world.sign, world.relative / strict)
        if shift is None:
            continue
        threshold = -world.margin / strict
        met = test.p("met", "b", above(shift, threshold), len(shift.images))
        unmet = test.p("not met", "b", below(shift, threshold), len(shift.images))
        if met is not None and met < ALPHA:
            return "pass", n / images
        if unmet is not None and unmet < ALPHA:
            return "fail", n / images
    return "", 1.0


def worlds(images: int, margins: float = 1.0) -> Iterator[World]:
    """Worlds whose worse checkpoint is worse by so many margins."""
    yield gates.accuracy(images, 6, 0.85, 0.05 * margins)
    yield gates.accuracy(images, 6, 0.99, 0.01 * margins)
    yield gates.accuracy(images, 1, 0.80, 0.10 * margins)
    yield gates.accuracy(images, 6, 0.03, 0.015 * margins)
    yield gates.f1(images, 6, 0.85, 0.05 * margins)
    yield gates.chair(images, 0.05 * margins)
    yield gates.length(images, 0.20 * margins)
    yield gates.failing(images, 6, 0.90, 0.02 * margins)
    yield gates.failing(images, 20, 0.90, 0.03 * margins)


def shares(world: World, clearly: World, sweeps: int, seed: int = 0) -> Shares:
    rng = np.random.default_rng(seed)
    margin = [outcome(world, *world.draw(rng, True)) for _ in range(sweeps)]
    equal = [outcome(world, *world.draw(rng, False)) for _ in range(sweeps)]
    worse = [outcome(clearly, *clearly.draw(rng, True), CLEAR) for _ in range(sweeps)]

    def share(found: list[tuple[str, float]], verdict: str) -> float:
        return float(np.mean([name == verdict for name, _ in found]))

    def asked(found: list[tuple[str, float]]) -> float:
        return float(np.mean([part for _, part in found]))

    return Shares(share(margin, "pass"), share(margin, "fail"), share(equal, "pass"), asked(equal), share(worse, "fail"),
                  asked(worse))  # fmt: skip


def main() -> None:
    sweeps, seed = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 2000), (2, 0)))
    print("| guard | false passes | false fails | equal: passes | images asked | worse by two margins: fails | images asked |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for images in (100, 500):
        for world, clearly in zip(worlds(images), worlds(images, CLEAR), strict=True):
            found = shares(world, clearly, sweeps, seed)
            texts = [f"{100 * getattr(found, name):.1f} %" for name in Shares.__dataclass_fields__]
            print(f"| {world.name} | {' | '.join(texts)} |", flush=True)


if __name__ == "__main__":
    main()
