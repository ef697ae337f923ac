"""Small helpers of the benchmark tests: say an answer, add up scores, read golden files, write data files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.core.evaluation import Answer, Score, Sums, Verdict
from harness.core.judging import Facts, JudgeTask
from harness.core.plugins import Benchmark, Data

GOLDEN = Path(__file__).parent / "data"


def said(text: str, stopped: str = "end") -> Answer:
    return Answer("", text, len(text.split()), stopped)


def sums(scores: Iterable[Score]) -> Sums:
    total: Counter[str] = Counter()
    for score in scores:
        for name, value in score.values.items():
            total[name] += value
    return Sums(total)


def metrics(benchmark: Benchmark, scores: Iterable[Score]) -> dict[str, float]:
    """ "name[group]" -> value over all scores."""
    added = sums(scores)
    return {f"{f.name}[{f.group}]" if f.group else f.name: f.compute(added) for f in benchmark.formulas}


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def golden_lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").split("\n") if line]


def put(folder: Data, name: str, content: Any) -> None:
    """Write a file into the data folder: text as it is, a list as JSON lines, else as JSON."""
    path = folder.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        content = "".join(json.dumps(row) + "\n" for row in content)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def put_coco(folder: Data, objects: Mapping[int, list[str]], captions: Mapping[int, list[str]]) -> None:
    """Val annotations in COCO's format: image id -> category names, image id -> reference captions."""
    names = sorted({name for kinds in objects.values() for name in kinds})
    images = [{"id": n, "file_name": f"COCO_val2014_{n:012d}.jpg"} for n in sorted({*objects, *captions})]
    boxes = [{"id": 10 * n + i, "image_id": n, "category_id": names.index(kind)}
             for n, kinds in objects.items() for i, kind in enumerate(kinds)]  # fmt: skip
    texts = [{"id": 10 * n + i, "image_id": n, "caption": text}
             for n, lines in captions.items() for i, text in enumerate(lines)]  # fmt: skip
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    put(folder, "coco/annotations/instances_val2014.json",
        {"images": images, "annotations": boxes, "categories": categories})  # fmt: skip
    put(folder, "coco/annotations/captions_val2014.json", {"images": images, "annotations": texts})


class Replies:
    """A judge that says given texts in turn; None is a judge that could not be reached."""

    name = "replies"
    version = "1"

    def __init__(self, *texts: str | None) -> None:
        self._texts = iter(texts)
        self.asked: list[tuple[str, str, Mapping[str, Any], Path | None]] = []

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        self.asked.append((question, answer, task.stored_facts(facts), image))
        text = next(self._texts)
        return Verdict(None if text is None else 0.0, "", text or "", self.name, self.version)
