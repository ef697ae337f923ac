"""MM-Vet: open questions that combine recognition, OCR, knowledge, generation, space and arithmetic; judged 0 to 1.

Yu et al. 2023, arXiv:2308.02490; aggregation as in yuweihao/MM-Vet mm-vet_evaluator.py: total = mean x 100, and the same
over the questions that need a capability. Published numbers use GPT-4-0613, mean of five gradings.

What cannot be read as a number from 0 to 1 is unjudged ("tolerant", the default). Variant "official" makes it 0.0, as
the authors' script does after five tries. Departure: so is "nan", which passes the script's comparisons and makes its mean nan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, each, read_json
from benchmarks._judged import prompts
from benchmarks._judged.stated_rating import stated_rating
from benchmarks._judged.unjudged import official_flag, unjudged
from benchmarks._text.asked_object import asked_object
from benchmarks._text.vqa_answers import normalise
from harness.core import registry
from harness.core.capabilities import version_for
from harness.core.edge.answer_form import TEXTS, AnswerForm, Fields
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Item, Score, ratio
from harness.core.judging import FILE_JUDGE, Facts, JudgeTask, RatingScale, Reply
from harness.core.plugins import Data, Judge

CAPABILITIES = ("rec", "ocr", "know", "gen", "spat", "math")
_RELEASE = "release v1 of yuweihao/MM-Vet on GitHub, mm-vet.zip"
_ZIP = "https://github.com/yuweihao/MM-Vet/releases/download/v1/mm-vet.zip"


def official_grade(reply: str) -> float | None:
    """The first piece of the reply, split at a space, as a number from 0 to 1; else 0.0."""
    try:
        grade = float(reply.split(" ", 1)[0].strip())
    except ValueError:
        return 0.0
    return grade if 0 <= grade <= 1 else 0.0


def tolerant_grade(reply: str) -> float | None:
    """A number from 0 to 1 that the reply states as its grade; None where it states none."""
    return stated_rating(reply, 0.0, 1.0)


PARSERS: Mapping[str, Callable[[str], float | None]] = {"tolerant": tolerant_grade, "official": official_grade}


def grade(question: str, answer: str, facts: Facts) -> Reply:
    """The judges' rule without a model: of the parts joined by <AND>, the share whose words all stand in the answer; the best
    of those joined by <OR>."""
    words = set(normalise(answer).split())

    def share(alternative: str) -> float:
        parts = [set(normalise(part).split()) for part in alternative.split("<AND>")]
        return sum(bool(part) and part <= words for part in parts) / len(parts)

    best = max(share(alternative) for alternative in str(facts["reference"]).split("<OR>"))
    return Reply(best, "", f"{best:.1f}")


TASK = JudgeTask("mmvet", prompts.MMVET, read=tolerant_grade, rule=grade, fields=prompts.fields, texts=prompts.RELEASED)


def _grading(row: Fields) -> str | None:
    """A grading file's scores, {"score": [0.5, 0.4]}, as their mean; else the grader's own words, {"content": ["0.5"]}.

    A score that is no list is a grading too, but beside an answer it may be anything. Scores outside the scale stay as text.
    """
    scores, content = row.get("score"), row.get("content", row.get("judge_reply"))
    alone = scores is not None and not any(row.get(name) is not None for name in TEXTS)
    numbers = [_number(score) for score in (scores if isinstance(scores, list) else [scores] if alone else [])]
    known = [number for number in numbers if number is not None]
    if known and len(known) == len(numbers):
        fits = all(0 <= number <= 1 for number in known)
        return f"{sum(known) / len(known):.17g}" if fits else ", ".join(f"{number:g}" for number in known)
    return str(content[0]) if isinstance(content, list) and content else content if isinstance(content, str) else None


def _number(score: object) -> float | None:
    """0.5 and "0.5"; None for anything else."""
    try:
        return float(score) if isinstance(score, int | float | str) and not isinstance(score, bool) else None
    except ValueError:
        return None


@registry.benchmark
class Mmvet:
    """MM-Vet with a judge."""

    title = "MM-Vet"
    answer_form = AnswerForm(replies={"mmvet": _grading})
    needs_judge = True
    judge_tasks = (TASK,)
    rating_scale = RatingScale(0.0, 1.0, "grade")
    version = 4  # 3: grades on other scales and ranges behind markup are unjudged. 4: "0.5/1", full-width forms; "0.5, maybe 1"
    files = (
        OfficialFile(
            "mmvet/mm-vet.json",
            _RELEASE,
            "CC BY-NC 4.0",
            "unpack it and rename the folder to mmvet",
            url=_ZIP,
            member="mm-vet/mm-vet.json",
        ),
        OfficialFile("mmvet/images", _RELEASE, "CC BY-NC 4.0", "the same archive", url=_ZIP, member="mm-vet/images/"),
    )
    examples = (  # as the keywords judge grades it
        Example(
            Item("1", "", "What is x?", {"answer": "-1 <AND> -5", "capability": ["ocr", "math"]}),
            "x = -5",
            {"items": 1.0, "judged": 1.0, "grade": 0.5, "ocr/judged": 1.0, "ocr/grade": 0.5}
            | {"math/judged": 1.0, "math/grade": 0.5},
        ),
    )
    formulas = (
        ratio("score", ["grade"], ["judged"], headline=True, unknown="no answer could be judged", published_as="MM-Vet"),
        *(ratio("score", [f"{c}/grade"], [f"{c}/judged"], group=c, unknown="no answer could be judged") for c in CAPABILITIES),
        ratio("judged", ["judged"], ["items"], better="neither", unknown="no answers"),
    )

    def __init__(
        self,
        judge: Judge,
        variant: str = "tolerant",  # how the judge's reply is read: tolerant or official
        folder: str = "mmvet",  # the files' folder in the data folder
        max_new_tokens: int = 512,  # longest answer, in tokens
    ) -> None:
        if variant not in PARSERS:
            raise ConfigError(f"MM-Vet has no variant {variant!r}; choose one of {', '.join(PARSERS)}.")
        self.judge, self.variant = judge, variant
        self.unread_counts = "0 where the reply does not begin with a number from 0 to 1" if variant == "official" else ""
        self._task = replace(TASK, counted=official_grade) if variant == "official" else TASK
        self.folder, self.max_new_tokens = folder.rstrip("/"), max_new_tokens
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        name = f"{self.folder}/mm-vet.json"
        content = read_json(data, name)
        if not isinstance(content, dict) or not content:
            raise DataError(f"{name} is not an object of questions by id. Fetch it again.")
        self._loaded = {f"sha256 of {name}": data.digest(name), "rows": str(len(content))}
        rows = [Row(f"{name}, question {number}", entry, number) for number, entry in content.items()]
        return each(rows, self._item)

    def prompt(self, item: Item) -> str:
        return item.question

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends of one grading, in all and under each capability that the question needs."""
        verdict = self.judge.judge(self._task, item.question, answer.text, {"reference": item.truth["answer"]}, None)
        unreached = not verdict.raw and verdict.value is None
        grade = None if unreached else PARSERS[self.variant](verdict.raw)
        if grade is None:
            return unjudged(item, verdict, "grade")
        values = {"items": 1.0, "judged": 1.0, "grade": grade}
        for capability in item.truth["capability"]:
            values |= {f"{capability}/judged": 1.0, f"{capability}/grade": grade}
        flag = official_flag(grade, tolerant_grade(verdict.raw)) if self.variant == "official" else ""
        return Score(item.id, values, f"{grade:g} of 1", correct=grade >= 0.5, flag=flag, why=verdict.raw, verdict=verdict)

    def subject(self, item: Item) -> str:
        return asked_object(item.question)

    def reference(self, item: Item) -> str:
        return str(item.truth["answer"])

    def facts(self) -> dict[str, str]:
        judge = f"{self.judge.name} {version_for(self.judge, TASK)}"
        gradings = "as the files have them" if self.judge.name == FILE_JUDGE else "1"
        return {"variant": self.variant, "judge": judge, "gradings": gradings, **self._loaded}

    def _item(self, row: Row) -> Item:
        if not isinstance(row.values, Mapping):
            raise DataError(f"{row.where} is not an object. Fetch the file again.")
        capability = row["capability"]
        wrong = [c for c in capability if c not in CAPABILITIES] if isinstance(capability, list) else [capability]
        if wrong:
            raise DataError(f"{row.where}: capability {wrong[0]!r} is not one of {', '.join(CAPABILITIES)}. Correct it.")
        truth = {"answer": row.text("answer"), "capability": list(dict.fromkeys(capability))}
        return Item(row.key, f"{self.folder}/images/{row.file_name('imagename')}", row.question("question"), truth)
