"""A step of the methods that contrast images beside plain DPO: the same model, pairs and batch, step by step in turns.

    python tests/speed/image_contrast.py                               # tiny LLaVA-1.5 on the CPU: CPU user seconds a step
    python tests/speed/image_contrast.py --device cuda --size 7b --lora

Four prompts a step, reference values known, vision tower frozen (the default). "plain rows" is mDPO without sharing: chosen,
rejected and chosen behind the damaged image as three rows, as the authors' code computes it.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
from common import QUESTION, save_images, save_model, sentences, user_seconds

PROMPTS = 4


def methods() -> dict[str, Any]:
    from alignment.aligners.contrast.chip import Chip
    from alignment.aligners.contrast.mdpo import Mdpo
    from alignment.aligners.contrast.symmpo import Symmpo
    from alignment.aligners.dpo import Dpo

    return {
        "dpo": Dpo,
        "mdpo, crop": Mdpo,
        "mdpo, hidden tokens": lambda **o: Mdpo(damage="hidden", **o),
        "mdpo, plain rows": Mdpo,
        "chip, noise": lambda **o: Chip(tok_beta=0, token_weight=1, **o),
        "chip, token weights": lambda **o: Chip(tok_beta=0, **o),
        "chip, all token terms": Chip,
        "symmpo": Symmpo,
    }


class Side:
    """One method, a step at a time."""

    def __init__(self, name: str, make: Any, model: Path, pairs: list[Any], images: Path, folder: Path, args: Any) -> None:
        from alignment.batching.rows import make_rows
        from alignment.training.loop import Loop
        from alignment.training.objectives import ReadsStates, ReadsTokens
        from alignment.training.reference_logps import ANSWERS, STATES, TOKENS, reference_logps
        from alignment.training.sample_supply import Stored
        from alignment.training.train import _extras
        from alignment.weights.replicated import Replicated
        from alignment.weights.trainable import prepare
        from alignment.weights.workers import workers
        from harness.models.transformers import TransformersModel

        self.name, self.costs, self.at, self.cuda = name, list[float](), 0, args.device == "cuda"
        policy = TransformersModel(str(model), device=args.device, dtype="auto", threads=1)
        lora = {"r": 8, "targets": ["q_proj", "v_proj"]} if args.lora else None
        sizes = {"batch_size": PROMPTS, "micro_batch": PROMPTS, "learning_rate": 1e-4, "epochs": 100, "lora": lora}
        aligner = make(training=sizes)
        extras, facts = _extras(aligner.objective, pairs, images, folder / "images")
        rows, _ = make_rows(policy, pairs, images, extras=extras, facts=facts)
        of_tokens = isinstance(aligner.objective, ReadsTokens) and aligner.objective.reads_tokens
        known, hidden = reference_logps(policy, rows, folder / name, TOKENS if of_tokens else ANSWERS), None
        if isinstance(aligner.objective, ReadsStates) and aligner.objective.reads_states:
            hidden = reference_logps(policy, rows, folder / name, STATES)
            aligner.objective.keep_head(policy)
        if "plain" in name:
            aligner.objective = Plain(aligner.objective)
        shards = Replicated(prepare(policy.module, aligner.settings), workers())
        self.loop = Loop(
            policy, Stored(rows, known, hidden), aligner.objective, aligner.settings, shards, folder / name, "", ()
        )

    def step(self) -> None:
        import torch

        start = time.perf_counter() if self.cuda else user_seconds()
        self.loss = self.loop._step(self.at, {})["loss"]
        if self.cuda:
            torch.cuda.synchronize()
        self.costs.append((time.perf_counter() if self.cuda else user_seconds()) - start)
        self.at += 1


class Plain:
    """An objective whose answers stand in rows of their own, each with its image."""

    def __init__(self, objective: Any) -> None:
        self._objective = objective

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objective, name)

    def row(self, row: Any) -> Any:
        from dataclasses import replace

        lines = [replace(line, answers=(a,), others=()) for line in (row, *row.others) for a in line.answers]
        return replace(lines[0], others=tuple(lines[1:]))

    def __call__(self, *args: Any) -> Any:
        return self._objective(*args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="tiny", choices=("tiny", "7b"))
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    from harness.core.preference import PreferencePair

    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model, images = save_model(folder / "model", args.size, args.device), folder / "images"
        answers = [[sentences(draw, draw.randint(8, 11)) for _ in range(2)] for _ in range(32)]
        pairs = [
            PreferencePair(str(i), name, "", f"{QUESTION} {sentences(draw, 2)}", chosen, (rejected,), "speed")
            for i, (name, (chosen, rejected)) in enumerate(zip(save_images(images, 32), answers, strict=True))
        ]
        made = {n: m for n, m in methods().items() if not args.only or n in args.only}
        sides = [Side(name, make, model, pairs, images, folder, args) for name, make in made.items()]
        for _ in range(args.steps + 1):
            for side in sides:
                side.step()
    unit = "s of wall time" if args.device == "cuda" else "s of CPU (user)"
    print(f"{PROMPTS} prompts a step, {args.steps} steps in turns, {unit}:")
    for side in sides:
        costs = side.costs[1:]
        ratios = [mine / dpo for mine, dpo in zip(costs, sides[0].costs[1:], strict=True)]
        print(
            f"  {side.name:22} {median(costs):.3f} a step ({min(costs):.3f} to {max(costs):.3f})   {median(ratios):.2f} x dpo"
        )


if __name__ == "__main__":
    main()
