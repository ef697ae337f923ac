"""POPE: does the model say yes to objects that are not there?

Li et al. 2023, arXiv:2305.10355; rules as in the authors' evaluate.py (AoiDragon/POPE). Positive class: yes.
Each distinct (image, question) pair is asked once and counted in every split that holds it: 5,127 of the 9,000
COCO rows are different. Papers report the mean F1 over the splits (LLaVA) or the mean accuracy; both are here.

Departures: where the official script divides by zero a metric is unknown, the others are still reported; white space around an
answer is stripped first, as in LLaVA's own evaluation, and the labels "No" and " no" are what they say. `variant="official"` is
evaluate.py to the letter: it reads the text "\\nNo" as yes, and every label but lower-case "no" too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Any

from benchmarks._coco.image_evidence import coco_image_annotations
from benchmarks._files.question_rows import Row, check_both_labels, check_unique, parse_rows, read_rows
from benchmarks._files.styles import WORD_OR_PHRASE, ending
from benchmarks._pope import calibration as _calibration
from benchmarks._pope import labels as _pope_labels
from benchmarks._pope.answer_form import ANSWER_FORM
from benchmarks._pope.files import FILES, SPLITS
from benchmarks._pope.formulas import formulas
from benchmarks._pope.label_files import edits_of, files_of, one_each
from benchmarks._pope.published_rows import as_pope, asked_of, repeated_rows, revised_rows
from benchmarks._pope.questions import build_questions
from benchmarks._text.asked_object import asked_object
from benchmarks._text.yes_no import READERS, flagged_reading
from harness.core import flags, registry
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Item, LabelEdit, Score
from harness.core.options.option import Names, PromptText
from harness.core.plugins import Data
from harness.core.run_record import LABELS, PUBLISHED_LABELS
from harness.labels.claims import Claim, ImageAnnotations, ImpliedLabel

__all__ = ["SPLITS", "Pope", "build_questions"]

STYLES: Mapping[str, str] = {"official": "", "llava": WORD_OR_PHRASE}
_SAYS = {"yes": ImpliedLabel(True), "no": ImpliedLabel(False)}


@registry.benchmark
class Pope:
    """Yes/no questions about objects, in three splits that differ in how the absent objects were chosen."""

    title = "POPE"
    version = 2
    as_written = 2  # 2: `llava` reads an answer file's reasoning as written, as `score` says; it cut it off
    free_text = False  # for the audit
    files, answer_form, styles = FILES, ANSWER_FORM, STYLES
    examples = (
        Example(
            Item("1", "a.jpg", "Is there a dog in the image?", {"labels": {"random": ["no"]}}),
            "No, there is no dog.",
            {"random/tn": 1.0, "asked": 1.0},
        ),
        Example(
            Item("2", "a.jpg", "Is there a cat in the image?", {"labels": {"random": ["no"], "popular": ["no"]}}),
            "It is on the sofa.",
            {"random/fp": 1.0, "popular/fp": 1.0, "asked": 1.0, "unclear": 1.0},
        ),
    )

    def __init__(
        self,
        splits: Names = SPLITS,  # some of random, popular, adversarial
        flavour: str = "coco",  # which files: coco, aokvqa, gqa (pope/{flavour}_pope_{split}.json) or v2
        variant: str = "llava",  # how an answer is read as yes or no; see docs/benchmarks/pope.md
        style: str = "official",  # prompt style: official or llava
        prompt_suffix: PromptText = "",  # added to every question, in the place of the style's
        image_folder: str = "coco/val2014",  # image folder in the data folder
        limit_images: int | None = None,  # only questions about the first N images
        max_new_tokens: int = 16,  # longest answer, in tokens
        labels: str = "",
        log_odds: bool = True,
    ) -> None:
        """`log_odds`: also keep how sure the model is, where its backend can tell (calibration); see docs/benchmarks/pope.md.
        `labels`: "" for the published ones, or the name of a revision ("repope"): files
        `pope/{flavour}_{labels}_{split}.json`, matched by question_id; questions it lacks are left out."""
        if variant not in READERS:
            raise ConfigError(f"POPE has no variant {variant!r}; choose one of {', '.join(READERS)}.")
        wrong = [s for s in splits if s not in SPLITS]
        if wrong or not splits or isinstance(splits, str):
            raise ConfigError(f"POPE's splits are {', '.join(SPLITS)}; got {splits!r}. Give a list of some of them.")
        if limit_images is not None and limit_images < 1:
            raise ConfigError(f"POPE: limit_images is {limit_images}; give a number above 0 or leave it out.")
        self.splits = ("v2",) if flavour == "v2" else tuple(dict.fromkeys(splits))
        self.flavour, self.variant, self.labels = flavour, variant, labels
        self.prompt_suffix, self.image_folder = prompt_suffix or ending(style, STYLES, "POPE"), image_folder.rstrip("/")
        self.limit_images, self.max_new_tokens = limit_images, max_new_tokens
        self.log_odds = log_odds
        self.formulas = formulas(self.splits) + (_calibration.formulas() if log_odds else ())
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """One item a distinct (image, question); truth: {"labels": {split: [..]}, "ids": {split: [..]}}."""
        self._loaded = {}
        asked: dict[tuple[str, str], dict[str, Any]] = {}
        rows_of = {split: self._rows(data, split) for split in self.splits}
        self._loaded |= repeated_rows(rows_of)
        for split, rows in rows_of.items():
            labels = [self._label(row) for row in rows]
            check_both_labels(labels, f"the {split} questions", f"variant {self.variant}")
            for row, label in zip(rows, labels, strict=True):
                truth = asked.setdefault(asked_of(row), {"labels": {}, "ids": {}})
                truth["labels"].setdefault(split, []).append(label)
                truth["ids"].setdefault(split, []).append(row.identifier("question_id"))
        kept = set(list(dict.fromkeys(image for image, _ in asked))[: self.limit_images])
        self._loaded["rows"] = ", ".join(f"{s} {self._loaded[f'rows/{s}']}" for s in self.splits)
        return [
            Item(f"{image} {text}", f"{self.image_folder}/{image}", text, truth, group=_group(image))
            for (image, text), truth in asked.items()
            if image in kept
        ]

    def prompt(self, item: Item) -> str:
        return item.question + self.prompt_suffix

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends "{split}/tp" and its like; "asked" and "unclear" count answers, not rows."""
        said, flag = flagged_reading(self.variant, answer.text)
        values: Counter[str] = Counter()
        rows = self.labels_by_slice(item)
        for split, label in rows:
            values[f"{split}/{_outcome(said, label, self.variant)}"] += 1
        values.update(["asked", "unclear"] if flag == flags.UNCLEAR else ["asked"])
        labels = {label for _, label in rows}
        right = {said == label for label in labels}
        sure = _calibration.addends(answer.yes_nats, "yes" in labels) if self.log_odds and len(labels) == 1 else {}
        return Score(
            item.id,
            {name: float(n) for name, n in values.items()} | sure,
            reading=said or "neither",
            correct=right.pop() if len(right) == 1 else None,  # None where two splits contradict each other
            flag=flag,
        )

    def asked_object(self, item: Item) -> str:
        return asked_object(item.question)

    subject = asked_object

    def labels_by_slice(self, item: Item) -> Sequence[tuple[str, str]]:
        """Of each row of the published files that the question stands for."""
        return [(split, label) for split, labels in item.truth["labels"].items() for label in labels]

    def reference(self, item: Item) -> str:
        return " / ".join(dict.fromkeys(label for _, label in self.labels_by_slice(item)))

    def rows(self, item: Item) -> int:
        return len(self.labels_by_slice(item))

    def facts(self) -> dict[str, str]:
        return {
            "variant": self.variant,
            "splits": ", ".join(self.splits),
            "flavour": self.flavour,
            LABELS: self.labels or PUBLISHED_LABELS,
            "prompt suffix": self.prompt_suffix,
            "construction": "each distinct (image, question) asked once, counted in every split that holds it",
            "limit_images": str(self.limit_images or "all"),
            **self._loaded,
        }

    def facts_of(self, items: Sequence[Item]) -> dict[str, str]:
        return {"images": str(len({item.image for item in items}))}

    def fields(self, item: Item) -> Sequence[str]:
        return _pope_labels.fields(item)

    def claim(self, item: Item, field: str) -> Claim | None:
        return _pope_labels.claim(item, field)

    def implied_labels(self, item: Item, score: Score) -> Mapping[str, ImpliedLabel]:
        """The answer stands to every label of the question; one that is flagged (unclear, contradicted, empty) to none."""
        if score.reading not in _SAYS or score.flag:
            return {}
        nats = score.values.get("log_odds")
        said = _SAYS[score.reading] if nats is None else ImpliedLabel(score.reading == "yes", nats)
        return dict.fromkeys(self.fields(item), said)

    def image_annotations(self, data: Data, items: Sequence[Item]) -> Mapping[str, ImageAnnotations]:
        return coco_image_annotations(data, items)

    def edited(self, item: Item, edit: LabelEdit) -> Item | None:
        """The item after a reviewer's word; None where no row of it is left. Fields: see `_pope_labels`."""
        return _pope_labels.edited(item, edit)

    def import_labels(self, data: Data, texts: Mapping[str, str], template: LabelEdit) -> list[LabelEdit]:
        """Edits from revised files ("coco_repope_random.json" -> its text), all rows of the splits that are given.

        Published files of other splits need not be there; edits are then of one split each.
        Raises DataError where two files are of one split: the rows that one lacks would count as removed.
        """
        revised = {split: parse_rows(texts[name], name) for split, name in one_each(texts, self.splits).items()}
        there = self._where_files_are(data, revised)
        return edits_of(there.load(data), revised, template, all_splits=there is self)

    def export_labels(self, data: Data, edits: Sequence[LabelEdit], name: str) -> dict[str, str]:
        """Revised files in the published form, as the option `labels: name` reads them."""
        if name == "pope":  # those names are the official files'
            raise ConfigError("A revision named pope would be written over POPE's own files. Make it again with another name.")
        there = self._where_files_are(data)
        items = there.load(data)
        published = {split: there._rows(data, split) for split in there.splits}
        texts = files_of(published, items, edits)
        return {f"pope/{self.flavour}_{name}_{split}.json": text for split, text in texts.items()}

    def _where_files_are(self, data: Data, named: Collection[str] = ()) -> Pope:
        """The benchmark over the splits whose published files are in the data folder, and those that are named."""
        there = tuple(split for split in self.splits if split in named or data.has(self._file(split)))
        if there in ((), self.splits):
            return self
        own = copy(self)
        own.splits, own._loaded = there, {}
        return own

    def _file(self, split: str) -> str:
        return "pope/popev2.json" if self.flavour == "v2" else f"pope/{self.flavour}_pope_{split}.json"

    def _rows(self, data: Data, split: str) -> list[Row]:
        name = self._file(split)
        rows = as_pope(read_rows(data, name)) if self.flavour == "v2" else read_rows(data, name)
        check_unique(rows, "question_id")
        self._loaded |= {f"sha256 of {name}": data.digest(name), f"rows/{split}": f"{len(rows):,}"}
        if not self.labels:
            return rows
        revision = f"pope/{self.flavour}_{self.labels}_{split}.json"
        revised = revised_rows(rows, read_rows(data, revision))
        self._loaded |= {f"sha256 of {revision}": data.digest(revision), f"rows/{split}": f"{len(revised):,} of {len(rows):,}"}
        return revised

    def _label(self, row: Row) -> str:
        label = row.text("label")
        if label.strip().lower() not in ("yes", "no"):
            raise DataError(f"{row.where}: the label is {label!r}; POPE's labels are yes and no. Correct that line.")
        if self.variant == "official" and self.flavour != "v2":
            # The official script takes every label but lower-case "no" as yes; kept for equal numbers, and named.
            if label != "no" and label.strip().lower() == "no":
                self._loaded["label quirk"] = "capitalised or spaced 'no' labels count as yes (official rule)"
            return "no" if label == "no" else "yes"
        return label.strip().lower()


def _outcome(said: str, label: str, variant: str) -> str:
    """tp, fp, tn, fn; "dropped" (RePOPE leaves unread answers out) or "unread" (others: wrong, and not a yes)."""
    if not said:
        return "dropped" if variant == "repope" else "fn" if label == "yes" else "unread"
    return ("t" if said == label else "f") + ("p" if said == "yes" else "n")


def _group(image: str) -> str:
    return image.rsplit("/", 1)[-1]  # POPEv2 asks about an image and its edited twin: one cluster
