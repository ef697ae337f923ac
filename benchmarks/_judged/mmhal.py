"""What MMHal-Bench and MMHal-Bench-V share: the file, the two parsers of the judge's reply, the formulas.

Sun et al. 2023, arXiv:2309.14525; parsing and aggregation as in LLaVA-RLHF Eval/eval_gpt_mmhal.py and
summarize_gpt_mmhal.py, informativeness as in RLHF-V eval/summarize_gpt_mmhal_review.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, each, read_rows, repeated
from benchmarks._judged import prompts
from benchmarks._judged.reference_rule import rate_by_reference
from benchmarks._judged.stated_rating import labelled_rating
from benchmarks._judged.unjudged import official_flag, unjudged
from harness.core.capabilities import version_for
from harness.core.edge.answer_form import AnswerForm, Fields
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Score, Verdict, ratio
from harness.core.judging import JudgeTask, RatingScale
from harness.core.plugins import Data, Judge

TYPES = ("attribute", "adversarial", "comparison", "counting", "relation", "environment", "holistic", "other")
_NO_VERDICT = "no answer could be judged"


def official_rating(reply: str) -> int | None:
    """The authors' rule: exactly one of the substrings "rating: 0" .. "rating: 6" (lower-cased), else 0.

    So "Rating:5" and "**Rating**: 5" are 0, and "Rating: 60" is 6. Kept for published numbers; never None.
    """
    lowered = reply.lower()
    found = [s for s in range(7) if f"rating: {s}" in lowered]
    return found[0] if len(found) == 1 else 0


def tolerant_rating(reply: str) -> int | None:
    """A whole number 0..6 ("4", "4.0") that the reply states after "rating" or "score", whatever the markup; None where it
    states none. The scale that the judge is asked for has whole numbers alone.

    Also None: fractions ("2.5"), negative numbers, other scales ("**5**/10", "4 (out of 10)"), ranges and alternatives ("3-4",
    "3 (or 4)"), and ratings that disagree.
    """
    rating = labelled_rating(reply, 0, 6, whole=True)
    return None if rating is None else int(rating)


PARSERS: Mapping[str, Callable[[str], int | None]] = {"official": official_rating, "tolerant": tolerant_rating}


def informativeness(rating: int) -> float:
    """RLHF-V: 0..3 within the half of the scale the rating is in, as a share of 3."""
    return (rating - 3 if rating >= 3 else rating) / 3


def _value(reply: str) -> float | None:
    rating = tolerant_rating(reply)
    return None if rating is None else float(rating)


TASK = JudgeTask(
    "mmhal",
    prompts.MMHAL,
    read=_value,
    rule=rate_by_reference,
    digest="2c73d8c50f1740d0",
    fields=prompts.fields,
    positions=("objects", "question", "reference", "answer"),  # the official text is filled by position
    texts=prompts.RELEASED,
)
TASK_WITH_IMAGE = replace(TASK, name="mmhal_with_image", prompt=prompts.MMHAL_WITH_IMAGE, key="mmhal")

_DOG = {"question_type": "adversarial", "image_content": ["dog"], "gt_answer": "There is no cat in the image."}
EXAMPLES = (  # as the keywords judge rates them
    Example(
        Item("1", "", "What color is the cat?", _DOG),
        "There is no cat in the image.",
        {"items": 1.0, "judged": 1.0, "score_sum": 5.0, "hallucinated": 0.0, "informativeness": 2 / 3}
        | {"adversarial/judged": 1.0, "adversarial/score_sum": 5.0, "adversarial/hallucinated": 0.0},
    ),
    Example(
        Item("2", "", "What color is the cat?", _DOG),
        "The cat is black.",
        {"items": 1.0, "judged": 1.0, "score_sum": 0.0, "hallucinated": 1.0, "informativeness": 0.0}
        | {"adversarial/judged": 1.0, "adversarial/score_sum": 0.0, "adversarial/hallucinated": 1.0},
    ),
)


def _told(row: Fields, item: Item) -> dict[str, tuple[str, str]]:
    kind = row.get("question_type")
    return {"question_type": (str(kind), item.truth["question_type"])} if kind else {}


class MmhalBase:
    """96 questions of eight types, rated 0-6 by a judge; a rating below 3 is a hallucination."""

    title: ClassVar[str] = "MMHal-Bench"
    answer_form = AnswerForm(
        texts=("model_answer", "answer", "response", "text"),
        keys=lambda row: [],  # by place
        told=_told,
        apart="Rows are in the order of mmhal_bench.json, or numbered in it (question_id).",
    )
    needs_judge: ClassVar[bool] = True
    judge_tasks: tuple[JudgeTask, ...] = (TASK,)
    rating_scale: ClassVar[RatingScale] = RatingScale(0.0, 6.0, "score_sum")
    shows_image: ClassVar[bool] = False
    published_as: ClassVar[str] = "MMHal"  # the study's column of the score
    # 3: tolerant reads "4.0" as 4. 4: ratings on other scales and ranges behind markup are unjudged. 5: it reads a line of the
    # scale, "Rating: 2 very informative, with hallucination", and full-width forms
    version = 5
    files: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(
            "mmhal/mmhal_bench.json",
            "response_template.json of Shengcao1006/MMHal-Bench on the Hugging Face hub",
            "Apache-2.0 (dataset card)",
            "rename it to mmhal_bench.json",
            url="https://huggingface.co/datasets/Shengcao1006/MMHal-Bench/resolve/main/response_template.json",
        ),
        OfficialFile(
            "mmhal/images", "the image_src links of that file", "Flickr terms", "save each under the last part of its link"
        ),
    )
    examples: ClassVar[tuple[Example, ...]] = EXAMPLES

    def __init__(
        self,
        judge: Judge,
        variant: str = "tolerant",  # how the judge's reply is read: tolerant or official
        file: str = "mmhal/mmhal_bench.json",  # question file in the data folder
        image_folder: str = "mmhal/images",  # image folder in the data folder
        max_new_tokens: int = 512,  # longest answer, in tokens
    ) -> None:
        if variant not in PARSERS:
            raise ConfigError(f"MMHal-Bench has no variant {variant!r}; choose one of {', '.join(PARSERS)}.")
        self.judge, self.variant, self.file = judge, variant, file
        self.unread_counts = "0, a hallucination, where the reply has no rating or several" if variant == "official" else ""
        if variant == "official":
            self.judge_tasks = tuple(replace(task, counted=official_rating) for task in self.judge_tasks)
        self.image_folder, self.max_new_tokens = image_folder.rstrip("/"), max_new_tokens
        self.formulas = tuple(replace(f, published_as=self.published_as) if f.published_as else f for f in FORMULAS)
        self._folder: Path | None = None
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        rows = read_rows(data, self.file)
        self._folder = data.folder
        self._loaded = {f"sha256 of {self.file}": data.digest(self.file), "rows": str(len(rows))}
        items = each([replace(row, key=str(number)) for number, row in enumerate(rows, 1)], self._item)
        self._loaded |= repeated((item.image, item.question) for item in items)
        return items

    def prompt(self, item: Item) -> str:
        return item.question

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends of one verdict; an unjudged answer adds to "items" only and is never counted as 0."""
        (task,) = self.judge_tasks
        verdict = self.judge.judge(task, item.question, answer.text, item.truth, self._image(item))
        rating = self._rating(verdict)
        if rating is None:
            return unjudged(item, verdict, "rating")
        kind = item.truth["question_type"]
        values = {
            "items": 1.0,
            "judged": 1.0,
            "score_sum": float(rating),
            "hallucinated": float(rating < 3),
            "informativeness": informativeness(rating),
            f"{kind}/judged": 1.0,
            f"{kind}/score_sum": float(rating),
            f"{kind}/hallucinated": float(rating < 3),
        }
        reading = f"{rating} of 6" + (f": {verdict.reading}" if verdict.reading else "")
        flag = official_flag(rating, tolerant_rating(verdict.raw)) if self.variant == "official" else ""
        return Score(item.id, values, reading, correct=rating >= 3, flag=flag, why=verdict.raw, verdict=verdict)

    def subject(self, item: Item) -> str:
        return str(item.truth["question_type"])

    def reference(self, item: Item) -> str:
        return str(item.truth["gt_answer"])

    def facts(self) -> dict[str, str]:
        return {
            "variant": self.variant,
            "judge": f"{self.judge.name} {version_for(self.judge, self.judge_tasks[0])}",
            "judge sees the image": "yes" if self.shows_image else "no",
            **self._loaded,
        }

    def _rating(self, verdict: Verdict) -> int | None:
        # A judge that could not be reached gave no rating: this case does not occur in the official script.
        if not verdict.raw and verdict.value is None:
            return None
        return PARSERS[self.variant](verdict.raw)

    def _item(self, row: Row) -> Item:
        kind, content = row.text("question_type"), row.texts("image_content")
        if kind not in TYPES:
            raise DataError(f"{row.where}: question_type {kind!r} is not one of {', '.join(TYPES)}. Correct it.")
        there = f"{self.image_folder}/{row.file_name('image_src').rsplit('/', 1)[-1]}" if not row.get("image") else ""
        truth: dict[str, Any] = {"question_type": kind, "image_content": content, "gt_answer": row.text("gt_answer")}
        return Item(row.key, there or row.file_name("image"), row.question("question"), truth)

    def _image(self, item: Item) -> Path | None:
        if not self.shows_image:
            return None
        if self._folder is None and item.image:
            raise DataError("MMHal-Bench-V shows the image to the judge: load the benchmark from its data folder first.")
        return self._folder / item.image if self._folder and item.image else None


FORMULAS: tuple[Formula, ...] = (
    ratio("score", ["score_sum"], ["judged"], unit="points", headline=True, unknown=_NO_VERDICT, about="mean rating, 0-6",
          published_as="MMHal"),
    ratio("hallucination_rate", ["hallucinated"], ["judged"], better="lower", headline=True, unknown=_NO_VERDICT,
          role="hallucination"),
    ratio("informativeness", ["informativeness"], ["judged"], unknown=_NO_VERDICT, about="RLHF-V's, of 100 %",
          role="helpfulness"),
    ratio("judged", ["judged"], ["items"], better="neither", unknown="no answers", about="share of answers with a rating"),
    *(ratio("score", [f"{t}/score_sum"], [f"{t}/judged"], unit="points", group=t, unknown=_NO_VERDICT) for t in TYPES),
    *(
        ratio("hallucination_rate", [f"{t}/hallucinated"], [f"{t}/judged"], better="lower", group=t, unknown=_NO_VERDICT)
        for t in TYPES
    ),
)  # fmt: skip
