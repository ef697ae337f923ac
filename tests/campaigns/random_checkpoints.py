"""Random tiny checkpoints: every family of the table and its text models, in the configurations that people publish.

Drawn: grouped queries, windows, RoPE scalings, tied embeddings, several end tokens, the side of padding, the kind of tokenizer.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tiny_families
import tiny_models

UNKNOWN = "aya_vision"
TOKENIZERS = ("byte-level", "prepend", "metaspace first", "metaspace always")
SCALED = {"llava", "llava_next, Mistral", "llava_onevision", "internvl", "idefics3", "smolvlm", "llava_next, qwen3_moe"}
WINDOWED = {
    "llava_next, Mistral with a window",
    "llava_next, gemma2",
    "gemma3",
    "gemma4",
    "gemma4, images both ways",
    "paligemma 2",
    UNKNOWN,
}
TIED = {"llava", "llava_next, Mistral", "llava_onevision", "qwen2_vl", "internvl", "gemma3", "paligemma", "llava_next, mixtral"}
FAMILIES = ("llava", *tiny_families.CHECKPOINTS, *tiny_families.CHECKPOINT_OF_TEXT)
BENDS: tuple[dict[str, Any], ...] = (
    *({}, {}, {}),
    {"repetition_penalty": 1.3},
    {"no_repeat_ngram_size": 2},
    {"suppress_tokens": [60, 61, 62]},
)
LENGTH = 96  # positions from which on scaled frequencies change
FACTORS = {"short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5], "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
SCALINGS: dict[str, dict[str, Any]] = {
    "linear": {"factor": 3.0},
    "dynamic": {"factor": 4.0},
    "yarn": {"factor": 4.0, "original_max_position_embeddings": LENGTH},
    "longrope": {"factor": 4.0, "original_max_position_embeddings": LENGTH, **FACTORS},
    "llama3": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": LENGTH,
    },
}


@dataclass(frozen=True)
class Recipe:
    """A checkpoint by its random choices; `text` are settings of its text model."""

    family: str
    seed: int
    tokenizer: str
    padding_side: str
    end_ids: tuple[int, ...]
    tied: bool
    text: dict[str, Any] = field(default_factory=dict)
    bends: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        text = {k: v["rope_type"] if k == "rope_parameters" else v for k, v in self.text.items()}
        told = [
            self.family,
            self.tokenizer,
            f"padding {self.padding_side}",
            f"{len(self.end_ids)} end tokens",
            *(["tied"] if self.tied else []),
        ]
        return ", ".join([*told, *(f"{k}={v}" for k, v in {**text, **self.bends}.items())])


def draw_recipe(draw: random.Random, families: tuple[str, ...] = FAMILIES) -> Recipe:
    family = draw.choice(families)
    text: dict[str, Any] = {"max_position_embeddings": 8192}
    if family not in ("llava_next, deepseek_v3", UNKNOWN):
        text["num_key_value_heads"] = draw.choice([1, 2, 4])
    if family in WINDOWED:
        text["sliding_window"] = draw.choice([2, 5, 12, 40])
    if family in SCALED and draw.random() < 0.5:
        kind = draw.choice(list(SCALINGS))
        text["rope_parameters"] = {"rope_type": kind, "rope_theta": 10000.0, **SCALINGS[kind]}
        text["max_position_embeddings"] = LENGTH if kind == "dynamic" else 8192
    ends = tuple(sorted({2, *draw.sample(range(30, 340), draw.choice([0, 0, 4, 40]))}))
    bends = draw.choice(
        [{}, {}, {}, {"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 2}, {"suppress_tokens": [60, 61, 62]}]
    )
    tied = family in TIED and draw.random() < 0.3
    side, words = draw.choice(["left", "right"]), draw.choice(TOKENIZERS)
    return Recipe(family, draw.randrange(1 << 30), words, side, ends, tied, text, bends)


def make(recipe: Recipe, folder: Path) -> Path:
    """The checkpoint's folder."""
    tiny_families.save(recipe.family, folder, recipe.seed, recipe.tied, _words(recipe.tokenizer), **recipe.text)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"padding_side": recipe.padding_side}))
    path = folder / "generation_config.json"
    path.write_text(json.dumps({"eos_token_id": list(recipe.end_ids), "pad_token_id": 0, **recipe.bends}))
    return folder


def _words(kind: str) -> Any:
    """How a checkpoint's tokenizer is made, given its special tokens."""
    if kind == "byte-level":
        return lambda **named: tiny_models.tokenizer(vocabulary=380, **named)
    metaspace = kind.partition(" ")[2]
    return lambda **named: tiny_models.sentencepiece_tokenizer(metaspace=metaspace, **named)
