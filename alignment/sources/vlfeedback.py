"""VLFeedback: four answers by different models to each prompt, rated by GPT-4V, 80,258 rows.

Li et al. 2023, arXiv:2312.10665; MMInstruction/VLFeedback. Ratings are texts of 1 to 5 for helpfulness, visual
faithfulness and ethics; their mean ranks the answers. An answer without all three ("N/A" stands in some rows) is left out and
counted, the others of its row stay; a rating outside the scale makes a broken row. Which pair is trained on is not said by the
study: an option.

`chosen_by` and `origin` make the sets of the study's table 5: prompts whose best-rated answer is a certain model's, prompts of
one of the data sets that VLFeedback is made of. The id of a row begins with that set's name ("svit-conversation-1219").
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

from alignment.data.forms.kinds import rating_in
from alignment.data.invalid_pairs import EMPTY_ANSWER
from alignment.data.published_datasets import LeftOut, Published, Row, Unusable, image_of, lost_answers, make_pair, text_of
from alignment.data.source_files import hub_file
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.digests import seed_of
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data
from harness.core.preference import PreferencePair

ASPECTS = ("Helpfulness", "Visual Faithfulness", "Ethical Considerations")
SCALE = 1, 5
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
        chosen_by: str = "",  # prompts whose best answer is by a model with this in its name: "GPT-4V", "llava-v1.5-7b"
        origin: str = "",  # prompts of this data set, by the beginning of their id up to a hyphen: "llava"
    ) -> None:
        if choice not in CHOICES:
            raise ConfigError(f"vlfeedback.choice is {choice!r}; choose one of {', '.join(CHOICES)}.")
        super().__init__(file, image_folder, limit, skip_broken)
        self.options |= {"choice": choice, "chosen_by": chosen_by, "origin": origin}

    def rows(self, data: Data) -> Iterator[Row]:
        """Raises DataError where no row at all is what an option asks for: a name that is written otherwise there."""
        rows = list(super().rows(data))
        models = sorted({str(c.get("model", "")) for row in rows for c in _completions(row)})
        for option, names, fits in (
            ("origin", sorted({origin_of(row) for row in rows}), _same),
            ("chosen_by", models, _within),
        ):
            if (wanted := self.options[option]) and not any(fits(wanted, name) for name in names):
                known = ", ".join(name[:80] for name in names[:20])
                raise DataError(f"{self.options['file']} has no row with {option} {wanted!r}. There are: {known}.")
        yield from rows

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        if self.options["origin"] and not _same(self.options["origin"], origin_of(row)):
            raise LeftOut("prompt of another origin")
        completions = _completions(row)
        if len(completions) < 2:
            raise ValueError("'completions' needs at least two answers")
        known = [(value, c) for c in completions if (value := rating(c)) is not None]
        if len(known) < 2:
            raise Unusable("rating is not a number")
        known = [(value, c) for value, c in known if isinstance(c.get("response"), str) and c["response"].strip()]
        if len(known) < 2:
            raise Unusable(EMPTY_ANSWER)
        rated = sorted(known, key=lambda pair: pair[0])
        top, lower = [r for r in rated if r[0] == rated[-1][0]], [r for r in rated if r[0] < rated[-1][0]]
        if not lower:
            raise LeftOut("tie")
        wanted = [r for r in top if _within(self.options["chosen_by"], str(r[1].get("model", "")))]
        if not wanted:
            raise LeftOut("best answer by another model")
        best = wanted[-1]
        draw = random.Random(seed_of(seed, name, "vlfeedback"))
        worse = lower[0] if self.options["choice"] == "best_worst" else draw.choice(lower)
        texts = text_of(best[1], "response"), text_of(worse[1], "response")
        image, gap = image_of(row, "img_path", "image"), round(best[0] - worse[0], 4)
        meta = {"rating_gap": gap, "chosen_by": best[1].get("model"), "rejected_by": worse[1].get("model")}
        meta |= lost_answers(len(completions) - len(known))
        pair = make_pair(name, image, text_of(row, "prompt"), *texts, "vlfeedback")
        return replace(pair, meta=meta)


def origin_of(row: Row) -> str:
    """The data set that a row's prompt is from, by its id: "svit" of "svit-conversation-1219"."""
    return str(row.get("id", "")).split("-", maxsplit=1)[0]


def _completions(row: Row) -> list[Mapping[str, Any]]:
    found = row.get("completions")
    if isinstance(found, Mapping):  # the hub's column form: a mapping of lists
        found = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    return list(found) if isinstance(found, list) and all(isinstance(c, Mapping) for c in found) else []


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _same(wanted: str, name: str) -> bool:
    return _plain(wanted) == _plain(name)


def _within(wanted: str, name: str) -> bool:
    return _plain(wanted) in _plain(name)  # "GPT-4V" is "gpt4v" too


def rating(completion: Mapping[str, Any]) -> float | None:
    """Mean of the three ratings; None where one is not a number ("N/A" stands in some rows): the other answers still count.

    Raises ValueError for a rating that is not one of the scale.
    """
    annotations = completion.get("annotations")
    if not isinstance(annotations, Mapping):
        raise ValueError("an answer has no 'annotations'")
    rated = [annotations.get(aspect) for aspect in ASPECTS]
    given = [one.get("Rating") if isinstance(one, Mapping) else None for one in rated]
    known = [rating_in(value, *SCALE, f"the rating of {aspect}") for aspect, value in zip(ASPECTS, given, strict=True)]
    return fmean(value for value in known if value is not None) if None not in known else None
