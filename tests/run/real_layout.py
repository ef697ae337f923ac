"""A data folder laid out like the real one, in small: the published formats over the miniature world's images.

The benchmarks' files are the world's own, which have the real files' forms; POVID, RLHF-V and VLFeedback are written here.
`on_tiny_models` puts a tiny random LLaVA-1.6 in the place of the 7B model and the judges. Annotator and corruptor say one
thing: a random one judges and corrupts nothing, and a training stops where no pair is judged or made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.config import schema, study_tables
from harness.config.schema import RunConfig

N = 12  # rows of each set
ASPECTS = ("Helpfulness", "Visual Faithfulness", "Ethical Considerations")
MODELS = ("gpt4v", "llava-v1.5-7b", "qwen-vl-chat", "minigpt4")
WORLD = ("coco", "pope", "mmhal", "llava_bench", "textvqa", "gqa", "mmvet", "object_halbench")


def write_real_layout(folder: Path, world: Path) -> None:
    """Write it; the images and the benchmarks' files are links into the world."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in WORLD:
        (folder / name).symlink_to(world / name)
    rows = json.loads((world / "instruct" / "preference_prompts.json").read_text())[:N]
    asked = [(row["image"].removeprefix("coco/train2014/"), *(turn["value"] for turn in row["conversations"])) for row in rows]
    for name, text in (
        ("povid/POVID_preference_data_for_VLLMs.json", json.dumps([_povid(i, *row) for i, row in enumerate(asked)])),
        ("rlhf_v/RLHF-V-Dataset.json", json.dumps([_rlhf_v(i, *row) for i, row in enumerate(asked)])),
        ("vlfeedback/vlfeedback_80k.jsonl", "".join(json.dumps(_vlfeedback(i, *row)) + "\n" for i, row in enumerate(asked))),
    ):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)


def worse(answer: str, n: int = 1) -> str:
    return f"{answer} There {'is a cat' if n == 1 else f'are {n} cats'} on the roof."


def _povid(i: int, image: str, question: str, answer: str) -> dict[str, Any]:
    def turns(text: str) -> list[dict[str, str]]:
        return [{"from": "human", "value": question}, {"from": "gpt", "value": text}]

    return {"id": f"{i:012}", "image": image, "conversations": turns(answer), "rejected_conversations": turns(worse(answer))}


def _rlhf_v(i: int, image: str, question: str, answer: str) -> dict[str, Any]:
    text = {"question": question.removeprefix("<image>\n"), "chosen": answer, "rejected": worse(answer)}
    shared = {"ds_name": "RLHF-V", "origin_dataset": "LCS-558K", "origin_split": "{}", "idx": i}
    return {**shared, "image": {"path": f"coco/train2014/{image}"}, "text": json.dumps(text), "image_path": image}


def _vlfeedback(i: int, image: str, question: str, answer: str) -> dict[str, Any]:
    """The best answer is GPT-4V's or LLaVA's, in turn; two of three prompts are LLaVA-Instruct's."""
    best = (MODELS[i % 2], *(name for name in MODELS if name != MODELS[i % 2]))
    completions = [
        {
            "model": name,
            "response": answer if rank == 0 else worse(answer, rank),
            "annotations": {aspect: {"Rating": str(5 - rank), "Rationale": ""} for aspect in ASPECTS},
        }
        for rank, name in enumerate(best)
    ]
    origin = "svit" if i % 6 >= 4 else "llava"
    question = question.removeprefix("<image>\n")
    return {"id": f"{origin}-{i}", "prompt": question, "img_path": f"coco/train2014/{image}", "completions": completions}


ANNOTATOR = {"name": "scripted", "default": "1"}
CORRUPTOR = {"name": "scripted", "default": "The image shows a red bicycle on a roof."}


def on_tiny_models(name: str, data: Path, checkpoint: Path, output: Path, judge: Mapping[str, Any] | None = None) -> RunConfig:
    """A real table or finding, at two or three pairs an arm, one step each, and one or two items a benchmark.

    `judge`: the model behind the benchmarks' judges; the checkpoint where it is None.
    """
    tree, _ = study_tables.tree(name, mini=False)
    model = {"path": str(checkpoint), "dtype": "float32", "device": "cpu", "threads": 1}
    tree |= {"data": str(data), "output": str(output), "model": {"name": "transformers", **model}}
    for place in _mappings(tree):
        if isinstance(place.get("model"), dict) and place is not tree:
            place["model"] = CORRUPTOR if place.get("name") == "corruption" else model
        for key, most in (("limit", 3), ("max_steps", 1), ("r", 8)):  # r: of adapters, no wider than the layers
            place |= {key: most} if key in place else {}
        place |= {"embedder": "bag_of_words", "max_new_tokens": 6} if "embedder" in place else {}
    for arm in (*tree["reward_models"], *tree["arms"]):
        if "judge" in arm["align"]:
            arm["align"]["judge"]["model"] = ANNOTATOR
        arm["pairs"] |= {"limit": 3} if arm["pairs"]["name"] != "union" else {}
        arm["align"]["training"] |= {"max_steps": 1, "batch_size": 2, "epochs": 1}
        if arm["align"]["name"] in ("online_dpo", "mixed_dpo", "rloo", "ppo"):
            arm["align"]["sampling"] = {**arm["align"].get("sampling", {}), "max_new_tokens": 6}
        if "grid" in arm:
            arm["grid"] = {key: values[:2] for key, values in arm["grid"].items()}
    tree["sweep"] = [{**spec, "max_new_tokens": 4, "limit": 2} for spec in tree["sweep"]]
    for spec in tree["sweep"] if judge is not None else ():
        spec |= {"judge": {"name": "chat", "model": judge}} if "judge" in spec else {}
    tree.pop("baseline", None)
    return schema.parse(tree, f"study:{name} on tiny models")


def _mappings(tree: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of a tree, innermost first."""
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _mappings(inner)
    if isinstance(tree, dict):
        yield tree
