"""LLaVA-Bench (in the wild): how good is an answer beside GPT-4's text-only one, as a judge scores both?

Liu et al. 2023, arXiv:2304.08485; rules as in haotian-liu/LLaVA llava/eval/eval_gpt_review_bench.py and
summarize_gpt_review.py. 60 questions about 24 images; the judge reads a description of the image and gives the reference
and the model 1-10 each. relative = mean model / mean reference, per category and overall: papers report the overall one.

Variants: "tolerant" (default) reads more reply formats and leaves what it cannot read out, as unjudged;
"official" reads two values parted by one space or comma and averages failures in as -1, which pulls both means
down and the ratio to 100 %; "rlhfv" (RLHF-V) reads the same and drops the failures. The latter two round as published.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks._coco.asserted_objects import Assertions, assertions
from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, by_key, check_unique, each, read_rows
from benchmarks._judged import prompts
from benchmarks._judged.unjudged import official_flag, unjudged
from harness.core import registry
from harness.core.capabilities import version_for
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Number, Score, Sums, Verdict, over, ratio, rounded
from harness.core.judging import Facts, JudgeTask, RatingScale, Reply, replays
from harness.core.plugins import Data, Judge

CATEGORIES = ("conv", "detail", "complex")
VARIANTS = ("tolerant", "official", "rlhfv")
_UNREAD = {  # what a variant counts for a reply that states no two scores for sure
    "tolerant": "",
    "official": "-1 for both answers where the reply's first line is not two numbers",
    "rlhfv": "the two numbers of the reply's first line; a reply without is left out, as not judged",
}
_HUB = "liuhaotian/llava-bench-in-the-wild on the Hugging Face hub"
_RESOLVE = "https://huggingface.co/datasets/liuhaotian/llava-bench-in-the-wild/resolve/main"
_LABEL = re.compile(r"(?i)\b(?:assistant|answer|response|score)\s*[12]?\s*[:=]|[*_`\"'()\[\]]")
_TURNED = re.compile(r"(?i)\b(?:assistant|answer|response)\s*2\b.*\b(?:assistant|answer|response)\s*1\b")
_SCORE = r"(\d+(?:\.\d+)?)(?:\s*(?:/|out of)\s*10(?![\d.]))?"
_PAIR = re.compile(rf"\s*{_SCORE}(?:\s*[,;&|\uff0c\u3001\uff1b]\s*|\s+and\s+|\s+){_SCORE}\s*\.?\s*")


def official_scores(reply: str) -> tuple[float, float]:
    """(reference, model) of the first line, split at single spaces after commas became spaces; (-1, -1) if not two.

    So "7, 8" fails (two spaces) and "7,8" does not.
    """
    parts = reply.split("\n", maxsplit=1)[0].replace(",", " ").split(" ")
    try:
        first, second = (float(part) for part in parts)
    except ValueError:
        return -1.0, -1.0
    return first, second


def tolerant_scores(reply: str) -> tuple[float, float] | None:
    """(reference, model) of the one line that is nothing but two numbers from 1 to 10 (and markup, "Assistant 1:"); else None.

    The judge is asked for scores "on a scale of 1 to 10": 0 is none. Nor are numbers within a sentence ("On a scale from ...").
    """
    lines = [line for line in reply.split("\n") if not _TURNED.search(line)]  # "Assistant 2: 9, Assistant 1: 8"
    pairs = {(float(m[1]), float(m[2])) for line in lines if (m := _PAIR.fullmatch(_LABEL.sub(" ", line)))}
    scores = pairs.pop() if len(pairs) == 1 else None
    return scores if scores is not None and min(scores) >= 1 and max(scores) <= 10 else None


def _value(reply: str) -> float | None:
    scores = tolerant_scores(reply)
    return scores[1] if scores else None


def compare(question: str, answer: str, facts: Facts) -> Reply:
    """The judges' rule without a model: the reference gets 10; the answer 1 to 10 by its share of the reference's words, 3
    less for each object that neither the description nor the reference has."""
    reference, context, said = (assertions(str(text)) for text in (facts["reference"], facts["context"], answer))
    wanted = _telling(reference)
    share = len(wanted & _telling(said)) / len(wanted) if wanted else 0.0
    invented = [node for node in said.present if node not in {*reference.present, *context.present}]
    score = max(1.0, min(10.0, round(1 + 9 * share - 3 * len(invented), 1)))
    pair = (score, 10.0) if facts.get("swapped") else (10.0, score)
    why = f"{share:.0%} of the reference's words; invented: {', '.join(invented) or 'nothing'}"
    return Reply(score, why, f"{pair[0]:g} {pair[1]:g}\n{why}")


def _telling(text: Assertions) -> set[str]:
    return {word for word in text.words if len(word) > 2 and re.fullmatch(r"\w+", word)}


TASK = JudgeTask("llava_bench", prompts.LLAVA_BENCH, read=_value, rule=compare, fields=prompts.fields, texts=prompts.RELEASED)


@registry.benchmark
class LlavaBench:
    """LLaVA-Bench in the wild with a judge."""

    title, needs_judge = "LLaVA-Bench", True
    judge_tasks = (TASK,)
    rating_scale = RatingScale(1.0, 10.0, "model")
    version = 4  # 3: tolerant reads scores from 1 to 10; from 0 to 10 before. 4: full-width commas between scores
    files = (
        *(
            OfficialFile(f"llava_bench/{n}", _HUB, "Apache-2.0", "copy it", url=f"{_RESOLVE}/{n}")
            for n in ("questions.jsonl", "context.jsonl", "answers_gpt4.jsonl")
        ),
        OfficialFile("llava_bench/images", _HUB, "see the hub", "copy the folder"),
    )
    examples = (  # as the keywords judge scores it
        Example(
            Item("1", "", "What is on the sofa?", {"category": "conv", "context": "A dog.", "reference": "A brown dog."}),
            "A dog.",
            {"items": 1.0, "judged": 1.0, "reference": 10.0, "model": 5.5}
            | {"conv/judged": 1.0, "conv/reference": 10.0, "conv/model": 5.5},
        ),
    )

    def __init__(
        self,
        judge: Judge,
        variant: str = "tolerant",  # how the judge's reply is read: tolerant, official or rlhfv
        swap: bool = False,
        folder: str = "llava_bench",  # the files' folder in the data folder
        max_new_tokens: int = 1024,  # longest answer, in tokens
    ) -> None:
        """`swap`: judge each pair in both orders and take the mean, against the judge's liking for the first place."""
        if variant not in VARIANTS:
            raise ConfigError(f"LLaVA-Bench has no variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
        if swap and replays(judge):
            raise ConfigError(
                "LLaVA-Bench: swap asks the judge for both orders of the two answers, and replies that exist are to one. "
                "Leave swap out, or name a judge that can be asked, such as chat."
            )
        self.judge, self.variant, self.swap = judge, variant, swap
        self.unread_counts = _UNREAD[variant]
        self._task = TASK if variant == "tolerant" else replace(TASK, counted=self._counted)
        self.folder, self.max_new_tokens = folder.rstrip("/"), max_new_tokens
        self.formulas = _formulas(as_published=variant != "tolerant")
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        names = {part: f"{self.folder}/{part}.jsonl" for part in ("questions", "context", "answers_gpt4")}
        rows = {part: read_rows(data, name) for part, name in names.items()}
        check_unique(rows["questions"], "question_id")
        context = by_key(rows["context"], lambda row: row.text("image"), _caption)
        references = by_key(rows["answers_gpt4"], lambda row: row.identifier("question_id"), lambda row: row.text("text"))
        self._loaded = {f"sha256 of {name}": data.digest(name) for name in names.values()}
        self._loaded["rows"] = str(len(rows["questions"]))
        return each(rows["questions"], lambda row: self._item(row, context, references, data))

    def prompt(self, item: Item) -> str:
        return item.question

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends of one review: the scores of the reference and of the model."""
        orders = (False, True) if self.swap else (False,)
        verdicts = [self._ask(item, answer.text, swapped) for swapped in orders]
        pairs = [self._scores(v, swapped) for v, swapped in zip(verdicts, orders, strict=True)]
        read = [pair for pair in pairs if pair is not None]
        if len(read) < len(pairs):
            lost = next(v for v, pair in zip(verdicts, pairs, strict=True) if pair is None)
            finite = all(map(math.isfinite, official_scores(lost.raw)))
            score = unjudged(item, lost, "pair of scores")
            return score if finite else replace(score, why="scores that are not finite in the judge's reply")
        reference, model = (sum(column) / len(read) for column in zip(*read, strict=True))
        kind = item.truth["category"]
        values = {"items": 1.0}
        for group in ("", f"{kind}/"):
            values |= {f"{group}judged": 1.0, f"{group}reference": reference, f"{group}model": model}
        reading = f"reference {reference:g}, model {model:g}"
        why = "\n\n".join(verdict.raw for verdict in verdicts)
        flags = {official_flag(official_scores(verdict.raw), tolerant_scores(verdict.raw)) for verdict in verdicts}
        flag = max(flags) if self.variant != "tolerant" else ""
        return Score(item.id, values, reading, correct=model >= reference, flag=flag, why=why, verdict=verdicts[0])

    def subject(self, item: Item) -> str:
        return str(item.truth["category"])

    def reference(self, item: Item) -> str:
        return str(item.truth["reference"])

    def facts(self) -> dict[str, str]:
        return {
            "variant": self.variant,
            "judge": f"{self.judge.name} {version_for(self.judge, TASK)}",
            "order of the answers": "both, averaged" if self.swap else "reference first",
            **self._loaded,
        }

    def _ask(self, item: Item, answer: str, swapped: bool) -> Verdict:
        return self.judge.judge(self._task, item.question, answer, {"swapped": swapped, **item.truth}, None)

    def _scores(self, verdict: Verdict, swapped: bool) -> tuple[float, float] | None:
        """(reference, model) of a verdict; None is unjudged."""
        if not verdict.raw and verdict.value is None:
            return None  # the judge was not reached: even the official script has nothing to average in
        pair = tolerant_scores(verdict.raw) if self.variant == "tolerant" else self._counted(verdict.raw)
        return (pair[1], pair[0]) if swapped and pair is not None else pair

    def _counted(self, reply: str) -> tuple[float, float] | None:
        """What the two published scripts average in; None for what they drop, and for infinite scores."""
        pair = official_scores(reply)
        return None if (self.variant == "rlhfv" and pair[0] == -1) or not all(map(math.isfinite, pair)) else pair

    def _item(self, row: Row, context: Mapping[str, str], references: Mapping[str, str], data: Data) -> Item:
        number, image, kind = row.identifier("question_id"), row.file_name("image"), row.text("category")
        kind = kind.removeprefix("llava_bench_")
        if kind not in CATEGORIES:
            raise DataError(f"{row.where}: category {kind!r} is not one of {', '.join(CATEGORIES)}. Correct it.")
        for name, key, found in (("context", image, context), ("answers_gpt4", number, references)):
            if key not in found:
                raise DataError(f"{row.where}: {self.folder}/{name}.jsonl has no entry for {key}. Fetch both files again.")
        truth = {"category": kind, "context": context[image], "reference": references[number]}
        inside = f"{self.folder}/images/{image}"
        return Item(number, image if "/" in image and data.has(image) else inside, row.question("text"), truth)


def _caption(row: Row) -> str:
    return "\n".join(row.texts("caption")) if isinstance(row["caption"], list) else row.text("caption")


def _formulas(as_published: bool) -> tuple[Formula, ...]:
    formulas: list[Formula] = []
    for kind in ("", *CATEGORIES):
        formulas += _group_formulas(kind, as_published)
    judged = ratio("judged", ["judged"], ["items"], better="neither", unknown="no answers")
    return (*formulas, judged)


def _group_formulas(kind: str, as_published: bool) -> Sequence[Formula]:
    group = f"{kind}/" if kind else ""

    def mean(sums: Sums, column: str) -> Number:
        value = over(sums[group + column], sums[f"{group}judged"])
        return rounded(value, 3) if as_published else value

    def relative(sums: Sums) -> Number:
        value = over(mean(sums, "model"), mean(sums, "reference"))
        return rounded(value * 100, 1) / 100 if as_published else value

    unknown = "no answer could be judged"
    about = "mean model score / mean reference score"
    return (
        Formula(
            "relative",
            relative,
            group=kind,
            headline=not kind,
            unknown=unknown,
            about=about,
            published_as="" if kind else "LLaVA-W",
            bounds=(0.0, math.inf),  # an answer may beat the reference: this is no share
        ),
        Formula("reference", lambda s: mean(s, "reference") * 10, "neither", "points", kind, unknown=unknown),
        Formula("model", lambda s: mean(s, "model") * 10, "higher", "points", kind, unknown=unknown),
    )
