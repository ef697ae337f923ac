"""What there is to do in a study whose files are not all there: counted, not measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alignment.settings import make_settings
from harness.config.schema import Arm, RunConfig
from harness.core.errors import HarnessError

PUBLISHED_SIZES = {"povid": 17_184, "rlhf_v": 5_733, "vlfeedback": 80_258, "llava_rlhf": 9_422, "rlaif_v": 83_132}  # rows


def counted(config: RunConfig, totals: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """(stage, amount) of every arm: prompts of its source and steps of its training; `totals`: arms whose files are there."""
    for arm in (*config.reward_models, *config.arms):
        total, steps = totals.get(arm.name) or _expected(arm), "an unknown number of"
        prompts = steps if total is None else f"{total:,}"
        yield f"pairs: {arm.name}", f"{prompts} prompts ({arm.pairs.name})"
        try:
            settings = make_settings(arm.align.options.get("training"))
        except HarnessError:  # named among what is wrong
            continue
        steps = steps if total is None else f"{settings.steps(total):,}"
        yield f"align: {arm.name}", f"{steps} steps of {settings.batch_size} pairs ({arm.align.name})"


def _expected(arm: Arm) -> int | None:
    """Pairs of an arm whose files are not there: its limit, or the published size of its data set."""
    first = arm.pairs.options.get("first", {})
    limit = arm.pairs.options.get("limit") or first.get("limit")
    return limit or PUBLISHED_SIZES.get(first.get("name", arm.pairs.name))
