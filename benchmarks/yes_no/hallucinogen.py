"""HALLUCINOGEN: POPE's objects behind other questions (where, which colour, what if). Does the model accept an absent one?

Seth et al. 2024, arXiv:2412.20622; AikyamLab/hallucinogen (MIT) has 12 files of 3,000 lines in POPE's form, named
{task}/{task}_POPE_{split}.json; the tasks are id (identification), loc (location), vc (visual context), cf (counterfactual):

    {"question_id": 1, "image": "COCO_val2014_000000310196.jpg", "text": "...", "label": "no", "query_1": "...", ...}

The repository has no scorer. The task id is scored as POPE, by POPE's rule, and is what this benchmark asks by default. For the
other tasks the same rule is applied to an open answer: a "no" or "not" in its first sentence denies the object. That reading
is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks._coco.image_evidence import coco_image_annotations, node
from benchmarks._files.official_files import VAL_IMAGES, OfficialFile
from benchmarks._files.question_rows import Row, check_both_labels, check_unique, each, read_rows
from benchmarks._files.styles import WORD_OR_PHRASE, chosen
from benchmarks._labels.one_label import OneLabel
from benchmarks._text.asked_object import asked_object
from benchmarks._text.yes_no import flagged_reading
from harness.core import flags, registry
from harness.core.edge.answer_form import AnswerForm, by_id
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Score, over, ratio
from harness.core.options.option import Names
from harness.core.plugins import Data
from harness.labels.claims import ImageAnnotations

TASKS = {"id": "identification", "loc": "localisation", "vc": "visual context", "cf": "counterfactual"}
SPLITS = {"random": "rand", "popular": "pop", "adversarial": "adv"}
_CONCISE = " Provide a concise answer"  # as the authors' scripts add to vc and cf
_ENDINGS = {"official": {"vc": _CONCISE, "cf": _CONCISE}, "llava": {"id": WORD_OR_PHRASE}}
_REPOSITORY = "github.com/AikyamLab/hallucinogen"
_RAW = "https://raw.githubusercontent.com/AikyamLab/hallucinogen/main/hallucinogen/data"


def _of(task: str) -> tuple[Formula, ...]:
    def cells(*names: str) -> list[str]:
        return [f"{task}/{name}" for name in names]

    every = cells("tp", "fp", "tn", "fn")
    said_yes, present, absent = cells("tp", "fp"), cells("tp", "fn"), cells("tn", "fp")
    return (
        ratio("accuracy", cells("tp", "tn"), every, group=task, headline=True, unknown="no answers"),
        ratio("accepted_absent", cells("fp"), absent, better="lower", group=task, unknown="no absent object asked about",
              about="answers that go along with an absent object", role="hallucination" if task == "id" else ""),
        ratio("precision", cells("tp"), said_yes, group=task, unknown="the model never said yes"),
        ratio("recall", cells("tp"), present, group=task, unknown="no question with the label yes"),
        Formula("f1", lambda s: over(2 * s[every[0]], (2 * s[every[0]] + s[every[1]] + s[every[3]]) * (s[every[0]] > 0)),
                group=task, unknown="no true positive"),
    )  # fmt: skip


def _names(item: Item) -> list[str]:
    """By the question file's name, as {task}_POPE_{split}, and the row's id."""
    task, split, number = item.id.split("/")
    return [f"{task}_POPE_{SPLITS[split]} {number}"]


@registry.benchmark
class Hallucinogen(OneLabel):
    """Questions about present and absent objects, by task and split."""

    title = "HALLUCINOGEN"
    version = 1
    as_written = 2  # 2: reasoning in an answer file is read as written, as `score` says; it was cut off
    answer_form = AnswerForm(keys=lambda row: [f"{row['file']} {key}" for key in by_id(row)], names=_names)
    styles: Mapping[str, object] = _ENDINGS
    files = (
        *(
            OfficialFile(f"hallucinogen/data/{task}/{task}_POPE_{split}.json", _REPOSITORY, "MIT", "copy data/ here",
                         needed=task == "id", url=f"{_RAW}/{task}/{task}_POPE_{split}.json")
            for task in TASKS for split in SPLITS.values()
        ),
        VAL_IMAGES,
    )  # fmt: skip
    examples = (
        Example(
            Item("id/random/1", "a.jpg", "Is there a dog in the image?", {"label": "no", "task": "id"}),
            "No, there is no dog.",
            {"id/tn": 1.0, "n": 1.0},
        ),
        Example(
            Item("loc/random/1", "a.jpg", "Where is the dog?", {"label": "no", "task": "loc"}),
            "On the left.",
            {"loc/fp": 1.0, "n": 1.0, "unclear": 1.0},
        ),
    )

    def __init__(
        self,
        tasks: Names = ("id",),  # some of id, loc, vc, cf
        splits: Names = ("random", "popular", "adversarial"),  # some of random, popular, adversarial
        wording: int = 1,  # which of the five queries of each row is asked
        style: str = "official",  # prompt style: official or llava
        folder: str = "hallucinogen",  # the files' folder in the data folder
        image_folder: str = "coco/val2014",  # image folder in the data folder
        max_new_tokens: int = 64,  # longest answer, in tokens
    ) -> None:
        for given, known, what in ((tasks, TASKS, "tasks"), (splits, SPLITS, "splits")):
            if isinstance(given, str) or not given or any(one not in known for one in given):
                raise ConfigError(f"HALLUCINOGEN: {what} is {given!r}; give a list of some of {', '.join(known)}.")
        if not 1 <= wording <= 5:
            raise ConfigError(f"HALLUCINOGEN: wording is {wording}; the files have the wordings 1 to 5.")
        self.tasks, self.splits, self.wording = tuple(dict.fromkeys(tasks)), tuple(dict.fromkeys(splits)), wording
        self.style = chosen(style, _ENDINGS, "HALLUCINOGEN", "prompt style")
        self.folder, self.image_folder, self.max_new_tokens = folder.rstrip("/"), image_folder.rstrip("/"), max_new_tokens
        unclear = ratio(
            "unclear", ["unclear"], ["n"], better="neither", unknown="no answers", about="neither yes nor a negation"
        )
        self.formulas = (*(formula for task in self.tasks for formula in _of(task)), unclear)
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        self._loaded = {}
        items: list[Item] = []
        for task in self.tasks:
            for split in self.splits:
                name = f"{self.folder}/data/{task}/{task}_POPE_{SPLITS[split]}.json"
                rows = read_rows(data, name)
                check_unique(rows, "question_id")
                made = [self._item(row, task, split) for row in each(rows, lambda row: row)]
                check_both_labels([item.truth["label"] for item in made], name, "yes or no, in any case")
                self._loaded |= {f"sha256 of {name}": data.digest(name), f"rows of {task}, {split}": f"{len(rows):,}"}
                items += made
        return items

    def _item(self, row: Row, task: str, split: str) -> Item:
        label = row.text("label").strip().lower()  # the medical files write Yes and No
        if label not in ("yes", "no"):
            raise DataError(f"{row.where}: the label is {row['label']!r}; it must be yes or no. Correct that line.")
        image, asked = row.file_name("image"), row.question(f"query_{self.wording}")
        named = node(asked_object(row.text("text")).lower())
        truth = {
            "label": label,
            "task": task,
            "split": split,
            "object": named,
            "slices": [task, split],
        }
        return Item(
            f"{task}/{split}/{row.identifier('question_id')}", f"{self.image_folder}/{image}", asked, truth, group=image
        )

    def prompt(self, item: Item) -> str:
        return item.question + _ENDINGS[self.style].get(item.truth["task"], "")

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """POPE's official rule: no or not in the first sentence, else yes."""
        said, flag = flagged_reading("llava", answer.text)
        task, right, unclear = item.truth["task"], said == item.truth["label"], flag == flags.UNCLEAR
        values = {f"{task}/{'t' if right else 'f'}{'p' if said == 'yes' else 'n'}": 1.0, "n": 1.0}
        values |= {"unclear": 1.0} if unclear else {}
        if task != "id" and unclear:  # an open answer needs no yes or no
            flag = ""
        return Score(item.id, values, said, right, flag)

    def asked_object(self, item: Item) -> str:
        return str(item.truth["object"])

    subject = asked_object

    def labels_by_slice(self, item: Item) -> Sequence[tuple[str, str]]:
        return [(item.truth["task"], item.truth["label"])]

    def reference(self, item: Item) -> str:
        return str(item.truth["label"])

    def claimed(self, item: Item) -> str:
        return str(item.truth["object"]) or item.question

    def image_annotations(self, data: Data, items: Sequence[Item]) -> Mapping[str, ImageAnnotations]:
        return coco_image_annotations(data, items)

    def facts(self) -> dict[str, str]:
        return {
            "variant": "POPE's rule (the authors publish no scorer)",
            "tasks": ", ".join(self.tasks),
            "splits": ", ".join(self.splits),
            "wording": str(self.wording),
            "prompt style": self.style,
            **self._loaded,
        }
