"""HallusionBench: the same yes/no questions on an original figure, on edited figures, and without any figure.

Guan et al. 2023, arXiv:2310.14566; rules as in tianyi-lab/HallusionBench evaluation.py and utils.py (BSD-3-Clause). 1,129
questions in 167 sets: VD needs the figure, VS supplements or contradicts what one knows; 178 of VS come without a figure.

    {"category": "VS", "subcategory": "chart", "visual_input": "1", "set_id": "0", "figure_id": "1", "sample_note": "rank",
     "question_id": "0", "question": "...", "gt_answer_details": "...", "gt_answer": "0", "filename": "./VS/chart/0_1.png"}

aAcc counts questions, fAcc figures with all questions right, qAcc questions right on all figures. The authors' table has all
three; leaderboards quote their mean under the benchmark's name.

Variants: "vlmevalkit" (default) and "lmms_eval" read by rules; "judge" is the authors' reading: a judge calls each answer
correct, incorrect or unclear (unclear is right where VS has no figure), and says whether two answers agree. It alone gives the
easy, hard, consistency, bias and error metrics. fAcc of "judge" leaves VS figure 0 out, which is no figure; the rules of both
harnesses count it where `scope: all` asks about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, each, read_rows
from benchmarks._files.styles import WORD_OR_PHRASE, chosen, ending
from benchmarks._hallusion.answer_form import ANSWER_FORM
from benchmarks._hallusion.causes import CORRECT, UNCLEAR, Same, as_found, causes
from benchmarks._hallusion.formulas import SUBCATEGORIES, formulas, piece
from benchmarks._hallusion.tasks import SAME, TASK, correctness, sameness
from benchmarks._judged.unjudged import unjudged
from benchmarks._labels.one_label import OneLabel
from benchmarks._text.yes_no import doubt
from benchmarks._text.yes_no_rules import any_yes, vlmevalkit
from benchmarks._together import same_images
from benchmarks._together.groups import PREFIX, all_right, sized, with_addends
from harness.core import flags, registry
from harness.core.capabilities import version_for
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Item, Score
from harness.core.judging import JudgeTask, NoJudge
from harness.core.plugins import Data, Judge

READERS = {"vlmevalkit": vlmevalkit, "lmms_eval": any_yes}
VARIANTS = {**READERS, "judge": None}
SCOPES = {"all": "all questions", "image": "questions with a figure"}
_FOLDER = "hallusionbench"
_ORIGIN = "github.com/tianyi-lab/HallusionBench"
_EXAMPLE = {"category": "VD", "subcategory": "ocr", "figure": "0", "groups": {}}


@registry.benchmark
class HallusionBench(OneLabel):
    """Yes/no questions by set, figure and question."""

    title = "HallusionBench"
    judge_tasks: tuple[JudgeTask, ...] = (TASK, SAME)
    version = 2  # 2: ids are numbers however they are written ("00" is figure 0)
    answer_form = ANSWER_FORM
    styles: Mapping[str, str] = {"official": "", "llava": WORD_OR_PHRASE, "lmms_eval": ""}
    files = (
        OfficialFile(
            f"{_FOLDER}/HallusionBench.json",
            _ORIGIN,
            "BSD-3-Clause",
            "copy it",
            url="https://raw.githubusercontent.com/tianyi-lab/HallusionBench/main/HallusionBench.json",
        ),
        OfficialFile(f"{_FOLDER}/VD", f"{_ORIGIN}, figures by its link", "of their sources", "unpack the archive's VD here"),
        OfficialFile(f"{_FOLDER}/VS", f"{_ORIGIN}, figures by its link", "of their sources", "unpack the archive's VS here"),
    )
    examples = (
        Example(
            Item("VD_ocr_0_0_0", "a.png", "", {**_EXAMPLE, "label": "yes"}),
            "Yes, it does.",
            {"items": 1.0, "n": 1.0, "right": 1.0, "VD/n": 1.0, "VD/right": 1.0, "VD_ocr/n": 1.0, "VD_ocr/right": 1.0},
        ),
        Example(
            Item("VD_ocr_0_0_1", "a.png", "", {**_EXAMPLE, "label": "yes"}),
            "**Yes**, it does.",
            {"items": 1.0, "n": 1.0, "right": 0.0, "VD/n": 1.0, "VD/right": 0.0, "VD_ocr/n": 1.0, "VD_ocr/right": 0.0}
            | {"unread": 1.0},
        ),
    )

    def __init__(
        self,
        judge: Judge | None = None,
        variant: str = "vlmevalkit",  # how an answer is read: vlmevalkit, lmms_eval, or judge (the authors' way)
        scope: str = "all",  # all (1,129 questions) or image (the 951 with a figure, as leaderboards ask)
        style: str = "official",  # prompt style: official, llava or lmms_eval
        folder: str = _FOLDER,  # the files' folder in the data folder
        max_new_tokens: int = 128,  # longest answer, in tokens
    ) -> None:
        self.judge, self.variant = judge, chosen(variant, VARIANTS, "HallusionBench")
        if variant == "judge" and judge is None:
            raise ConfigError("HallusionBench's variant judge asks a judge. Add `judge: {name: ...}` to the benchmark.")
        self.judge_tasks = self.judge_tasks if variant == "judge" else ()
        self.scope, self.style = chosen(scope, SCOPES, "HallusionBench", "scope"), style
        self._ending = ending(style, self.styles, "HallusionBench")
        self.folder, self.max_new_tokens = folder.rstrip("/"), max_new_tokens
        self.formulas = formulas(variant == "judge")
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """Raises DataError for an unknown category, a label but 0 and 1, a figure without a file name, a repeated question."""
        name = f"{self.folder}/HallusionBench.json"
        rows = [row for row in read_rows(data, name) if self.scope == "all" or row.text("visual_input") != "0"]
        _check_unique(rows)
        groups = sized([self._groups(row) for row in rows])
        items = same_images.marked(data, each(zip_rows(rows, groups), self._item))
        _check_figures(items, rows)
        self._loaded = {f"sha256 of {name}": data.digest(name), "rows": f"{len(rows):,}", **same_images.facts(items)}
        return items

    def _groups(self, row: Row) -> dict[str, str]:
        part = f"{row.text('category')}_{row.text('subcategory')}_{row.identifier('set_id')}"
        pair, figure = f"{part}/{row.identifier('question_id')}", f"{part}_{row.identifier('figure_id')}"
        found = {"pair": pair, "hard" if row.text("visual_input") == "2" else "easy": pair}
        if self.variant != "judge" or row.text("category") != "VS" or row.identifier("figure_id") != "0":
            found["figure"] = figure
        return found

    def _item(self, row: Row) -> Item:
        category, kind, shown = (row.text(key) for key in ("category", "subcategory", "visual_input"))
        if kind not in SUBCATEGORIES.get(category, ()):
            raise DataError(f"{row.where}: {category} {kind} is not one of HallusionBench's subcategories. Correct that entry.")
        if row.text("gt_answer") not in ("0", "1") or shown not in ("0", "1", "2"):
            raise DataError(f"{row.where}: gt_answer must be 0 or 1 and visual_input 0, 1 or 2. Correct that entry.")
        named = row["filename"] is not None and bool(str(row["filename"]).strip())
        if (shown == "0") == named:
            stated = f"the file name {row['filename']!r}" if named else "no file name"
            raise DataError(
                f"{row.where}: visual_input is {shown} but it has {stated}. Fetch the file again or correct that entry."
            )
        truth = {
            "label": "yes" if row.text("gt_answer") == "1" else "no",
            "details": row.text("gt_answer_details"),
            "category": category,
            "subcategory": kind,
            "visual_input": shown,
            "set": row.identifier("set_id"),
            "figure": row.identifier("figure_id"),
            "question": row.identifier("question_id"),
            "groups": row["groups"],
            "slices": [category, f"{category}_{kind}"],
        }
        image = "" if shown == "0" else f"{self.folder}/{row.file_name('filename').removeprefix('./')}"
        return Item(_key(row), image, row.question("question"), truth, group=f"{category}_{kind}_{row.identifier('set_id')}")

    def prompt(self, item: Item) -> str:
        return item.question + self._ending

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        if self.variant == "judge":
            return self._judged(item, answer)
        said = READERS[self.variant](answer.text)
        right = said == item.truth["label"]
        values = {"items": 1.0, **_in_parts(item, {"n": 1.0, "right": float(right)})} | ({} if said else {"unread": 1.0})
        return same_images.flagged(Score(item.id, values, said or "neither", right, doubt(answer.text, said)), item)

    def _judged(self, item: Item, answer: Answer) -> Score:
        """Unclear is right without a figure, where "I do not know" is true, and wrong elsewhere. Recorded replies have a value
        whatever they say: they count as the authors' script counts them."""
        assert self.judge is not None  # the constructor saw to it
        facts = {"reference": item.truth["details"], "id": item.id}
        verdict = self.judge.judge(TASK, item.question, answer.text, facts, None)
        if verdict.value is None:
            return unjudged(item, verdict, "correct, incorrect or unclear")
        reading = correctness(verdict.raw)
        no_figure = item.truth["category"] == "VS" and item.truth["figure"] == "0"
        right, label = reading == CORRECT or (reading == UNCLEAR and no_figure), item.truth["label"] == "yes"
        values = {"n": 1.0, "right": float(right), "label_yes": float(label), "said_yes": float(right == label)}
        values |= {} if right else {"wrong": 1.0, "wrong_no": float(not label)}
        addends = {"items": 1.0, **_in_parts(item, values)} | ({"unclear": 1.0} if reading == UNCLEAR else {})
        flag = flags.UNCLEAR if reading == UNCLEAR else ""
        return same_images.flagged(Score(item.id, addends, reading, right, flag, verdict=verdict), item)

    def together(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> list[Score]:
        """Figures, questions over all figures and, where a judge reads, why answers are wrong."""
        names = ("figure", "pair", "easy", "hard") if self.variant == "judge" else ("figure", "pair")
        added = [all_right(items, scores, name, _pieces) for name in names]
        if self.variant == "judge":
            found = causes(items, scores, self._whether_same(items, scores, answers))
            added.append({p: {f"{PREFIX}{of}{cause}": 1.0 for of in _pieces(items[p])} for p, cause in found.items()})
        return with_addends(scores, *added)

    def _whether_same(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> Same:
        if isinstance(self.judge, NoJudge):
            return as_found(items, scores)
        return lambda item, original: self._same(item, original, answers)

    def _same(self, item: Item, original: Item, answers: Mapping[str, Answer]) -> bool | None:
        """Whether the answer agrees with the one to the same question about figure 0."""
        assert self.judge is not None
        facts = {"other": answers[original.id].text, "id": item.id}
        verdict = self.judge.judge(SAME, "", answers[item.id].text, facts, None)
        return None if verdict.value is None else bool(sameness(verdict.raw))

    def fields(self, item: Item) -> Sequence[str]:
        """None where a judge reads: it compares with the reference in words, not with the label."""
        return [] if self.variant == "judge" else super().fields(item)

    def subject(self, item: Item) -> str:
        return f"{item.truth['category']} {item.truth['subcategory']}"

    def reference(self, item: Item) -> str:
        return str(item.truth["label"])

    def facts(self) -> dict[str, str]:
        judged = self.judge is not None and self.variant == "judge"
        judge = {"judge": f"{self.judge.name} {version_for(self.judge, TASK)}"} if judged and self.judge is not None else {}
        return {"variant": self.variant, "scope": SCOPES[self.scope], "prompt style": self.style, **judge, **self._loaded}


def zip_rows(rows: Sequence[Row], groups: Sequence[Mapping[str, object]]) -> list[Row]:
    return [Row(row.where, {**row.values, "groups": group}, row.key) for row, group in zip(rows, groups, strict=True)]


def _key(row: Row) -> str:
    ids = (row.identifier(key) for key in ("set_id", "figure_id", "question_id"))
    return "_".join((row.text("category"), row.text("subcategory"), *ids))


def _check_unique(rows: Sequence[Row]) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        if (first := seen.setdefault(_key(row), row.where)) != row.where:
            raise DataError(f"{row.where} repeats the question {_key(row)} of {first}. Remove one of them.")


def _check_figures(items: Sequence[Item], rows: Sequence[Row]) -> None:
    """Raises DataError where two figures of a set are one file: the answers of an edited figure would be asked of another."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for item, row in zip(items, rows, strict=True):
        figure, where = seen.setdefault((item.group, item.image), (item.truth["figure"], row.where))
        if item.image and figure != item.truth["figure"]:
            raise DataError(
                f"{row.where}: figure {item.truth['figure']} of {item.group} is the file {row['filename']!r}, which is figure "
                f"{figure} in {where}. Fetch the file again or correct that entry."
            )


def _pieces(item: Item) -> tuple[str, ...]:
    category = item.truth["category"]
    return "", piece(category), piece(f"{category}_{item.truth['subcategory']}")


def _in_parts(item: Item, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{of}{name}": value for of in _pieces(item) for name, value in values.items()}
