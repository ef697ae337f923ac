"""Tests that hold at any stopping time: looked at after every batch of images, and still wrong at most as often as they say.

After n images in random order a requirement's test has the normal score z = Phi^-1(1 - p) (`shift_test`). Under the hypothesis
z sqrt(n) is, asymptotically, at most a Brownian motion at time n; its one-sided normal mixture is a supermartingale

    e_n = 2 / sqrt(1 + n r^2) * exp(r^2 n z^2 / (2 (1 + n r^2))) * Phi(r sqrt(n) z / sqrt(1 + n r^2))

(Robbins 1970; asymptotic confidence sequences, Waudby-Smith et al., Annals of Statistics 2024, arXiv:2103.06476), so that by
Ville's inequality 1 / max e is a p value at every n at once, and Holm's correction of such p holds too. r is chosen for the
sharpest decision at a quarter of the images. The first look is at `FIRST` images: the theorem is asymptotic.

Images that fail as a whole and of which none was drawn are not in z. Where they are a share q of all, 1 / (1 - q)^n until one
is drawn is a martingale, too, so that `Chances.unseen` is a p value at every n at once for a known q. Here q follows from a
difference that scatters; twice the chance counts, which by simulation is enough.
tests/proofs/until_decided.py simulates whole sweeps.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from reports.gate.shift_test import Chances

FIRST = 50  # images before the first look
_GROWTH = 1.25  # of the number of images from look to look
_UNSEEN = 2.0  # times the chance that no image of a share was drawn


def looks(images: int) -> list[int]:
    """Numbers of images after which the gate is looked at; the last is all of them."""
    found = []
    n = float(FIRST)
    while n < images:
        found.append(int(n))
        n *= _GROWTH
    return [*found, images]


def e_value(p: float, n: int, planned: int, alpha: float) -> float:
    """The mixture e-value of a one-sided p after n images, of `planned` in all."""
    from scipy.special import ndtr, ndtri

    if p <= 0.0:
        return math.inf
    z = -float(ndtri(min(p, 1.0))) if p < 1.0 else -math.inf
    if z == -math.inf:
        return 0.0
    level = -2 * math.log(2 * min(alpha, 0.2))
    r2 = (level + math.log(1 + level)) / max(planned / 4, FIRST)
    spread = 1 + n * r2
    log_e = math.log(2 / math.sqrt(spread)) + r2 * n * z * z / (2 * spread)
    share = float(ndtr(math.sqrt(r2 * n / spread) * z))
    return math.exp(min(log_e, 700.0)) * share


class Anytime:
    """The p values of one sequence of looks; `planned`: benchmark -> its number of images."""

    def __init__(self, planned: dict[str, int], alpha: float, n_tests: int) -> None:
        self.planned, self._alpha = planned, alpha / max(n_tests, 1)
        self._least: dict[Hashable, float] = {}

    def p(self, key: Hashable, benchmark: str, found: Chances | None, n: int) -> float | None:
        """The p value at this look and all before, from the fixed-size test of this look."""
        if found is not None and n >= min(FIRST, self.planned[benchmark]):
            e = e_value(found.scatter, n, self.planned[benchmark], self._alpha)
            p = max(1 / e if e > 1 else 1.0, _UNSEEN * found.unseen)
            self._least[key] = min(self._least.get(key, 1.0), p)
        return self._least.get(key, 1.0)
