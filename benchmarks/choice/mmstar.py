"""MMStar: 1,500 multiple-choice items that cannot be answered without the image. Did general ability survive alignment?

Chen et al. 2024, arXiv:2403.20330; scoring as in MMStar-Benchmark/MMStar eval/vlmeval/evaluate/mmstar.py. Six categories of 250
items, 18 axes; the options stand inside the question.

    {"index": 0, "question": "What is at the top?\\nOptions: A: a violin, B: windmill, C: teapot, D: anchor", "image": "0.jpg",
     "answer": "B", "category": "coarse perception", "l2_category": "image scene and topic"}

The number quoted is the share of right items; lmms-eval reports the mean of the axes (`mean_of_axes`). The official script
divides by 250 and 1,500 whatever the file holds; here by the items that were answered. Readers of the letter differ by many
points: see docs/benchmarks/mmstar.md. `show_image: false` asks without the image, for the multi-modal gain of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks._choice import circular as rotations
from benchmarks._choice import letters, options
from benchmarks._choice import likelihoods as likelihood
from benchmarks._choice.named_letters import flag_of
from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, check_unique, each, read_rows
from benchmarks._files.styles import LETTER, chosen
from benchmarks._together.groups import with_addends
from harness.core import registry
from harness.core.edge.answer_form import AnswerForm
from harness.core.edge.text import count
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Score, ratio
from harness.core.plugins import Data

AXES: Mapping[str, tuple[str, ...]] = {
    "coarse perception": ("image scene and topic", "image style & quality", "image emotion"),
    "fine-grained perception": ("object counting", "recognition", "localization"),
    "instance reasoning": (
        "single-instance reasoning", "cross-instance attribute reasoning", "cross-instance relation reasoning",
    ),
    "logical reasoning": ("code & sequence reasoning", "diagram reasoning", "common reasoning"),
    "science & technology": (
        "biology & chemistry & physics", "electronics & energy & mechanical eng.", "geography & earth science & agriculture",
    ),
    "math": ("geometry", "numeric commonsense and calculation", "statistical reasoning"),
}  # fmt: skip
VARIANTS: Mapping[str, letters.Reader] = {
    "official": letters.mmstar_official,
    "lmms_eval": letters.lmms_eval,
    "vlmevalkit": letters.vlmevalkit,
}
_FILE = "mmstar/mmstar.jsonl"
_HUB = "Lin-Chen/MMStar on the Hugging Face hub"
_FOUR = "ABCD"
_LETTER = LETTER.removesuffix(".")  # lmms-eval's ending; the authors' program has none of its own


def _share(group: str, unknown: str) -> Formula:
    return ratio("accuracy", [f"{group}/right"], [f"{group}/n"], group=group, unknown=unknown)


_BY_AXIS = tuple(_share(axis, "no answers of this axis") for axes in AXES.values() for axis in axes)


@registry.benchmark
class MmStar:
    """Multiple choice with up to four options."""

    title = "MMStar"
    # 2: vlmevalkit reads the letters A to D where the options are not known; more forms of lists are read; 3: NaN is no option;
    # lmms-eval's ending has no full stop; 4: the letters of more than four options are read by every rule
    version = 4
    answer_form = AnswerForm(texts=("prediction", "response", "output", "text"))  # "answer" is the label there
    styles: Mapping[str, str] = {"official": _LETTER, "llava": LETTER, "lmms_eval": _LETTER, "vlmevalkit": "rebuilt"}
    files = (
        OfficialFile(_FILE, _HUB, "none stated", "write its rows as JSON lines, with the image's file name under image"),
        OfficialFile("mmstar/images", _HUB, "of their sources", "save each row's image under its name"),
    )
    examples = (
        Example(
            Item("0", "a.jpg", "", {"answer": "B", "options": {"A": "x", "B": "y"}, "category": "math", "axis": "geometry"}),
            "B. It is y.",
            {"n": 1.0, "right": 1.0, "math/n": 1.0, "math/right": 1.0, "geometry/n": 1.0, "geometry/right": 1.0},
        ),
        Example(
            Item("1", "a.jpg", "", {"answer": "B", "options": {"A": "x", "B": "y"}, "category": "math", "axis": "geometry"}),
            "**B**",
            {"n": 1.0, "right": 0.0, "unread": 1.0, "math/n": 1.0, "math/right": 0.0, "geometry/n": 1.0, "geometry/right": 0.0},
        ),
    )
    formulas = (
        ratio("accuracy", ["right"], ["n"], headline=True, unknown="no answers", role="helpfulness"),
        Formula(
            "mean_of_axes",
            lambda s: sum(axis.compute(s) for axis in _BY_AXIS) / len(_BY_AXIS),
            unknown="some axes have no answers",
            about="mean of the 18 axes, as lmms-eval reports",
            parts=_BY_AXIS,
        ),
        *(_share(category, "no item of this category") for category in AXES),
        *_BY_AXIS,
        ratio("unread", ["unread"], ["n"], better="lower", unknown="no answers", about="no option letter read: wrong"),
    )

    def __init__(
        self,
        variant: str = "official",  # how a letter is read: official, lmms_eval or vlmevalkit
        style: str = "official",  # prompt style: official, llava, lmms_eval or vlmevalkit
        show_image: bool = True,  # false: ask without the image, for the multi-modal gain
        likelihoods: bool = False,  # also compare the likelihoods of the options' letters
        circular: bool = False,  # ask once for each rotation of the options
        file: str = _FILE,  # question file in the data folder
        image_folder: str = "mmstar/images",  # image folder in the data folder
        max_new_tokens: int = 16,  # longest answer, in tokens
    ) -> None:
        self.variant = chosen(variant, VARIANTS, "MMStar")
        self.style = chosen(style, self.styles, "MMStar", "prompt style")
        self.show_image, self.file, self.image_folder = show_image, file, image_folder.rstrip("/")
        self.max_new_tokens, self.likelihoods, self.circular = max_new_tokens, likelihoods, circular
        self.formulas = self.formulas + likelihoods * likelihood.FORMULAS + circular * rotations.FORMULAS
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """Raises DataError for a category or axis that MMStar does not have, and a label that is not one of the options."""
        rows = read_rows(data, self.file)
        check_unique(rows, "index")
        self._loaded = {f"sha256 of {self.file}": data.digest(self.file), "rows": f"{len(rows):,}"}
        items = each(rows, self._item)
        if unlisted := sum(not item.truth["options"] for item in items):
            whole = f"{unlisted:,} of {count(len(items), 'item')}"
            self._loaded["options not found in the question"] = f"{whole}: read by the letters A to D alone"
        return rotations.with_rotations(items, "answer", self._reworded) if self.circular else items

    def _reworded(self, item: Item, offered: Mapping[str, str]) -> Item | None:
        """The item with other options; None where its question does not list them (VLMEvalKit's style lists them itself)."""
        question = options.with_other(item.question, offered)
        if question == item.question and self.style != "vlmevalkit":
            return None
        return replace(item, question=question, truth={**item.truth, "options": offered})

    def _item(self, row: Row) -> Item:
        category, axis, answer = row.text("category"), row.text("l2_category"), row.text("answer").strip().upper()
        if category not in AXES or axis not in AXES[category]:
            raise DataError(f"{row.where}: {category!r} with {axis!r} is not one of MMStar's axes. Correct that line.")
        offered = options.of_row(row, row.text("question"))
        if answer not in (offered or _FOUR):
            known = ", ".join(offered or _FOUR)
            raise DataError(
                f"{row.where}: the answer is {answer!r}, which is not one of the options {known}. Correct that line."
            )
        image = f"{self.image_folder}/{row.file_name('image').removeprefix('images/')}"
        truth = {"answer": answer, "options": offered, "category": category, "axis": axis}
        index = row.identifier("index")
        return Item(index, image if self.show_image else "", row.question("question"), truth, group=image)

    def prompt(self, item: Item) -> str:
        """The question and the style's request for a letter; VLMEvalKit's style lists the options anew."""
        if self.style != "vlmevalkit" or not item.truth["options"]:
            return item.question + (_LETTER if self.style == "vlmevalkit" else self.styles[self.style])
        asked = options.without_list(item.question)
        lines = "".join(f"{letter}. {text}\n" for letter, text in item.truth["options"].items())
        return f"Question: {asked}\nOptions:\n{lines}Please select the correct answer from the options above. \n"

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends in all, under the category and under the axis. VLMEvalKit's rule knows the options that are
        offered, the others A to D always, and what own files offer beyond."""
        offered: Mapping[str, str] = item.truth["options"]
        known = offered if offered and self.variant == "vlmevalkit" else {**dict.fromkeys(_FOUR, ""), **offered}
        letter = VARIANTS[self.variant](answer.text, known)
        right, unread = letter == item.truth["answer"], letter in ("", letters.REFUSED)
        values = {"n": 1.0, "right": float(right)} | ({"unread": 1.0} if unread else {})
        for piece in (item.truth["category"], item.truth["axis"]):
            values |= {f"{piece}/n": 1.0, f"{piece}/right": float(right)}
        score = Score(item.id, values, letter or "none", right, flag_of(answer.text, letter, known))
        if rotations.is_rotation(item):
            return rotations.as_rotation(score)
        likely = {text: text for text in self.offered(item)}
        return likelihood.with_likeliest(score, answer, likely, item.truth["answer"], letter)

    def offered(self, item: Item) -> Sequence[str]:
        """The letters of the options; four where the file lists none."""
        return () if rotations.is_rotation(item) else tuple(item.truth["options"] or _FOUR)

    def together(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> list[Score]:
        """Items right in every rotation."""
        added = rotations.circular_addends(items, scores, "answer") if self.circular else {}
        return with_addends(scores, added)

    def subject(self, item: Item) -> str:
        return str(item.truth["axis"])

    def reference(self, item: Item) -> str:
        answer = item.truth["answer"]
        return f"{answer}: {item.truth['options'].get(answer, '')}".removesuffix(": ")

    def facts(self) -> dict[str, str]:
        shown = "shown" if self.show_image else "not shown"
        circular = {"options": "in every rotation"} if self.circular else {}
        return {"variant": self.variant, "prompt style": self.style, "image": shown, **circular, **self._loaded}
