"""Whether a training teaches answers to end: only where the chat template writes an end token behind them."""

from __future__ import annotations

from collections.abc import Sequence

from alignment.batching.contexts import written_behind
from alignment.batching.policy import KnowsItsEnds, Policy
from alignment.training.objectives import DependsOnTemplate, Objective
from alignment.training.sample_supply import Online
from harness.core.preference import PreferencePair

NOTE = (
    "The chat template writes no end token behind an answer: this training did not teach answers to end, so that more of them "
    'may run on to the token limit ("truncated" in the report), whatever the method. Use the template that the model was '
    "made with."
)
AHEAD = "the chat template writes no end token behind an answer, so that training on stored answers does not teach to end"


def end_token_note(
    policy: Policy, objective: Objective, pairs: Sequence[PreferencePair], online: Online | None
) -> tuple[str, ...]:
    """One sentence for the report, or none: of a reward model, which answers nothing, of answers that the policy drew itself,
    whose end token was drawn too, and of sentences, which end no answer, there is nothing to say.

    Args: `pairs`: none where they are still to be made, e.g. in a dry run, which says `AHEAD`."""
    sentences = bool(pairs) and all(pair.context for pair in pairs)
    if online is not None or isinstance(objective, DependsOnTemplate) or sentences:
        return ()
    if not isinstance(policy, KnowsItsEnds) or policy.end_ids() & set(written_behind(policy)):
        return ()
    return (NOTE,)
