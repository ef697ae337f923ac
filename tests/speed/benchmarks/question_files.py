"""Full-size synthetic question files: seconds of CPU to load and to score each benchmark of the second set.

python -m tests.speed.benchmarks.question_files          (numbers for docs/performance.md)
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.yes_no.mme import TASKS
from harness.core import registry
from harness.core.evaluation import Answer
from harness.evaluation.scoring import score_all
from harness.storage.data_folder import DataFolder

SIZES = {"mme": 2374, "hallusionbench": 1129, "naturalbench": 7600, "beaf": 26064}


def mme() -> dict[str, object]:
    ending = "Please answer yes or no."
    rows = [{"question_id": f"{TASKS[n % 14]}/{n}.jpg", "category": TASKS[n % 14], "question": f"Is it {label}? {ending}",
             "answer": label} for n in range(SIZES["mme"] // 2) for label in ("Yes", "No")]  # fmt: skip
    return {"mme/questions.jsonl": rows}


def hallusionbench() -> dict[str, object]:
    rows = [{"category": "VD", "subcategory": "ocr", "visual_input": "1" if figure == 0 else "2", "set_id": str(n // 6),
             "figure_id": str(figure), "sample_note": "", "question_id": str(n % 3), "question": "Is it?",
             "gt_answer_details": "", "gt_answer": str(n % 2), "filename": f"./VD/ocr/{n}.png"}
            for n in range(SIZES["hallusionbench"]) for figure in [n // 3 % 2]]  # fmt: skip
    return {"hallusionbench/HallusionBench.json": json.dumps(rows)}


def naturalbench() -> dict[str, object]:
    labels = {f"Image_{i}_Question_{q}": "Yes" if i == q else "No" for i in (0, 1) for q in (0, 1)}
    rows = [{"Index": n, "Image_0": f"{n}_0.jpg", "Image_1": f"{n}_1.jpg", "Question_0": "Is it?", "Question_1": "Is that?",
             **labels, "Question_Type": "yes_no", "Source": "x"} for n in range(SIZES["naturalbench"] // 4)]  # fmt: skip
    return {"naturalbench/naturalbench.jsonl": rows}


def beaf() -> dict[str, object]:
    rows = []
    for n in range(SIZES["beaf"]):
        image, place = divmod(n, 12)
        original = image % 3 == 0
        name = f"COCO_val2014_{image // 3:012d}" + (".jpg" if original else f"_0{image % 3}.png")
        rows.append({"id": n, "image": name, "question": f"Is there a thing {place} in the image?", "orig_img": original,
                     "removed_q": place < 2, "gt": "yes" if original or place >= 2 else "no"})  # fmt: skip
    return {"beaf/beaf_qna.json": json.dumps(rows)}


def measured(name: str, files: Mapping[str, object]) -> tuple[int, float, float]:
    """Items, seconds of CPU to load, seconds of CPU to score."""
    with tempfile.TemporaryDirectory() as place:
        for file, content in files.items():
            (Path(place) / file).parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)  # type: ignore[attr-defined]
            (Path(place) / file).write_text(text)
        benchmark = registry.make("benchmark", name, {})
        data = DataFolder(Path(place))
        start = time.process_time()
        items = tuple(benchmark.load(data))
        loaded = time.process_time()
        answers = {item.id: Answer(item.id, "Yes, there is." if n % 3 else "No.", 3, "end") for n, item in enumerate(items)}
        begun = time.process_time()
        score_all(benchmark, items, answers)
        return len(items), loaded - start, time.process_time() - begun


MAKERS: dict[str, Callable[[], dict[str, object]]] = {
    "mme": mme, "hallusionbench": hallusionbench, "naturalbench": naturalbench, "beaf": beaf,
}  # fmt: skip

if __name__ == "__main__":
    for name, make in MAKERS.items():
        items, load, score = measured(name, make())
        assert items == SIZES[name], (name, items)
        print(f"{name:16}{items:7,} items   load {load:.2f} s   score {score:.2f} s of CPU")
