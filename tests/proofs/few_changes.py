"""How many false alarms at most a test can raise that never raises more than a limit, where few images of one question change.

    python tests/proofs/few_changes.py

Such a test sees how many images gained and how many lost; without drawing lots it rejects or not. Of d changed images, each
gained or lost with a chance of 1/2, it rejects where the two numbers differ by `m` or more; `d` is Poisson around a mean that
nobody knows, so that the limit must hold for every mean. Searched: all `m` that rise or fall by one with each further image.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.stats import binom, poisson

_SEARCHED, _ALL = 14, 60  # from the first on: the normal deviate of the sign test at 5 %
_MEANS = np.arange(0.25, 40, 0.25)


def _alarms(d: int, m: int) -> float:
    """Chance that d fair coins differ by m or more."""
    return float(2 * binom.sf((d + m) / 2 - 1, d, 0.5)) if 0 < m <= d else float(m <= 0)


def most_alarms(mean: float, limit: float) -> float:
    """The largest chance of a false alarm at this mean of changed images."""
    own, chance = poisson.pmf(np.arange(_ALL), mean), poisson.pmf(np.arange(_ALL)[:, None], _MEANS)
    level, value, best = np.zeros(len(_MEANS)), 0.0, 0.0
    for d in range(_SEARCHED, _ALL):
        m = int(np.ceil(1.96 * np.sqrt(d)))
        alarms = _alarms(d, m + (d - m) % 2)
        level, value = level + chance[d] * alarms, value + own[d] * alarms
    open_ends = [(1, m, level + chance[1] * _alarms(1, m), value + own[1] * _alarms(1, m)) for m in (1, 3)]
    while open_ends:
        d, m, level, value = open_ends.pop()
        if (level > limit).any():
            continue
        if d == _SEARCHED - 1:
            best = max(best, value)
            continue
        for n in (m - 1, m + 1):
            alarms = _alarms(d + 1, n)
            open_ends.append((d + 1, n, level + chance[d + 1] * alarms, value + own[d + 1] * alarms))
    return best


if __name__ == "__main__":
    for images in (30, 60, 100):  # 95 % right, correlation 0.5 between the two checkpoints: one image in 21 changes
        most = 100 * most_alarms(images * 0.0475, 0.06)
        sys.stdout.write(f"{images} images: at most {most:.1f} %\n")
