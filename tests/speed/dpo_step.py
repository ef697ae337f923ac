"""A DPO step of ours beside TRL's DPOTrainer: the same model, pairs and batch, step by step in turns.

    pip install 'mm-align-harness[peers]'        # TRL 1.16
    python tests/speed/dpo_step.py               # tiny model on the CPU: CPU user seconds a step
    python tests/speed/dpo_step.py --lora        # adapters on the language model
    python tests/speed/dpo_step.py --device cuda --size 7b --lora --rejected 1 --sides ours   # wall time a step and peak memory

All sides are in one process, so on a GPU three models of 7B would be: name one of --sides a run there, or memory means nothing.

Four prompts a step. Without --lora all weights train, the vision tower too (TRL's default); float32 and one thread on a CPU.
TRL's window goes from the end of one step to the end of the next, so its collation counts, and so does ours. Our reference
values are computed before the first step and kept (their cost is printed apart); TRL refuses to do that for images.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
from common import QUESTION, profiled, save_images, save_model, sentences, user_seconds

BEGAN = time.perf_counter()
PROMPTS = 4  # a step
SIDES = {"ours": "ours", "trl-plain": "TRL, no checkpointing", "trl": "TRL as it comes"}
Pair = tuple[str, str, str, list[str]]  # image, question, chosen, rejected


def tell(what: str) -> None:
    """To stderr: how far it is, where a time limit ends it."""
    print(f"{time.perf_counter() - BEGAN:8.1f} s  {what}", file=sys.stderr, flush=True)


class Side:
    """Something that makes a step when told to, and what each cost after the first."""

    def __init__(self, name: str, cuda: bool) -> None:
        self.name, self.cuda = name, cuda
        self.costs: list[float] = []
        self.memory = 0.0

    def step(self) -> None:
        import torch

        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter() if self.cuda else user_seconds()
        self.one()
        if self.cuda:
            torch.cuda.synchronize()
            self.memory = torch.cuda.max_memory_allocated() / 2**30
        self.costs.append((time.perf_counter() if self.cuda else user_seconds()) - start)
        tell(f"{self.name}: step {len(self.costs)}, {self.costs[-1]:.2f} s")

    def one(self) -> None:
        raise NotImplementedError


class Ours(Side):
    """alignment.training.loop.Loop, one step at a time."""

    def __init__(self, name: str, model: Path, pairs: list[Pair], images: Path, folder: Path, args: argparse.Namespace) -> None:
        super().__init__(name, args.device == "cuda")
        from alignment.aligners.dpo import Dpo
        from alignment.batching.rows import make_rows
        from alignment.training.loop import Loop
        from alignment.training.reference_logps import reference_logps
        from alignment.training.sample_supply import Stored
        from alignment.weights.replicated import Replicated
        from alignment.weights.trainable import prepare
        from alignment.weights.workers import workers
        from harness.core.preference import PreferencePair
        from harness.models.transformers import TransformersModel

        policy = TransformersModel(str(model), device=args.device, dtype="auto", threads=1)
        stored = [PreferencePair(str(i), image, "", text, chosen, tuple(rejected), "speed")
                  for i, (image, text, chosen, rejected) in enumerate(pairs)]  # fmt: skip
        trained: dict[str, Any] = {"lora": {"r": 8, "targets": ["q_proj", "v_proj"]}} if args.lora else {"freeze_vision": False}
        fixed = {"batch_size": PROMPTS, "micro_batch": PROMPTS, "learning_rate": 0.0001, "epochs": 100}
        aligner = Dpo(training=fixed | trained)
        now = time.perf_counter if self.cuda else user_seconds
        start = now()
        tell("the model is loaded")
        rows, _ = make_rows(policy, stored, images)
        known = reference_logps(policy, rows, folder / "reference")
        self.before = now() - start
        tell(f"reference values are known after {self.before:.1f} s")
        settings = aligner.settings
        shards = Replicated(prepare(policy.module, settings), workers())
        self.loop = Loop(policy, Stored(rows, known), aligner.objective, settings, shards, folder, "", ())
        self.at = 0

    def one(self) -> None:
        row = self.loop._step(self.at, {})
        self.first_loss = row["loss"] if self.at == 0 else self.first_loss
        self.at += 1


class Trl(Side):
    """trl.DPOTrainer.train() in a thread of its own, held after each step."""

    def __init__(self, name: str, model: Path, pairs: list[Pair], images: Path, args: argparse.Namespace, ckpt: bool) -> None:
        super().__init__(name, args.device == "cuda")
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.end = False
        trainer = self._trainer(model, pairs, images, args, ckpt)
        threading.Thread(target=self._train, args=(trainer,), daemon=True).start()

    def one(self) -> None:
        self.go.release()
        self.done.acquire()
        if self.error:
            raise self.error

    error: BaseException | None = None

    def _train(self, trainer: Any) -> None:
        self.go.acquire()
        try:
            trainer.train()
        except BaseException as error:
            self.error = error
            self.done.release()

    def _trainer(self, model: Path, pairs: list[Pair], images: Path, args: argparse.Namespace, ckpt: bool) -> Any:
        import torch
        from datasets import Dataset
        from PIL import Image
        from transformers import AutoProcessor, LlavaForConditionalGeneration, PrinterCallback, TrainerCallback
        from trl import DPOConfig, DPOTrainer

        side = self

        class Held(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
                if state.log_history:
                    side.first_loss = state.log_history[0]["loss"]
                control.should_training_stop = side.end
                side.done.release()
                side.go.acquire()
                return control

        rows = [
            {"images": [Image.open(images / image)], "prompt": [{"role": "user", "content": text}],
             "chosen": [{"role": "assistant", "content": chosen}], "rejected": [{"role": "assistant", "content": other}]}
            for image, text, chosen, rejected in pairs for other in rejected
        ]  # fmt: skip
        cuda = args.device == "cuda"
        config = DPOConfig(
            output_dir=tempfile.mkdtemp(), per_device_train_batch_size=PROMPTS * len(pairs[0][3]), max_steps=1000,
            learning_rate=1e-4, logging_steps=1, report_to=[], save_strategy="no", bf16=cuda, use_cpu=not cuda, max_length=None,
            gradient_checkpointing=ckpt, beta=0.1, seed=0, disable_tqdm=True, dataloader_num_workers=0,
        )  # fmt: skip
        peft = None
        if args.lora:
            from peft import LoraConfig

            peft = LoraConfig(r=8, target_modules=r".*language_model.*\.(q_proj|v_proj)")
        loaded = LlavaForConditionalGeneration.from_pretrained(model, dtype=torch.bfloat16 if cuda else torch.float32)
        processor = AutoProcessor.from_pretrained(model, backend="pil")
        trainer = DPOTrainer(model=loaded, args=config, train_dataset=Dataset.from_list(rows), processing_class=processor,
                             peft_config=peft, callbacks=[Held()])  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        return trainer


def make_pairs(names: list[str], rejected: int) -> list[Pair]:
    draw = random.Random(1)

    def answer() -> str:
        return sentences(draw, draw.randint(8, 11))

    return [(n, f"{QUESTION} {sentences(draw, 2)}", answer(), [answer() for _ in range(rejected)]) for n in names]


def _side(side: str, model: Path, pairs: list[Pair], images: Path, folder: Path, args: argparse.Namespace) -> Side:
    if side == "ours":
        return Ours(SIDES[side], model, pairs, images, folder, args)
    return Trl(SIDES[side], model, pairs, images, args, ckpt=side == "trl")


def measure(model: Path, folder: Path, rejected: int, args: argparse.Namespace) -> None:
    images = folder / "images"
    pairs = make_pairs(save_images(images, args.prompts), rejected)
    sides = [_side(side, model, pairs, images, folder / f"ours{rejected}", args) for side in args.sides]
    for _ in range(args.steps + 1):
        for side in sides:
            side.step()
    if args.profile:
        profile(sides[0])
    unit = "s of wall time" if args.device == "cuda" else "s of CPU (user)"
    own = sides[0].costs[1:]
    print(f"\n{PROMPTS} prompts a step, {rejected} rejected answer(s) each, {args.steps} steps in turns, {unit}:")
    for side in sides:
        costs = side.costs[1:]
        peak = f", peak {side.memory:.1f} GiB" if side.cuda else ""
        ratios = [theirs / ours for theirs, ours in zip(costs, own, strict=True)]  # of one turn: the machine's speed changes
        print(f"  {side.name:24} {median(costs):.3f} a step ({min(costs):.3f} to {max(costs):.3f}){peak}"
              f"   {median(ratios):.2f} x {sides[0].name}   loss of step 1 {side.first_loss:.4f}")  # fmt: skip
    if isinstance(sides[0], Ours):
        print(f"  before the first step, once: tokens and reference values of {len(pairs)} prompts {sides[0].before:.1f} s")


def profile(side: Side) -> None:
    """One more step, which does not count: what Python and the GPU did goes to stderr."""
    import torch
    from torch.profiler import ProfilerActivity

    kept, memory = list(side.costs), side.memory
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if side.cuda else [])]
    with profiled(40), torch.profiler.profile(activities=activities) as found:
        side.step()
    by = "self_device_time_total" if side.cuda else "self_cpu_time_total"
    print(found.key_averages().table(sort_by=by, row_limit=25, max_name_column_width=80), file=sys.stderr)
    side.costs, side.memory = kept, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="tiny", choices=("tiny", "7b"))
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--rejected", type=int, nargs="+", default=[1, 2], help="rejected answers of a prompt")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--sides", nargs="+", choices=list(SIDES), default=list(SIDES), help="the first is the yardstick")
    parser.add_argument("--profile", action="store_true", help="one more step of the first side under profilers, to stderr")
    parser.add_argument("--model", type=Path, help="a folder: its model is used, or written there first")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = args.model or folder / "model"
        if not (model / "config.json").is_file():
            save_model(model, args.size, args.device)
        for rejected in args.rejected:
            measure(model, folder, rejected, args)
    os._exit(0)  # TRL's threads are still held in a step


if __name__ == "__main__":
    main()
