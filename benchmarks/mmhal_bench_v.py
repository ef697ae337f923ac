"""MMHal-Bench-V: MMHal-Bench whose judge also sees the image.

Amirloo et al. 2024 (the study this harness serves), appendix B.3: the text-only judge of MMHal-Bench disagrees with
people on a fifth of the items, since it flags true detail that the reference does not have. Questions, rating scale and
formulas are the same; the judge gets the image (published numbers: GPT-4o). Use a judge that can look.
"""

from __future__ import annotations

from typing import ClassVar

from benchmarks._judged.mmhal import TASK_WITH_IMAGE, MmhalBase
from harness.core import registry
from harness.core.judging import JudgeTask


@registry.benchmark
class MmhalBenchV(MmhalBase):
    """MMHal-Bench with a judge that looks."""

    title: ClassVar[str] = "MMHal-Bench-V"
    judge_tasks: tuple[JudgeTask, ...] = (TASK_WITH_IMAGE,)
    shows_image: ClassVar[bool] = True
    published_as: ClassVar[str] = "MMHal-V"
