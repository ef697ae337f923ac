"""The option that the model finds likeliest, beside the letter that it wrote.

The written letter depends on how an answer is worded and read; the likeliest one does not: the log-probability of each
option's letter behind the prompt is compared (as in MMLU's evaluation, Hendrycks et al. 2021, arXiv:2009.03300).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.core.evaluation import Answer, Formula, Score, ratio

_UNKNOWN = "no likelihoods of the options: the model's backend gives none"

FORMULAS: tuple[Formula, ...] = (
    ratio(
        "likelihood_accuracy", ["likelihood/right"], ["likelihood/n"], headline=True, unknown=_UNKNOWN,
        about="the likeliest option is right",
    ),
    ratio(
        "likelihood_agreement", ["likelihood/same"], ["likelihood/read"], better="neither", unknown=_UNKNOWN,
        about="the likeliest option is the one that was read in the answer",
    ),
)  # fmt: skip


def likeliest(nats: Mapping[str, float] | None, offered: Mapping[str, str]) -> str:
    """The option whose text has the largest log-probability, the first of equal ones; "" where one is not known.

    offered: option -> the text that the model would write for it.
    """
    if nats is None or not offered or any(text not in nats for text in offered.values()):
        return ""
    return max(offered, key=lambda option: nats[offered[option]])


def with_likeliest(score: Score, answer: Answer, offered: Mapping[str, str], right: str, read: str | None) -> Score:
    """The score with addends "likelihood/n", "/right", "/read" and "/same", and the option named in `why`.

    `right` is the true option, `read` the one read in the answer, None where a judge read it. Unchanged where the
    likelihoods are not known.
    """
    found = likeliest(answer.option_nats, offered)
    if not found or answer.option_nats is None:
        return score
    told = ", ".join(f"{option} {answer.option_nats[text]:.2f}" for option, text in offered.items())
    values = {"n": 1.0, "right": float(found == right)}
    values |= {"read": 1.0, "same": float(found == read)} if read is not None else {}
    added = {f"likelihood/{name}": value for name, value in values.items()}
    return replace(score, values={**score.values, **added}, why=f"likeliest option {found} (log-probabilities: {told})")
