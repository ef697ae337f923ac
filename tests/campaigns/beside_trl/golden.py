"""What both campaigns train on: the golden LLaVA of tests/alignment/data, so that stored numbers hold on any machine."""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from harness.core.digests import seed_of
from harness.core.preference import PreferencePair

GOLDEN = Path(__file__).parents[2] / "alignment" / "data" / "golden_dpo"
Weights = dict[str, torch.Tensor]
SEED, PAIRS = 3, 8
LORA = {"r": 4, "alpha": 8}
COSINE = 0.999  # least cosine of the two updates of the weights, in float32


def golden_folder(folder: Path, bos: bool = False) -> Path:
    """The golden policy with its processor, as one checkpoint folder; its tokenizer puts BOS before every text where asked."""
    shutil.copytree(GOLDEN / "policy", folder)
    shutil.copytree(GOLDEN / "processor", folder, dirs_exist_ok=True)
    if bos:
        path = folder / "tokenizer.json"
        tokenizer = json.loads(path.read_text(encoding="utf-8"))
        known = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
        text = {"Sequence": {"id": "A", "type_id": 0}}
        begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
        special = {"<s>": {"id": "<s>", "ids": [known["<s>"]], "tokens": ["<s>"]}}
        whole = {"type": "TemplateProcessing", "single": [begin, text], "pair": [begin, text, text], "special_tokens": special}
        path.write_text(json.dumps({**tokenizer, "post_processor": whole}), encoding="utf-8")
    return folder


def made_pairs(rejected: int = 1) -> list[PreferencePair]:
    """Pairs on the golden images; the number of tokens differs from pair to pair."""
    chance, images = random.Random(0), sorted(p.name for p in (GOLDEN / "images").glob("*.png"))
    words = ("red", "blue", "white", "black", "cat", "dog", "tree", "lamp", "table", "near", "under", "behind")

    def sentence() -> str:
        return "There is a " + " ".join(chance.choices(words, k=chance.randint(2, 9))) + "."

    def pair(number: int) -> PreferencePair:
        chosen, others = sentence(), tuple(sentence() for _ in range(rejected))
        return PreferencePair(str(number), images[number % len(images)], "", "Describe the image.", chosen, others, "t")

    return [pair(number) for number in range(PAIRS)]


def as_trl_has_them(settings: Any, folder: Path) -> dict[str, Any]:
    """The settings of our loop under the names of TRL's configurations, one epoch on a CPU that saves and shows nothing."""
    return {
        "output_dir": str(folder),
        "num_train_epochs": 1,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": 0,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.clip,
        "logging_steps": 1,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "disable_tqdm": True,
        "seed": SEED,
    }


def trained(module: Any) -> Weights:
    """The weights that are trained, by name, in float32."""
    return {n: p.detach().float().clone() for n, p in module.named_parameters() if p.requires_grad}


def in_order(pairs: Sequence[PreferencePair], batch: int, steps: int) -> Iterator[PreferencePair]:
    """As `alignment.training.loop` takes them: shuffled each epoch; a step's rows by length, which no mean depends on."""
    per_epoch = math.ceil(len(pairs) / batch)
    for step in range(steps):
        epoch, place = divmod(step, per_epoch)
        order = list(range(len(pairs)))
        random.Random(seed_of(SEED, "epoch", epoch)).shuffle(order)
        yield from (pairs[i] for i in order[place * batch : (place + 1) * batch])


def departing_value(step: int, name: str, mine: float, theirs: float, within: float) -> list[str]:
    """One line where two logged values differ by more than `within`; a value that is not a number differs from every other."""
    return [] if abs(mine - theirs) <= within else [f"step {step}: {name} {mine:.6g} here, {theirs:.6g} there"]


def departing_update(mine: Weights, theirs: Weights, before: Weights, least: float = COSINE) -> list[str]:
    """What differs between two trainings' updates of the same weights: which ones train, and the direction."""
    if not before or mine.keys() != theirs.keys():
        return [f"other weights train: {sorted(mine.keys() ^ theirs.keys())[:3]} of {len(before)}"]
    first, second = [torch.cat([(side[n] - before[n]).flatten() for n in before]) for side in (mine, theirs)]
    cosine = float(torch.nn.functional.cosine_similarity(first, second, dim=0))
    return [] if cosine >= least else [f"the updates of the weights have a cosine of {cosine:.5f}"]
