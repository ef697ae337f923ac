"""MME: two yes/no questions about each image, one with the answer yes and one no, so that guessing shows.

Fu et al. 2023, arXiv:2306.13394; scoring as in the authors' eval_tool calculation.py. 2,374 questions about 1,187 images in
14 tasks: perception (10, at most 2,000 points) and cognition (4, at most 800).

    {"question_id": "existence/6040.jpg", "category": "existence", "question": "Is there a potted plant in this image? Please
     answer yes or no.", "answer": "Yes"}

A task's score is 100 x accuracy + 100 x accuracy+ (images with both answers right). An unread answer is wrong. The
"hallucination subset" is the plain sum over existence, count, position and color: no official function computes it.

Departures: images are paired by name, not by line; a task without a readable answer scores 0 (the official script stops).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, check_once, read_rows
from benchmarks._files.styles import WORD_OR_PHRASE, chosen, ending
from benchmarks._labels.one_label import OneLabel
from benchmarks._text.asked_object import asked_object
from benchmarks._text.yes_no import doubt
from benchmarks._text.yes_no_rules import mme_lmms_eval, mme_official, vlmevalkit
from benchmarks._together.groups import all_right, share_of_groups, sized, with_addends
from harness.core import registry
from harness.core.edge.answer_form import AnswerForm, Fields, by_id
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Number, Score, Sums, ratio
from harness.core.plugins import Data

HALLUCINATION = ("existence", "count", "position", "color")
PERCEPTION = (*HALLUCINATION, "posters", "celebrity", "scene", "landmark", "artwork", "OCR")
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
TASKS = PERCEPTION + COGNITION
VARIANTS = {"official": mme_official, "lmms_eval": mme_lmms_eval, "vlmevalkit": vlmevalkit}
_NO_PAIR = "no image with both answers"
_MOST = 200.0  # of a task: 100 for accuracy and 100 for accuracy+
OFFICIAL_ENDING = " Please answer yes or no."
_FILE = "mme/questions.jsonl"
_HUB = "lmms-lab/MME on the Hugging Face hub"


def _parts_of(task: str) -> tuple[Formula, Formula]:
    accuracy = ratio("accuracy", [f"{task}/right"], [f"{task}/n"], group=task, unknown="no answers")
    return accuracy, share_of_groups("accuracy_plus", "image", f"{task}/", group=task, unknown=_NO_PAIR)


def _task_score(task: str) -> Formula:
    accuracy, plus = parts = _parts_of(task)

    def points(s: Sums) -> Number:
        return 100 * accuracy.compute(s) + 100 * plus.compute(s)

    return Formula("score", points, unit="points", group=task, unknown=_NO_PAIR, bounds=(0.0, _MOST), parts=parts)


def _total(name: str, tasks: Sequence[str], **about: object) -> Formula:
    scores = [_task_score(task) for task in tasks]
    parts = tuple(part for score in scores for part in score.parts)
    words = {
        "unit": "points",
        "unknown": "some of its tasks have no image with both answers",
        "about": f"sum over {', '.join(tasks)}",
    }
    about = {"bounds": (0.0, _MOST * len(tasks)), "parts": parts, **words, **about}
    return Formula(name, lambda s: sum(score.compute(s) for score in scores), headline=True, **about)  # type: ignore[arg-type]


def _of_task(task: str) -> tuple[Formula, ...]:
    return (
        _task_score(task),
        *_parts_of(task),
        ratio("precision", [f"{task}/tp"], [f"{task}/tp", f"{task}/fp"], group=task, unknown="no answer was read as yes"),
        ratio("recall", [f"{task}/tp"], [f"{task}/tp", f"{task}/fn"], group=task, unknown="no read answer to a yes question"),
        ratio("unread", [f"{task}/unread"], [f"{task}/n"], better="lower", group=task, unknown="no answers"),
    )


def _keys(row: Fields) -> list[str]:
    """By image and question: of the hub's rows, a line of <task>.txt, or a prompt. Without a question, by the item's id."""
    image = row.get("question_id") or f"{row['file']}/{row.get('image', '')}"
    question = row.get("question") or row.get("prompt")
    return [_name(str(image), str(question))] if question else by_id(row) or [image]


def _name(image: str, question: str) -> str:
    """The image and its question without what a style puts around it."""
    bare = question.removeprefix("<image>").strip()
    for end in (OFFICIAL_ENDING, WORD_OR_PHRASE):
        bare = bare.removesuffix(end.strip()).rstrip()
    return f"{image} {bare}"


@registry.benchmark
class Mme(OneLabel):
    """MME's 14 tasks."""

    title = "MME"
    version = 1
    answer_form = AnswerForm(keys=_keys, names=lambda item: [_name(item.group, item.question), item.id])
    styles: Mapping[str, str] = {
        "official": OFFICIAL_ENDING,
        "llava": WORD_OR_PHRASE,
        "lmms_eval": WORD_OR_PHRASE,
        "vlmevalkit": OFFICIAL_ENDING,
    }
    files = (
        OfficialFile(_FILE, _HUB, "academic research only", "write its rows as JSON lines, without the image column"),
        OfficialFile("mme/images", _HUB, "academic research only", "save each row's image under its question_id"),
    )
    examples = (
        Example(
            Item("1", "a.jpg", "Is there a dog in this image?", {"label": "no", "task": "existence", "groups": {}}),
            "No, there is not.",
            {"n": 1.0, "existence/n": 1.0, "existence/right": 1.0, "existence/tn": 1.0},
        ),
        Example(
            Item("2", "a.jpg", "Is there a cat in this image?", {"label": "yes", "task": "existence", "groups": {}}),
            "**Yes**",
            {"n": 1.0, "unread": 1.0, "existence/n": 1.0, "existence/right": 0.0, "existence/unread": 1.0},
        ),
    )
    formulas = (
        _total("perception", PERCEPTION),
        _total("cognition", COGNITION),
        _total("hallucination_subset", HALLUCINATION, role="hallucination"),
        *(formula for task in TASKS for formula in _of_task(task)),
        ratio("yes_rate", ["yes"], ["n"], better="neither", unknown="no answers", about="of all answers"),
        ratio("unread", ["unread"], ["n"], better="lower", unknown="no answers", about="read as neither yes nor no: wrong"),
    )

    def __init__(
        self,
        variant: str = "official",  # how an answer is read: official, lmms_eval or vlmevalkit
        style: str = "official",  # prompt style: official, llava, lmms_eval or vlmevalkit
        file: str = _FILE,  # question file in the data folder
        image_folder: str = "mme/images",  # image folder in the data folder
        max_new_tokens: int = 16,  # longest answer, in tokens
    ) -> None:
        self.variant, self.style = chosen(variant, VARIANTS, "MME"), style
        self._ending = ending(style, self.styles, "MME")
        self.file, self.image_folder, self.max_new_tokens = file, image_folder.rstrip("/"), max_new_tokens
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """Raises DataError for an unknown task, a label that is neither yes nor no, an image without one question of each."""
        rows = read_rows(data, self.file)
        groups = sized([{"image": row.file_name("question_id")} for row in rows])
        check_once(rows, lambda row: (row.text("question_id"), row.question("question")))
        items = [self._item(row, group) for row, group in zip(rows, groups, strict=True)]
        _check_images(items, rows)
        self._loaded = {f"sha256 of {self.file}": data.digest(self.file), "rows": f"{len(rows):,}"}
        return items

    def _item(self, row: Row, groups: Mapping[str, Sequence[object]]) -> Item:
        image, task, label = row.text("question_id"), row.text("category"), row.text("answer").strip().lower()
        if task not in TASKS:
            raise DataError(f"{row.where}: {task!r} is not one of MME's tasks ({', '.join(TASKS)}). Correct that line.")
        if label not in ("yes", "no"):
            raise DataError(f"{row.where}: the label is {row['answer']!r}; MME's labels are Yes and No. Correct that line.")
        if groups["image"][1] != 2:
            raise DataError(
                f"{row.where}: {image} has {groups['image'][1]} questions; each image needs two. Fetch the file again."
            )
        truth = {"label": label, "task": task, "groups": groups}
        question, named = row.question("question"), image.partition("/")[0]
        if named in TASKS and named != task:
            raise DataError(f"{row.where}: the category is {task!r} but {image} is an image of {named!r}. Correct that line.")
        return Item(f"{image} {question}", f"{self.image_folder}/{image}", question, truth, group=image)

    def prompt(self, item: Item) -> str:
        """The question with its official ending, or with the style's in its place."""
        return item.question.removesuffix(OFFICIAL_ENDING).rstrip() + self._ending

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends in all and under the task; tp, fp, tn, fn leave unread answers out, as the official precision does."""
        said, label, task = VARIANTS[self.variant](answer.text), item.truth["label"], item.truth["task"]
        right = said == label
        values = {"n": 1.0, f"{task}/n": 1.0, f"{task}/right": float(right)}
        if said:
            values[f"{task}/{'t' if right else 'f'}{'p' if said == 'yes' else 'n'}"] = 1.0
        else:
            values |= {"unread": 1.0, f"{task}/unread": 1.0}
        if said == "yes":
            values["yes"] = 1.0
        return Score(item.id, values, said or "neither", right, doubt(answer.text, said))

    def together(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> list[Score]:
        """Both questions about an image, under the image's task."""
        return with_addends(scores, all_right(items, scores, "image", lambda item: (f"{item.truth['task']}/",)))

    def asked_object(self, item: Item) -> str:
        """Of the existence task alone: others ask "Is there a red coat in the image?" about an object that is there."""
        return asked_object(item.question) if item.truth["task"] == "existence" else ""

    def subject(self, item: Item) -> str:
        return self.asked_object(item) or str(item.truth["task"])

    def labels_by_slice(self, item: Item) -> Sequence[tuple[str, str]]:
        return [(item.truth["task"], item.truth["label"])]

    def reference(self, item: Item) -> str:
        return str(item.truth["label"])

    def facts(self) -> dict[str, str]:
        return {"variant": self.variant, "prompt style": self.style, "unread answers": "wrong", **self._loaded}


def _check_images(items: Sequence[Item], rows: Sequence[Row]) -> None:
    """Raises DataError where the two questions about an image are of different tasks, or have one label."""
    seen: dict[str, tuple[Item, str]] = {}
    for item, row in zip(items, rows, strict=True):
        first, where = seen.setdefault(item.image, (item, row.where))
        label, task = item.truth["label"], item.truth["task"]
        if first is not item and first.truth["task"] != task:
            raise DataError(
                f"{row.where}: the category is {task!r}, and {first.truth['task']!r} in {where}; both questions about "
                f"{item.group} are of one task. Fetch the file again, or correct that line."
            )
        if first is not item and first.truth["label"] == label:
            raise DataError(
                f"{row.where}: the label of both questions about {item.group} is {label}, as in {where}; of an image's two "
                "answers one is Yes and one No. Fetch the file again, or correct that line."
            )
