"""How likely the model finds answers that it was not asked to write: beside the answers that it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Request
from harness.evaluation.cached_model import CachedModel

Say = Callable[[str], None]


def with_log_odds(
    asking: CachedModel, requests: Sequence[Request], answers: Mapping[int, Answer], say: Say
) -> dict[int, Answer]:
    """The answers with the log-odds of yes; unchanged, with a note, where the model cannot give them."""
    places = sorted(answers)
    try:
        nats = asking.yes_no_log_odds([requests[i] for i in places])
    except ModelError as error:
        say(f"{asking.what}: no log-odds of yes, so no calibration: {error}")
        return dict(answers)
    return {i: replace(answers[i], yes_nats=nats.get(n)) for n, i in enumerate(places)}


def with_option_nats(
    asking: CachedModel,
    requests: Sequence[Request],
    offered: Sequence[Sequence[str]],
    answers: Mapping[int, Answer],
    say: Say,
) -> dict[int, Answer]:
    """The answers with the log-probabilities of what is offered; unchanged, with a note, where the model cannot give them."""
    places = sorted(answers)
    try:
        nats = asking.option_log_probs([requests[i] for i in places], [offered[i] for i in places])
    except ModelError as error:
        say(f"{asking.what}: no likelihoods of the options: {error}")
        return dict(answers)
    return {i: replace(answers[i], option_nats=nats.get(n)) for n, i in enumerate(places)}
