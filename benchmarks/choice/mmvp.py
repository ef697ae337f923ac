"""MMVP: pairs of images that CLIP takes for the same; one question, two options, opposite answers.

Tong et al. 2024, arXiv:2401.06209; 150 pairs in Questions.csv of MMVP/MMVP, lines 2k-1 and 2k:

    Index,Question,Options,Correct Answer
    1,Are the butterfly's wings closer to being open or closed?,(a) Open (b) Closed,(a)

Headline: pairs with both answers right (chance 25 %); the accuracy over single answers (chance 50 %) is often called the same.
Variants: "lmms_eval" (default), "s_vco" and "vlmevalkit" read the letter by rules; "official" asks a judge, as the authors'
gpt_grader.py does, and takes a bare yes alone.

`labels: corrected` turns four published labels round (items 99, 100, 279, 280): 279/280 were reported twice (MMVP issues 14 and
30), 99/100 once (issue 30); at most 2 of 150 pairs. The published labels are the default.

Departure: pairs are made by index, not by neighbouring lines, so that a missing line does not shift all later pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks._choice import circular as rotations
from benchmarks._choice import letters, options
from benchmarks._choice import likelihoods as likelihood
from benchmarks._choice.grader import TASK, bare_yes, stated
from benchmarks._choice.named_letters import flag_of
from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, check_unique, csv_rows, each
from benchmarks._files.styles import LETTER, chosen
from benchmarks._judged.unjudged import official_flag, unjudged
from benchmarks._labels.one_label import OneLabel
from benchmarks._together import same_images
from benchmarks._together.groups import all_right, share_incomplete, share_of_groups, with_addends
from harness.core import registry
from harness.core.capabilities import version_for
from harness.core.edge.answer_form import AnswerForm
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Score, ratio
from harness.core.judging import JudgeTask, RatingScale
from harness.core.plugins import Data, Judge
from harness.core.run_record import PUBLISHED_LABELS

_FOLDER = "mmvp"
_HUB = "MMVP/MMVP on the Hugging Face hub"
READERS: Mapping[str, letters.Reader] = {
    "lmms_eval": letters.mmvp_lmms_eval,
    "s_vco": letters.s_vco,
    "vlmevalkit": letters.vlmevalkit,
}
VARIANTS = {**READERS, "official": None}
LABELS = {"": PUBLISHED_LABELS, "corrected": "four labels corrected"}
CORRECTED = {"99": "B", "100": "A", "279": "B", "280": "A"}
_COLUMNS = ("Index", "lndex")  # some copies spell the first with an l


@registry.benchmark
class Mmvp(OneLabel):
    """Two options for each of two images."""

    title = "MMVP"
    judge_tasks: tuple[JudgeTask, ...] = (TASK,)
    rating_scale = RatingScale(0.0, 1.0, "right")
    version = 2  # 2: s_vco strips an answer before it cuts it
    label_words = ("A", "B")
    # "answer" is the label in the authors' files
    answer_form = AnswerForm(texts=("response", "prediction", "text"), replies={"mmvp": ("reply", "grader_reply", "content")})
    styles: Mapping[str, str] = {"official": "", "llava": LETTER, "vlmevalkit": LETTER, "lmms_eval": "A. X\nB. Y"}
    files = (
        OfficialFile(f"{_FOLDER}/Questions.csv", _HUB, "MIT by its README", "copy it to mmvp/"),
        OfficialFile(f"{_FOLDER}/MMVP Images", _HUB, "of their sources", "copy the folder to mmvp/"),
    )
    examples = (
        Example(
            Item("1", "1.jpg", "", {"label": "A", "options": {"A": "Open", "B": "Closed"}, "groups": {}}),
            "(a) Open",
            {"n": 1.0, "right": 1.0},
        ),
        Example(
            Item("2", "2.jpg", "", {"label": "B", "options": {"A": "Open", "B": "Closed"}, "groups": {}}),
            "I cannot say.",
            {"n": 1.0, "right": 0.0, "unread": 1.0},
        ),
    )
    formulas: tuple[Formula, ...] = (
        share_of_groups("pair_accuracy", "pair", headline=True, about="pairs with both answers right"),
        ratio("accuracy", ["right"], ["n"], headline=True, unknown="no answers", about="over single answers"),
        ratio("unread", ["unread"], ["n"], better="lower", unknown="no answers", about="no letter read: wrong"),
        share_incomplete("pair"),
    )

    def __init__(
        self,
        judge: Judge | None = None,
        variant: str = "lmms_eval",  # how an answer is read: lmms_eval, s_vco, vlmevalkit, or official (asks a judge)
        style: str = "official",  # prompt style: official, llava, lmms_eval or vlmevalkit
        labels: str = "",  # "" for the published ones, or "corrected"
        likelihoods: bool = False,  # also compare the likelihoods of the two options
        circular: bool = False,  # ask again with the two options exchanged
        folder: str = _FOLDER,  # the files' folder in the data folder
        max_new_tokens: int = 64,  # longest answer, in tokens
    ) -> None:
        self.judge, self.variant = judge, chosen(variant, VARIANTS, "MMVP")
        if variant == "official" and judge is None:
            raise ConfigError("MMVP's variant official asks a judge. Add `judge: {name: ...}` to the benchmark.")
        self.judge_tasks = self.judge_tasks if variant == "official" else ()
        self.unread_counts = "wrong unless the reply is yes and nothing else" if variant == "official" else ""
        self.style = chosen(style, self.styles, "MMVP", "prompt style")
        self.labels = chosen(labels, LABELS, "MMVP", "labels")
        self.folder, self.max_new_tokens = folder.rstrip("/"), max_new_tokens
        self.likelihoods, self.circular = likelihoods, circular
        self.formulas = self.formulas + likelihoods * likelihood.FORMULAS + circular * rotations.FORMULAS
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """Raises DataError for a label that is neither (a) nor (b), for a pair whose question or options differ, and for one
        whose labels are the same: a constant answer would get it right."""
        name = f"{self.folder}/Questions.csv"
        rows = _rows(data.read_text(name).lstrip("\ufeff"), name)
        check_unique(rows, "Index")
        items = same_images.marked(data, each(rows, self._item))
        self._loaded = {f"sha256 of {name}": data.digest(name), "rows": str(len(items)), "labels": LABELS[self.labels]}
        self._loaded |= same_images.facts(items)
        _check_pairs(items, rows)
        return rotations.with_rotations(items, "label", _reworded) if self.circular else items

    def _item(self, row: Row) -> Item:
        index, offered = row.identifier("Index"), options.two(row.text("Options"), row.where)
        letter = row.text("Correct Answer").strip().lower().strip("()").upper()
        if letter not in offered or not index.isdigit() or int(index) < 1:
            stated = row["Correct Answer"]
            raise DataError(f"{row.where}: index {index}, answer {stated!r}; expected 1, 2, ... and (a) or (b). Correct it.")
        if self.labels == "corrected":
            letter = CORRECTED.get(index, letter)
        groups = {"pair": [str((int(index) - 1) // 2), 2]}
        truth = {"label": letter, "options": offered, "options text": row.text("Options"), "groups": groups}
        image = f"{self.folder}/MMVP Images/{index}.jpg"
        return Item(index, image, row.question("Question"), truth, group=f"pair {groups['pair'][0]}")

    def prompt(self, item: Item) -> str:
        offered = item.truth["options"]
        if self.style == "lmms_eval":
            return f"{item.question}\n" + "\n".join(f"{letter}. {text}" for letter, text in offered.items())
        return f"{item.question} {item.truth['options text']}" + self.styles[self.style]

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        if self.variant == "official":
            return self._judged(item, answer)
        letter = READERS[self.variant](answer.text, item.truth["options"])
        right, unread = letter == item.truth["label"], letter in ("", letters.REFUSED)
        values = {"n": 1.0, "right": float(right)} | ({"unread": 1.0} if unread else {})
        score = Score(item.id, values, letter or "none", right, flag_of(answer.text, letter, item.truth["options"]))
        return self._with_likeliest(item, answer, score, letter)

    def _with_likeliest(self, item: Item, answer: Answer, score: Score, letter: str | None) -> Score:
        score = same_images.flagged(score, item)
        if rotations.is_rotation(item):
            return rotations.as_rotation(score)
        return likelihood.with_likeliest(score, answer, self._forms(item), item.truth["label"], letter)

    def _forms(self, item: Item) -> dict[str, str]:
        """How a model would write each option: "(a)" where the prompt lists them so and asks for nothing else."""
        bracketed = self.style == "official"
        return {letter: f"({letter.lower()})" if bracketed else letter for letter in item.truth["options"]}

    def offered(self, item: Item) -> Sequence[str]:
        return () if rotations.is_rotation(item) else tuple(self._forms(item).values())

    def _judged(self, item: Item, answer: Answer) -> Score:
        """The grader knows the label as "(a)", not its text."""
        assert self.judge is not None  # the constructor saw to it
        label = item.truth["label"]
        facts = {"reference": f"({label.lower()})", "letter": label, "id": item.id}
        question = f"{item.question} {item.truth['options text']}"
        verdict = self.judge.judge(TASK, question, answer.text, facts, None)
        if not verdict.raw and verdict.value is None:
            return unjudged(item, verdict, "yes or no")
        right = bool(bare_yes(verdict.raw))
        flag, reading = official_flag(bare_yes(verdict.raw), stated(verdict.raw)), f"graded {verdict.raw[:20]}"
        score = Score(item.id, {"n": 1.0, "right": float(right)}, reading, right, flag, verdict=verdict)
        return self._with_likeliest(item, answer, score, None)

    def together(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> list[Score]:
        turned = rotations.circular_addends(items, scores, "label") if self.circular else {}
        return with_addends(scores, all_right(items, scores, "pair"), turned)

    def fields(self, item: Item) -> Sequence[str]:
        """None where a judge grades: its verdicts were given for the label that it was told. A rotation has none of its own."""
        return [] if self.variant == "official" or rotations.is_rotation(item) else super().fields(item)

    def subject(self, item: Item) -> str:
        return item.question

    def reference(self, item: Item) -> str:
        label = item.truth["label"]
        return f"({label.lower()}) {item.truth['options'][label]}"

    def claimed(self, item: Item) -> str:
        return f"{item.question} (a) {item.truth['options']['A']}"

    def facts(self) -> dict[str, str]:
        graded = (
            {}
            if self.judge is None or self.variant != "official"
            else {"judge": f"{self.judge.name} {version_for(self.judge, TASK)}"}
        )
        circular = {"options": "in every rotation"} if self.circular else {}
        return {"variant": self.variant, "prompt style": self.style, **circular, **graded, **self._loaded}


def _rows(text: str, name: str) -> list[Row]:
    found = csv_rows(text, name)
    column = next((c for c in _COLUMNS if c in found[0].values), _COLUMNS[0])
    return [Row(row.where, {**row.values, "Index": row[column]}) for row in found]


def _reworded(item: Item, offered: Mapping[str, str]) -> Item:
    """The item with other options, in the form of the file."""
    text = " ".join(f"({letter.lower()}) {option}" for letter, option in offered.items())
    return replace(item, truth={**item.truth, "options": offered, "options text": text})


def _check_pairs(items: Sequence[Item], rows: Sequence[Row]) -> None:
    seen: dict[str, tuple[Item, Row]] = {}
    for item, row in zip(items, rows, strict=True):
        first, where = seen.setdefault(item.group, (item, row))
        if first is item:
            continue
        if first.question != item.question:
            raise DataError(f"{row.where} asks another question than {where.where}, its other half. Fetch the file again.")
        if first.truth["options"] != item.truth["options"]:
            raise DataError(f"{row.where} has other options than {where.where}, its other half. Fetch the file again.")
        if first.truth["label"] == item.truth["label"]:
            raise DataError(f"{row.where} has the same right answer as {where.where}, its other half. Fetch the file again.")
