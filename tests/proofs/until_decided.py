"""A gate that is looked at after every batch of images: how often is it wrong at any stopping time, how much does it save?

    python -m tests.proofs.until_decided [SWEEPS]        (default 2,000 a row: about ten minutes on one core)

Each sweep has 500 images in random order. "at the margin": the checkpoint is worse by exactly the margin, and the share counts
sweeps that pass at any look (at most 5 %). "equal", "worse": the share that passes, or fails, and the images that were asked
until then; a sweep that was never decided asked all.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from harness.core.stats import Sample
from reports.gate.anytime import Anytime, looks
from reports.gate.shift_test import p_above, p_below, shift_of

ALPHA = 0.05
IMAGES = 500


def worlds_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gates_proof", Path(__file__).with_name("gates.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def first(data: Sample, images: int) -> Sample:
    kept = data.cluster < images
    return Sample(data.names, data.values[kept], data.cluster[kept])


def outcome(world: object, before: Sample, after: Sample, margin: float, images: int = IMAGES) -> tuple[str, int]:
    """("pass", "fail" or "", images asked) of one sweep against a guard with this margin; relative margins as the world's."""
    test = Anytime({"b": images}, ALPHA, 1)
    for n in looks(images):
        shift = shift_of(first(before, n), first(after, n), world.formula, world.sign, world.relative)  # type: ignore[attr-defined]
        if shift is None:
            continue
        met = test.p("met", "b", p_above(shift, -margin), len(shift.images))
        unmet = test.p("not met", "b", p_below(shift, -margin), len(shift.images))
        if met is not None and met < ALPHA:
            return "pass", n
        if unmet is not None and unmet < ALPHA:
            return "fail", n
    return "", images


def rows(sweeps: int, seed: int = 0) -> list[tuple[str, float, float, float]]:
    """(world, false passes at the margin, passes when equal, share of images asked then)."""
    proof = worlds_module()
    made = [
        proof.accuracy(IMAGES, 6, 0.85, 0.05), proof.accuracy(IMAGES, 6, 0.99, 0.01), proof.accuracy(IMAGES, 1, 0.80, 0.10),
        proof.accuracy(IMAGES, 6, 0.03, 0.015), proof.f1(IMAGES, 6, 0.85, 0.05), proof.chair(IMAGES, 0.05),
        proof.length(IMAGES, 0.20),
    ]  # fmt: skip
    return [(world.name, *shares(world, sweeps, seed)) for world in made]


def shares(world: object, sweeps: int, seed: int = 0) -> tuple[float, float, float]:
    rng = np.random.default_rng(seed)
    wrong = [outcome(world, *world.draw(rng, True), world.margin)[0] == "pass" for _ in range(sweeps)]  # type: ignore[attr-defined]
    right = [outcome(world, *world.draw(rng, False), world.margin) for _ in range(sweeps)]  # type: ignore[attr-defined]
    passed = float(np.mean([verdict == "pass" for verdict, _ in right]))
    return float(np.mean(wrong)), passed, float(np.mean([asked for _, asked in right])) / IMAGES


def main() -> None:
    sweeps = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{'guard':52} {'false passes':>12} {'passes when equal':>18} {'images asked then':>18}   ({sweeps:,} sweeps each)")
    for name, wrong, right, asked in rows(sweeps):
        print(f"{name:52} {wrong:12.1%} {right:18.1%} {asked:18.1%}", flush=True)


if __name__ == "__main__":
    main()
