"""What a sweep costs: POPE-like questions and captions, through our engine, through plain `generate`, through lmms-eval.

    python tests/speed/sweep.py                                  # 1,800 questions at 2 and at 16 new tokens
    python tests/speed/sweep.py --captions 24 --tokens           # captions of at most 512 tokens
    python tests/speed/sweep.py --peers /path/to/python          # beside lmms-eval 0.7.3, by an interpreter that has it
    python tests/speed/sweep.py --device cuda --size 7b          # LLaVA-1.5-7B's shape on a GPU; 1.6-7b for LLaVA-1.6's

100 images (JPEG, 640 x 480), 18 questions each in three splits of POPE's form, 1,800 rows of which 1,139 are distinct. Every
side is a process of its own, from the start of Python to the last answer on disk; sides take turns. A model of random
weights never says the end token, so the token limit is the answers' length. Printed: CPU seconds, user and system, of the
whole process with its children, wall seconds, those from the loaded model to the last answer among them, and whether all sides
gave the same answers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ.setdefault("OMP_NUM_THREADS", "1")
SPLITS = ("random", "popular", "adversarial")
SUFFIX = "\nAnswer the question using a single word or phrase."
CAPTION = "Please describe this image in detail."
SIDES = {"ours": "ours", "odds": "ours, with log-odds", "eight": "generate, 8 at once", "one": "generate, one by one"}
PEERS = {"lmms-eval-8": "lmms-eval, 8 at once", "lmms-eval-1": "lmms-eval, one by one"}
OBJECTS = [
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "bench", "bird", "cat",
    "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie",
    "suitcase", "frisbee", "skis", "snowboard", "kite", "skateboard", "surfboard", "bottle", "cup", "fork", "knife",
    "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "pizza", "donut", "cake", "chair",
    "couch", "bed", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "oven", "toaster", "sink", "refrigerator",
    "book", "clock", "vase", "scissors", "toothbrush",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="*", default=[2, 16], help="token limits of the questions' answers")
    parser.add_argument("--captions", type=int, default=0, help="so many captions of at most --caption-tokens")
    parser.add_argument("--caption-tokens", type=int, default=512)
    parser.add_argument("--sides", nargs="+", choices=[*SIDES, *PEERS], help="who answers; the last is the yardstick")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="tiny", choices=["tiny", "7b", "1.6-7b"])
    parser.add_argument("--peers", help="a Python that has lmms-eval 0.7.3")
    parser.add_argument("--folder", type=Path, help="keep model, data and answers here")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)  # side, kind, token limit: what the child processes get
    args = parser.parse_args()
    if args.run:
        side, kind, tokens = args.run
        return answer(args, side, kind, int(tokens))
    args.sides = args.sides or [*SIDES, *(PEERS if args.peers else ())]
    with tempfile.TemporaryDirectory() as place:
        args.folder = args.folder or Path(place)
        prepare(args)
        for kind, tokens in [*(("pope", n) for n in args.tokens), *([("captions", args.caption_tokens)] * bool(args.captions))]:
            compare(args, kind, tokens)
    return None


def compare(args: Any, kind: str, tokens: int) -> None:
    """Every side in turn, `repeat` times; the table of one token limit."""
    sides = [side for side in args.sides if kind == "pope" or side not in ("odds", *PEERS)]
    costs: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(args.repeat):
        for side in sides:
            costs[side].append(measured(args, side, kind, tokens))
    found = {side: answers_of(args.folder / f"{side}-{kind}-{tokens}.json") for side in sides}
    names, reference = SIDES | PEERS, found[sides[-1]]
    asked = len(reference)
    texts = len(set(reference.values()))
    print(
        f"\n{asked:,} {kind} answers of at most {tokens} tokens, {texts:,} different ones, {args.size} model on {args.device}"
    )
    ours = min(cpu for cpu, _ in costs[sides[0]])
    for side in sides:
        cpu, wall = (min(values) for values in zip(*costs[side], strict=True))
        each = " / ".join(f"{c:.1f}" for c, _ in costs[side])
        same = sum(found[side][key] == reference[key] for key in reference)
        own = answering(args, side, kind, tokens)
        print(
            f"  {names[side]:<22}{each:>16} CPU s {asked / cpu:8.1f} answers/CPU s {wall:8.1f} s wall{own} "
            f"{cpu / ours:6.1f} x   {same:,} of {asked:,} answers as {names[sides[-1]]}"
        )


def answering(args: Any, side: str, kind: str, tokens: int) -> str:
    """Wall seconds of a side of ours in its last turn, once its model was loaded."""
    own = args.folder / f"{side}-{kind}-{tokens}.seconds"
    return f" ({own.read_text()} s answering)" if own.is_file() else ""


def answers_of(path: Path) -> dict[str, str]:
    """Key -> text without spaces around it: lmms-eval strips answers, we leave out the space that the template ends with."""
    return {key: text.strip() for key, text in json.loads(path.read_text()).items()}


def measured(args: Any, side: str, kind: str, tokens: int) -> tuple[float, float]:
    """CPU seconds (user and system, children included) and wall seconds of one side's whole process."""
    if side in PEERS:
        import lmms_eval_side

        batch = int(side[-1])
        command, environment = lmms_eval_side.command(args.peers, args.folder, asked(args, kind), tokens, batch)
    else:
        own = ["--run", side, kind, str(tokens), "--captions", str(args.captions), "--device", args.device]
        command = [sys.executable, __file__, *own, "--folder", str(args.folder)]
        environment = dict(os.environ)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or (side in PEERS and not lmms_eval_side.logged(args.folder, tokens, batch)):
        raise SystemExit(f"{side} failed:\n{done.stderr[-3000:]}")
    if side in PEERS:
        texts = lmms_eval_side.answers(args.folder, tokens, batch)
        (args.folder / f"{side}-{kind}-{tokens}.json").write_text(json.dumps(texts))
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return cpu, time.perf_counter() - began


# ------------------------------------------------------------ one side, in its own process


def answer(args: Any, side: str, kind: str, tokens: int) -> None:
    own = side in ("ours", "odds")
    model = harness_model(args) if own else transformers_model(args)
    began = time.perf_counter()
    texts = (
        ours(args, model, kind, tokens, side == "odds")
        if own
        else plain(args, *model, kind, tokens, 8 if side == "eight" else 1)
    )
    (args.folder / f"{side}-{kind}-{tokens}.seconds").write_text(f"{time.perf_counter() - began:.1f}")
    (args.folder / f"{side}-{kind}-{tokens}.json").write_text(json.dumps(texts))
    if args.device == "cuda":
        import torch

        print(f"{side}: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB of the GPU at most", file=sys.stderr)


def harness_model(args: Any) -> Any:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from harness.core import registry

    return registry.make("model", "transformers", {"path": str(args.folder / "model"), "device": args.device})


def ours(args: Any, model: Any, kind: str, tokens: int, log_odds: bool) -> dict[str, str]:
    """The sweep as the commands run it: a store on disk, questions loaded, answered, scored, kept.

    log_odds: also how sure the model is of each yes and no, which POPE asks by default and no other side does.
    """
    from harness.config.schema import BenchmarkConfig
    from harness.core.evaluation import Decoding, Request
    from harness.core.plugins import no_progress
    from harness.evaluation.cached_model import CachedModel
    from harness.evaluation.sweep import sweep
    from harness.storage.data_folder import DataFolder
    from harness.storage.run_store import Store, StoredRun

    with tempfile.TemporaryDirectory() as place, Store(Path(place) / "store.sqlite") as store:
        if kind == "captions":
            asking = CachedModel(model, store)
            images = sorted((args.folder / "coco/val2014").iterdir())[: args.captions]
            requests = [Request(p, CAPTION, Decoding(max_new_tokens=tokens)) for p in images]
            return {images[i].name: a.text for batch in asking.generate(requests) for i, a in batch}
        spec = BenchmarkConfig(name="pope", prompt_suffix=SUFFIX, max_new_tokens=tokens, log_odds=log_odds)
        store.begin(StoredRun("speed", "speed", "2026-01-01T00:00:00", "running", "{}", "", {}, ""))
        sweep("base", model, {0: spec}, DataFolder(args.folder), store, "speed", no_progress)
        (result,) = store.results("speed")
        texts = {key: a.text for key, a in store.answers(k for k in result.answer_keys if k).items()}
        return {
            f"{split}/{row}": texts[key]
            for item, key in zip(result.items, result.answer_keys, strict=True)
            for split, rows in item.truth["ids"].items()
            for row in rows
        }


def transformers_model(args: Any) -> tuple[Any, Any]:
    """Model and processor. Images by PIL, as our side has them: torchvision resizes otherwise."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    model = AutoModelForImageTextToText.from_pretrained(args.folder / "model", dtype="auto").to(args.device).eval()
    return model, AutoProcessor.from_pretrained(args.folder / "model", padding_side="left", backend="pil")


def plain(args: Any, model: Any, processor: Any, kind: str, tokens: int, at_once: int) -> dict[str, str]:
    """transformers alone: processor, `generate`, decode; every row asked, `at_once` rows of one image size together."""
    import torch
    from PIL import Image

    rows = list(asked(args, kind))
    texts = {}
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        prompts = [_prompt(processor, text) for _, _, text in part]
        images = [Image.open(args.folder / "coco/val2014" / name).convert("RGB") for _, name, _ in part]
        inputs = processor(images=images, text=prompts, return_tensors="pt", padding=True).to(args.device, model.dtype)
        with torch.inference_mode():
            ids = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)[:, inputs["input_ids"].shape[1] :]
        said = processor.batch_decode(ids, skip_special_tokens=True)
        texts |= {key: text for (key, _, _), text in zip(part, said, strict=True)}
    return texts


def asked(args: Any, kind: str) -> Any:
    """(key, image, text) of every row, repeated questions included."""
    if kind == "captions":
        for path in sorted((args.folder / "coco/val2014").iterdir())[: args.captions]:
            yield path.name, path.name, CAPTION
        return
    for split in SPLITS:
        for line in (args.folder / f"pope/coco_pope_{split}.json").read_text().splitlines():
            row = json.loads(line)
            yield f"{split}/{row['question_id']}", row["image"], row["text"] + SUFFIX


def _prompt(processor: Any, text: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": text}]
    prompt: str = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    return prompt


# ------------------------------------------------------------ model and data


def prepare(args: Any) -> None:
    """Model, images and question files in official form, unless they lie there already."""
    import numpy
    from common import save_model
    from PIL import Image, ImageDraw

    if not (args.folder / "model/config.json").is_file():
        save_model(args.folder / "model", args.size, args.device)
    images, draw = args.folder / "coco/val2014", random.Random(1)
    images.mkdir(parents=True, exist_ok=True)
    (args.folder / "pope").mkdir(exist_ok=True)
    noise = numpy.random.default_rng(1)
    for i in range(args.images):
        coarse = Image.fromarray(noise.integers(0, 255, (12, 16, 3), dtype=numpy.uint8)).resize((640, 480), Image.BICUBIC)
        pen = ImageDraw.Draw(coarse)
        for _ in range(40):
            x, y = draw.randrange(640), draw.randrange(480)
            colour = tuple(draw.randrange(256) for _ in range(3))
            pen.rectangle([x, y, x + draw.randrange(150), y + draw.randrange(150)], fill=colour)
        coarse.save(images / _name(i), quality=90)
    for split in SPLITS:
        rows = [json.dumps(row) for i in range(args.images) for row in questions(i, split)]
        (args.folder / f"pope/coco_pope_{split}.json").write_text("\n".join(rows))


def questions(image: int, split: str) -> list[dict[str, Any]]:
    """Six rows: the same three present objects in every split, three absent ones of the split's own."""
    present = random.Random(image).sample(OBJECTS, 12)
    absent = random.Random(f"{split}{image}").sample([o for o in OBJECTS if o not in present], 3)
    rows = []
    for n, (thing, label) in enumerate(zip([*present[:3], *absent], ["yes"] * 3 + ["no"] * 3, strict=True)):
        article = "an" if thing[0] in "aeiou" else "a"
        text = f"Is there {article} {thing} in the image?"
        rows.append({"question_id": 6 * image + n + 1, "image": _name(image), "text": text, "label": label})
    return rows


def _name(image: int) -> str:
    return f"COCO_val2014_{image:012d}.jpg"


if __name__ == "__main__":
    main()
