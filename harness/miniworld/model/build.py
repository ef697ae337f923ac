"""Trains the small LLaVA from nothing: python -m harness.miniworld.model.build [--out FOLDER] [--seed 0].

Tower first (see `vision_pretraining.py`), then frozen; projector and language model on instruction data about the same images.
Writes an ordinary transformers folder. The same seed gives the same weights on the same machine.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlavaNextForConditionalGeneration, PreTrainedTokenizerFast

from harness.miniworld.model.architecture import GRID, make_model, make_processor, train_tokenizer
from harness.miniworld.model.model_card import model_card
from harness.miniworld.model.optimizer import MuonWithAdamW
from harness.miniworld.model.paths import checkpoint_folder
from harness.miniworld.model.training_sequences import Batch, Row, join_rows, make_row
from harness.miniworld.model.vision_pretraining import Log, draw_training_images, freeze_features, train_tower
from harness.miniworld.world.instruction_files import training_turns
from harness.miniworld.world.scenes import WorldSettings


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How the shipped checkpoint was trained."""

    seed: int = 0
    images: int = WorldSettings().build_images
    tower_steps: int = 1500
    tower_batch: int = 64
    steps: int = 1200
    batch: int = 24
    matrix_rate: float = 5e-3
    rate: float = 3e-3
    plain_share: float = 0.25  # of the batches: turns follow each other; else each turn sees the image alone
    blind_share: float = 0.1  # of the rows: nearly no image, to learn the language alone
    threads: int = 2


def build(folder: Path, settings: BuildSettings, log: Log) -> None:
    """Train and write everything into `folder`."""
    start = time.monotonic()
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    world = WorldSettings()
    images = draw_training_images(world, settings.images)
    log({"stage": "images", "step": settings.images})
    turns = [training_turns(scene, world) for scene in images.scenes]
    tokenizer = train_tokenizer(_texts(turns))
    model = make_model(len(tokenizer))
    tower = model.model.vision_tower
    train_tower(tower, images, settings.tower_steps, settings.tower_batch, log)
    features = freeze_features(tower, images)
    rows = [make_row(tokenizer, each) for each in turns]
    train_language(model, features, rows, settings, log)
    save(folder, model, tokenizer)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    card = model_card(asdict(settings), parameters=parameters, minutes=(time.monotonic() - start) / 60)
    (folder / "README.md").write_text(card, encoding="utf-8")


def train_language(
    model: LlavaNextForConditionalGeneration, features: Tensor, rows: list[Row], settings: BuildSettings, log: Log
) -> None:
    """Projector and language model on the answers."""
    optimizer = MuonWithAdamW(
        model.named_parameters(), matrix_rate=settings.matrix_rate, rate=settings.rate, steps=settings.steps
    )
    rng = random.Random(settings.seed)
    order: list[int] = []
    model.train()
    for step in range(1, settings.steps + 1):
        if len(order) < settings.batch:
            order = rng.sample(range(len(rows)), len(rows))
        chosen, order = order[: settings.batch], order[settings.batch :]
        blind = [rng.random() < settings.blind_share for _ in chosen]
        batch = join_rows([rows[i] for i in chosen], star=rng.random() >= settings.plain_share, blind=blind)
        loss = batch_loss(model, features[chosen].float(), batch)
        optimizer.step(loss)
        if step % 25 == 0 or step == settings.steps:
            log({"stage": "language", "step": step, "loss": loss.item()})


def batch_loss(model: LlavaNextForConditionalGeneration, features: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy, in nats, of the answers' tokens. `features`: (B, G * G, width) of the frozen tower."""
    embeds = model.get_input_embeddings()(batch.ids)
    image = pack_image(model, features).to(embeds.dtype)
    embeds = embeds.masked_scatter((batch.ids == model.config.image_token_id)[..., None], image)
    hidden = model.model.language_model(
        inputs_embeds=embeds, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    rows, columns = batch.answer_at
    logits = model.lm_head(hidden[rows, columns - 1])
    return nn.functional.cross_entropy(logits, batch.ids[rows, columns])


def pack_image(model: LlavaNextForConditionalGeneration, features: Tensor) -> Tensor:
    """Image tokens as LlavaNextModel.pack_image_features makes them for one base view and one tile: (B, 136, width)."""
    base = model.model.multi_modal_projector(features)
    newline = model.model.image_newline.expand(len(base), GRID, 1, -1)
    tile = torch.cat([base.view(len(base), GRID, GRID, -1), newline], 2).flatten(1, 2)
    return torch.cat([base, tile], 1)


def save(folder: Path, model: LlavaNextForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write weights as float16, configuration, processor and tokenizer."""
    model.to(torch.float16).save_pretrained(folder)
    make_processor(tokenizer).save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def _texts(turns: list[list[tuple[str, str]]]) -> list[str]:
    """What the tokenizer learns from: turns as they stand in the template, each as first and as later turn."""
    texts = []
    for question, answer in (turn for row in turns for turn in row):
        texts += [f"\n{question} ASSISTANT: {answer}", f"USER: {question} ASSISTANT: {answer}"]
    return texts


def main(arguments: list[str] | None = None) -> int:
    """The command; prints one JSON line for each logged step."""
    parser = argparse.ArgumentParser(prog="python -m harness.miniworld.model.build", description=__doc__)
    parser.add_argument("--out", type=Path, default=checkpoint_folder())
    defaults = BuildSettings()
    for name, kind in (("seed", int), ("images", int), ("tower_steps", int), ("steps", int), ("threads", int)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(defaults, name))
    options = vars(parser.parse_args(arguments))
    folder = options.pop("out")
    start = time.monotonic()
    rows: list[dict[str, Any]] = []

    def log(row: dict[str, Any]) -> None:
        short = {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
        rows.append({**short, "seconds": round(time.monotonic() - start, 1)})
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
        sys.stdout.flush()

    folder.mkdir(parents=True, exist_ok=True)
    build(folder, BuildSettings(**options), log)
    log_lines = ",\n".join(json.dumps(row) for row in rows)
    (folder / "training_log.json").write_text(f"[\n{log_lines}\n]\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
