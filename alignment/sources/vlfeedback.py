"""VLFeedback: four answers by different models to each prompt, rated by GPT-4V, 80,258 rows.

Li et al. 2023, arXiv:2312.10665; MMInstruction/VLFeedback. Ratings are texts of 1 to 5 for helpfulness, visual
faithfulness and ethics; their mean ranks the answers. An answer without all three ("N/A" stands in some rows) is left out, the
others of its row stay. Which pair is trained on is not said by the study: an option.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from math import isfinite
from statistics import fmean
from typing import Any

from alignment.data.published_datasets import LeftOut, Published, Row, Unusable, image_of, make_pair, text_of
from alignment.data.source_files import hub_file
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.digests import seed_of
from harness.core.errors import ConfigError
from harness.core.preference import PreferencePair

ASPECTS = ("Helpfulness", "Visual Faithfulness", "Ethical Considerations")
CHOICES = ("best_worst", "best_random")

_IMAGES = OfficialFile(
    "images",
    "the image archive of MMInstruction/VLFeedback on the Hugging Face hub",
    "see the dataset card",
    "unpack it in the data folder",
)


@registry.source
class Vlfeedback(Published):
    """The best-rated answer against the worst, or against any lower one."""

    default_file = "vlfeedback/vlfeedback_80k.jsonl"
    files = (hub_file(default_file, "MMInstruction/VLFeedback", "CC BY-NC 4.0"), _IMAGES)

    def __init__(
        self,
        file: str = "",  # in the data folder; "" is the data set's own name for it
        image_folder: str = "",  # in front of every image's name
        limit: int | None = None,  # that many pairs, a uniform subsample by seed
        skip_broken: bool = False,  # count broken rows instead of refusing the file
        choice: str = "best_worst",  # best_worst, or best_random: against any lower one
        only: str = "",  # answers of models whose name has this in it: "GPT-4V", "llava" (the study's table 5)
    ) -> None:
        if choice not in CHOICES:
            raise ConfigError(f"vlfeedback.choice is {choice!r}; choose one of {', '.join(CHOICES)}.")
        super().__init__(file, image_folder, limit, skip_broken)
        self.options |= {"choice": choice, "only": only}

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        completions = row.get("completions")
        if isinstance(completions, Mapping):  # the hub's column form: a mapping of lists
            completions = [dict(zip(completions, values, strict=True)) for values in zip(*completions.values(), strict=True)]
        if not isinstance(completions, list) or len(completions) < 2:
            raise ValueError("'completions' needs at least two answers")
        wanted = self.options["only"].lower()
        completions = [c for c in completions if wanted in str(c.get("model", "")).lower()]
        if len(completions) < 2:
            raise LeftOut(f"fewer than two answers of {wanted}")
        known = [(value, c) for c in completions if (value := rating(c)) is not None]
        if len(known) < 2:
            raise Unusable("rating is not a number")
        rated = sorted(known, key=lambda pair: pair[0])
        best, lower = rated[-1], [r for r in rated if r[0] < rated[-1][0]]
        if not lower:
            raise LeftOut("tie")
        draw = random.Random(seed_of(seed, name, "vlfeedback"))
        worse = lower[0] if self.options["choice"] == "best_worst" else draw.choice(lower)
        texts = text_of(best[1], "response"), text_of(worse[1], "response")
        image, gap = image_of(row, "img_path", "image"), round(best[0] - worse[0], 4)
        return make_pair(name, image, text_of(row, "prompt"), *texts, "vlfeedback", rating_gap=gap)


def rating(completion: Mapping[str, Any]) -> float | None:
    """Mean of the three ratings; None where one is not a number ("N/A" stands in some rows): the other answers still count."""
    annotations = completion.get("annotations")
    if not isinstance(annotations, Mapping):
        raise ValueError("an answer has no 'annotations'")
    try:
        mean = fmean(float(annotations[aspect]["Rating"]) for aspect in ASPECTS)
    except (KeyError, TypeError, ValueError):
        return None
    return mean if isfinite(mean) else None
