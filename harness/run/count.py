"""What there is to do in a study whose files are not all there: counted, not measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alignment.settings import make_settings
from harness.config.option_faults import SOURCES_INSIDE
from harness.config.schema import Arm, RunConfig
from harness.core.edge.text import count
from harness.core.errors import HarnessError

PUBLISHED_SIZES = {"povid": 17_184, "rlhf_v": 5_733, "vlfeedback": 80_258, "llava_rlhf": 9_422, "rlaif_v": 83_132}  # rows


def counted(config: RunConfig, totals: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """(stage, amount) of every arm: prompts of its source and steps of its training; `totals`: arms whose files are there."""
    for arm in (*config.reward_models, *config.arms):
        total = totals.get(arm.name) or _expected(arm)
        yield f"pairs: {arm.name}", f"{_amount(total, 'prompt')} ({arm.pairs.name})"
        try:
            settings = make_settings(arm.align.options.get("training"))
        except HarnessError:  # named among what is wrong
            continue
        steps = None if total is None else settings.steps(total)
        batch = settings.batch_size if total is None else min(settings.batch_size, total)
        yield f"align: {arm.name}", f"{_amount(steps, 'step')} of {count(batch, 'pair')} ({arm.align.name})"


def _amount(number: int | None, thing: str) -> str:
    return f"an unknown number of {thing}s" if number is None else count(number, thing)


def _expected(arm: Arm) -> int | None:
    """Pairs of an arm whose files are not there: its limit, or the published size of its data set."""
    return _most({"name": arm.pairs.name, **arm.pairs.options})


def _most(source: Mapping[str, Any]) -> int | None:
    """The smallest of a source's limit and those of the sources inside it; None where nothing is known."""
    inside = [_most(source[part]) for part in SOURCES_INSIDE if isinstance(source.get(part), Mapping)]
    if source.get("name") == "joined":  # all of both
        inside = [sum(size for size in inside if size) if all(inside) else None]
    whole = not (source.get("origin") or source.get("chosen_by"))  # how many rows these leave is known with the file only
    sizes = [source.get("limit"), *inside, PUBLISHED_SIZES.get(str(source.get("name"))) if whole else None]
    return min((size for size in sizes if isinstance(size, int) and size > 0), default=None)
