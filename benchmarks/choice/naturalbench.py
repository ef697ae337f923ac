"""NaturalBench: two images and two questions with opposite answers, so that blind or constant answers score 0.

Li et al. 2024, arXiv:2410.14669; scoring as in Baiqi-Li/NaturalBench naturalbench_vqa.py. 1,900 groups, 7,600 answers.

    {"Index": 0, "Image_0": "0_0.jpg", "Image_1": "0_1.jpg", "Question_0": "Is the canoe beside the river?", "Question_1": ...,
     "Image_0_Question_0": "Yes", "Image_1_Question_0": "No", "Image_0_Question_1": "No", "Image_1_Question_1": "Yes",
     "Question_Type": "yes_no", "Source": "Flickr30K"}

Acc: answers; Q_Acc: questions right on both images; I_Acc: images with both questions right; G_Acc: groups with all four.
Chance: 50, 25, 25, 6.25 %. The official script expects one pattern of labels and reads no label column: a file with another
pattern is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from benchmarks._choice import likelihoods as likelihood
from benchmarks._choice.letters import first_word
from benchmarks._choice.named_letters import flag_of
from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, check_unique, read_rows
from benchmarks._files.styles import LETTER, WORD_OR_PHRASE, chosen
from benchmarks._labels.one_label import OneLabel
from benchmarks._text.asked_object import asked_object
from benchmarks._text.yes_no import doubt
from benchmarks._together import same_images
from benchmarks._together.groups import all_right, share_incomplete, share_of_groups, with_addends
from harness.core import registry
from harness.core.edge.answer_form import AnswerForm, Fields, as_key
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Decoding, Example, Item, Score, ratio
from harness.core.plugins import Data

_FILE = "naturalbench/naturalbench.jsonl"
_HUB = "BaiqiL/NaturalBench on the Hugging Face hub"
KINDS = {"yes_no": "yes", "multiple_choice": "A"}  # question type -> its positive answer
_ANSWERS = {"yes_no": {"yes": "Yes", "no": "No"}, "multiple_choice": {"yes": "A", "no": "B"}}  # reading -> as written
_OTHER_NAMES = {"mcq": "multiple_choice"}
_ENDINGS: Mapping[str, Mapping[str, str]] = {
    "official": {
        "yes_no": "Please answer Yes or No.",
        "multiple_choice": "Please output the letter corresponding to the correct option.",
    },
    "lmms_eval": {
        "yes_no": " Please answer Yes or No.",
        "multiple_choice": " Please output the letter corresponding to the correct option.",
    },
    "llava": {"yes_no": WORD_OR_PHRASE, "multiple_choice": LETTER},
}
_CASES = tuple(product((0, 1), (0, 1)))  # (question, image) in the official order
_SLICES = ("", *(f"{kind}/" for kind in KINDS))


def _formulas(piece: str) -> tuple[object, ...]:
    head, group = not piece, piece.rstrip("/")
    return (
        share_of_groups("g_acc", "group", piece, group=group, headline=head, about="groups with all four answers right"),
        share_of_groups("q_acc", "question", piece, group=group, headline=head, about="questions right on both images"),
        share_of_groups("i_acc", "image", piece, group=group, headline=head, about="images with both questions right"),
        ratio("acc", [f"{piece}right"], [f"{piece}n"], group=group, headline=head, unknown="no answers"),
    )


def _keys(row: Fields) -> list[str]:
    """By Index and case; rows without both go by their place, as in the official script."""
    return [f"{as_key(row['Index'])}/{row['case']}"] if "Index" in row and "case" in row else []


def _told(row: Fields, item: Item) -> dict[str, tuple[str, str]]:
    index = row.get("Index")
    return {} if index is None else {"Index": (as_key(index), item.id.rpartition("/")[0])}


@registry.benchmark
class NaturalBench(OneLabel):
    """Groups of two images and two questions."""

    title = "NaturalBench"
    version = 2  # 2: "Ye\u017f" (a long s) is a yes, as in the authors' code
    answer_form = AnswerForm(keys=_keys, told=_told, apart="Rows with `Index` and `case` (q0_i0 ...) go by these.")
    styles: Mapping[str, object] = {**_ENDINGS, "vlmevalkit": _ENDINGS["lmms_eval"]}
    files = (
        OfficialFile(_FILE, _HUB, "Apache-2.0 by its card", "write its rows as JSON lines, images by name"),
        OfficialFile("naturalbench/images", _HUB, "of their sources", "save the images under the names in the rows"),
    )
    examples = (
        Example(
            Item("0/q0_i0", "a.jpg", "", {"label": "yes", "kind": "yes_no", "groups": {}}),
            "No. Yes, there is.",
            {"n": 1.0, "right": 0.0, "yes_no/n": 1.0, "yes_no/right": 0.0},
        ),
        Example(
            Item("1/q0_i1", "a.jpg", "", {"label": "no", "kind": "multiple_choice", "groups": {}}),
            "It is B.",
            {"n": 1.0, "right": 1.0, "multiple_choice/n": 1.0, "multiple_choice/right": 1.0},
        ),
    )
    formulas = (
        *(formula for piece in _SLICES for formula in _formulas(piece)),
        ratio("unread", ["unread"], ["n"], better="lower", unknown="no answers", about="none of the expected words: wrong"),
        share_incomplete("group"),
    )

    def __init__(
        self,
        style: str = "official",  # prompt style: official, lmms_eval, vlmevalkit or llava
        likelihoods: bool = False,  # also compare the likelihoods of the two answers
        file: str = _FILE,  # question file in the data folder
        image_folder: str = "naturalbench/images",  # image folder in the data folder
        max_new_tokens: int = 16,  # longest answer, in tokens
    ) -> None:
        self.style = chosen(style, self.styles, "NaturalBench", "prompt style")
        self.file, self.image_folder, self.max_new_tokens = file, image_folder.rstrip("/"), max_new_tokens
        self.likelihoods = likelihoods
        self.formulas = self.formulas + likelihoods * likelihood.FORMULAS
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """Four items a row. Raises DataError for another question type and for labels without the pattern of the scoring."""
        rows = read_rows(data, self.file)
        check_unique(rows, "Index")
        items = same_images.marked(data, [item for row in rows for item in self._items(row)])
        self._loaded = {f"sha256 of {self.file}": data.digest(self.file), "groups": f"{len(rows):,}"}
        self._loaded |= same_images.facts(items)
        return items

    def _items(self, row: Row) -> list[Item]:
        name = "Question_Type" if "Question_Type" in row.values else "Question Type"
        kind = _OTHER_NAMES.get(row.text(name), row.text(name))
        if kind not in KINDS:
            known = ", ".join(KINDS)
            raise DataError(f"{row.where}: the question type is {row[name]!r}; it must be one of {known}. Correct that line.")
        if row.file_name("Image_0") == row.file_name("Image_1"):
            raise DataError(
                f"{row.where}: Image_0 and Image_1 are both {row['Image_0']!r}; the answers are opposite, so the images must "
                "differ. Fetch the file again."
            )
        index = row.identifier("Index")
        items = []
        for question, image in _CASES:
            label = "yes" if question == image else "no"
            self._check_label(row, question, image, KINDS[kind], label)
            groups = {"group": [index, 4], "question": [f"{index}/q{question}", 2], "image": [f"{index}/i{image}", 2]}
            truth = {"label": label, "kind": kind, "groups": groups, "slices": [kind]}
            name, text = row.file_name(f"Image_{image}"), row.question(f"Question_{question}")
            where = f"{self.image_folder}/{name.removeprefix('images/')}"
            items.append(Item(f"{index}/q{question}_i{image}", where, text, truth, group=index))
        return items

    def _check_label(self, row: Row, question: int, image: int, positive: str, label: str) -> None:
        column = f"Image_{image}_Question_{question}"
        stated = first_word(row.text(column), positive)
        if stated != (label == "yes"):
            expected = {"yes": ("Yes", "No"), "A": ("A", "B")}[positive][label == "no"]
            raise DataError(
                f"{row.where}: {column} is {row[column]!r} but the scoring expects {expected}: the two questions must have "
                "opposite answers on the two images. Fetch the file again."
            )

    def prompt(self, item: Item) -> str:
        endings = _ENDINGS["lmms_eval" if self.style == "vlmevalkit" else self.style]
        return item.question + endings[item.truth["kind"]]

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        kind = item.truth["kind"]
        code = first_word(answer.text, KINDS[kind])
        right = code == (item.truth["label"] == "yes")
        values = {"n": 1.0, "right": float(right), f"{kind}/n": 1.0, f"{kind}/right": float(right)}
        values |= {"unread": 1.0} if code < 0 else {}
        reading = {1: "yes", 0: "no", -1: "neither"}[code]
        letter = {1: "A", 0: "B", -1: ""}[code]
        flag = doubt(answer.text, reading) if kind == "yes_no" else flag_of(answer.text, letter, {"A": "", "B": ""})
        score = Score(item.id, values, reading, right, flag)
        score = same_images.flagged(score, item)
        return likelihood.with_likeliest(score, answer, _ANSWERS[kind], item.truth["label"], reading)

    def offered(self, item: Item) -> Sequence[str]:
        return tuple(_ANSWERS[item.truth["kind"]].values())

    def together(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> list[Score]:
        """Groups, questions over both images, images over both questions."""

        def slices(item: Item) -> tuple[str, str]:
            return "", f"{item.truth['kind']}/"

        return with_addends(scores, *(all_right(items, scores, name, slices) for name in ("group", "question", "image")))

    def asked_object(self, item: Item) -> str:
        return asked_object(item.question) if item.truth["kind"] == "yes_no" else ""

    def subject(self, item: Item) -> str:
        return self.asked_object(item) or str(item.truth["kind"])

    def reference(self, item: Item) -> str:
        positive = KINDS[item.truth["kind"]]
        return {"yes": ("yes", "no"), "A": ("A", "B")}[positive][item.truth["label"] == "no"]

    def facts(self) -> dict[str, str]:
        return {"variant": "official", "prompt style": self.style, **self._loaded}
