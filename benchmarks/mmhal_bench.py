"""MMHal-Bench: are free answers informative and free of invention, as a judge with the reference rates them, 0 to 6?

Sun et al. 2023, arXiv:2309.14525. 96 questions, eight types of twelve; the judge reads the image's objects and a
reference answer, not the image. Published numbers: mean score and hallucination rate (share rated below 3) by GPT-4.

Default parser "tolerant": also reads "Rating:5" and "**Rating**: 5"; what it cannot read is unjudged, listed and left
out. Variant "official" is the authors' parser, which makes all of these 0, a hallucination.
"""

from __future__ import annotations

from benchmarks._judged.mmhal import TYPES, MmhalBase
from harness.core import registry

__all__ = ["TYPES", "MmhalBench"]


@registry.benchmark
class MmhalBench(MmhalBase):
    """MMHal-Bench with a judge that reads, as published."""
