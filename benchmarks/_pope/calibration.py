"""Does a model that says "yes, 70 %" see the thing seven times in ten? Calibration of yes/no answers as addends.

p is the model's probability of yes among yes and no, 1 / (1 + exp(-log-odds)). Questions are put into ten bins of equal
width by p; ECE is the mean distance between the bins' mean p and share of true yes, each bin weighed by its questions
(Guo et al. 2017, arXiv:1706.04599, equation 3, with p of yes in place of the confidence). The Brier score is the mean
of (p - truth)^2 (Brier 1950). As sums over questions both get intervals like every other metric.

ECE is a mean of absolute values: by chance alone it is above 0 for a calibrated model too, the more the fewer questions.
"""

from __future__ import annotations

import math

from harness.core.evaluation import Formula, Number, Sums, over

BINS = 10
_UNKNOWN = "no log-odds of yes: the model's backend gives none, or `log_odds` is off"


def addends(yes_nats: float | None, is_yes: bool) -> dict[str, float]:
    """One question: its bin's "p<bin>/n", "/p" and "/yes", its squared error "brier", and the "log_odds" themselves.

    Nothing where the log-odds are not known.
    """
    if yes_nats is None:
        return {}
    p = 0.5 * (1 + math.tanh(yes_nats / 2))  # the logistic function, without overflow
    place = f"p{min(int(p * BINS), BINS - 1)}"
    return {
        f"{place}/n": 1.0, f"{place}/p": p, f"{place}/yes": float(is_yes),
        "log_odds": yes_nats, "brier": (p - is_yes) ** 2,
    }  # fmt: skip


def formulas() -> tuple[Formula, ...]:
    return (
        Formula("ece", _ece, "lower", unknown=_UNKNOWN, about="mean distance of p(yes) from the share of true yes, 10 bins"),
        Formula("brier", _brier, "lower", unknown=_UNKNOWN, about="mean (p(yes) - truth)^2", title="Brier score"),
    )


def _ece(s: Sums) -> Number:
    return over(sum(abs(s[f"p{b}/p"] - s[f"p{b}/yes"]) for b in range(BINS)), _asked(s))


def _brier(s: Sums) -> Number:
    return over(s["brier"], _asked(s))


def _asked(s: Sums) -> Number:
    return sum(s[f"p{b}/n"] for b in range(BINS))
