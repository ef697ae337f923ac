"""lmms-eval 0.7.3 on the questions of `sweep.py`: a task of its own over the same files, and its answers by question id.

At batch size 1 it runs as it comes: its model `llava_hf`, which allows no other. At 8 its generic model `huggingface` is
used; for LLaVA on a CPU that one needs three changes, made at run time in `_patched_main` and named there. It imports
`decord` without ever using it here; where that is not installed an empty module stands in.

Run by `sweep.py --peers PYTHON`. The interpreter needs torch first, then lmms-eval 0.7.3, and no torchvision: with it the
images would be resized by other code than on the other sides.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TASK = "same_questions"
_YAML = """\
task: {task}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.visual
doc_to_text: !function utils.text
doc_to_target: key
generation_kwargs: {{max_new_tokens: {tokens}, temperature: 0, do_sample: false}}
process_results: !function utils.scored
metric_list: [{{metric: yes_rate, aggregation: mean, higher_is_better: true}}]
"""
_UTILS = """\
from PIL import Image


def visual(doc):
    return [Image.open(doc["image"]).convert("RGB")]


def text(doc, lmms_eval_specific_kwargs=None):
    return doc["question"]


def scored(doc, results):
    return {"yes_rate": float(results[0].strip().lower().startswith("yes"))}
"""


Asked = Iterable[tuple[str, str, str]]  # key, image's name, question with its suffix


def command(python: str, folder: Path, asked: Asked, tokens: int, batch: int) -> tuple[list[str], dict[str, str]]:
    """The command line and its environment. Task, data and stand-in are written here, which is not measured."""
    task, work = folder / "lmms-eval/task", _results(folder, tokens, batch)
    shutil.rmtree(work, ignore_errors=True)
    task.mkdir(parents=True, exist_ok=True)
    data = folder / "lmms-eval/rows.jsonl"
    images = folder / "coco/val2014"
    rows = [{"key": key, "image": str(images / name), "question": text} for key, name, text in asked]
    data.write_text("\n".join(map(json.dumps, rows)))
    (task / "utils.py").write_text(_UTILS)
    (task / f"{TASK}.yaml").write_text(_YAML.format(task=TASK, rows=data, tokens=tokens))
    stands_in = folder / "lmms-eval/stand-in/decord.py"
    stands_in.parent.mkdir(exist_ok=True)
    stands_in.write_text("VideoReader = cpu = None\n")
    name, facts = ("llava_hf", ",dtype=float32") if batch == 1 else ("huggingface", "")
    program = ["-m", "lmms_eval"] if batch == 1 else [__file__]
    words = ["--model", name, "--model_args", f"pretrained={folder / 'model'}{facts},device_map=cpu", "--device", "cpu"]
    words += ["--tasks", TASK, "--include_path", str(task), "--batch_size", str(batch)]
    words += ["--output_path", str(work), "--log_samples"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "lmms-eval/home")}
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(stands_in.parent))))  # behind an installed decord
    return [python, *program, *words], dict(os.environ) | offline | {"PYTHONPATH": path}


def answers(folder: Path, tokens: int, batch: int) -> dict[str, str]:
    """Key -> answer, from the samples that lmms-eval logged."""
    keys = [json.loads(line)["key"] for line in (folder / "lmms-eval/rows.jsonl").read_text().splitlines()]
    (log,) = logged(folder, tokens, batch)
    said = (json.loads(line) for line in log.read_text().splitlines())
    return {keys[row["doc_id"]]: row["filtered_resps"] for row in said}


def logged(folder: Path, tokens: int, batch: int) -> list[Path]:
    """Its log of samples; none where it failed, since its exit status is 0 then too."""
    return sorted(_results(folder, tokens, batch).rglob(f"*samples_{TASK}.jsonl"))


def _results(folder: Path, tokens: int, batch: int) -> Path:
    return folder / f"lmms-eval/results-{tokens}-{batch}"


def _patched_main() -> None:
    """lmms-eval's command with what its generic model needs to answer as the others do."""
    import torch
    import transformers

    loads = transformers.AutoModelForImageTextToText.from_pretrained

    def in_float32(*args: Any, **options: Any) -> Any:
        return loads(*args, **options | {"torch_dtype": torch.float32})

    transformers.AutoModelForImageTextToText.from_pretrained = in_float32  # it asks for bfloat16 whatever is wanted
    transformers.AutoModel.from_pretrained = in_float32  # and does not find the class that generates
    reads = transformers.LlavaProcessor.__call__

    def without_sound(self: Any, *args: Any, **options: Any) -> Any:
        return reads(self, *args, **{k: v for k, v in options.items() if v or k not in ("audios", "videos")})

    transformers.LlavaProcessor.__call__ = without_sound  # a processor without sound refuses the word `audios`
    from lmms_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    _patched_main()
