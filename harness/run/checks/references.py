"""Whether the reference that an arm names is used: losses such as SimPO and supervised fine-tuning have none."""

from __future__ import annotations

from alignment.aligners._base import Aligner
from alignment.training.objectives import ReadsStates
from harness.config.schema import Arm
from harness.core.errors import HarnessError
from harness.run.make_aligner import make_aligner


def unused_reference(arm: Arm) -> tuple[str, ...]:
    """A note on an arm with a `reference` that its training does not read; nothing of all others.

    No fault: an arm of a grid over losses, or of `rounds` with `reference: fixed`, cannot leave its reference out alone.
    """
    if arm.reference is None:
        return ()
    try:
        made = make_aligner(arm.align, arm.align.options, stands_in=True)
    except HarnessError:  # named among what is wrong
        return ()
    if not isinstance(made, Aligner):  # of another distribution
        return ()
    reads = isinstance(made.objective, ReadsStates) and made.objective.reads_states
    if made.objective.needs_reference or reads:
        return ()
    return (f"The `reference` of arm {arm.name} is not read: {arm.align.name} learns without one with these options.",)
