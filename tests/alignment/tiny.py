"""Tiny random models and a Policy around them, for tests of the training room."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
)
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from alignment.batching.collate import Row
from alignment.batching.policy import PromptInputs
from harness.core.digests import folder_state
from harness.core.run_record import Checkpoint
from harness.models._checkpoint.packed_attention import dense_mask, pack, packed_mask, unpack, use_segments

GOLDEN = Path(__file__).parent / "data" / "golden_dpo"


# Read once while its files stay as they are: copies of a tiny model take a seventh of the time.
@lru_cache(maxsize=4)
def _loaded_model(folder: Path, state: Hashable, dtype: torch.dtype) -> nn.Module:
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype).eval()


@lru_cache(maxsize=4)
def _loaded_processor(folder: Path, state: Hashable) -> Any:
    return AutoProcessor.from_pretrained(folder, backend="pil")


class TinyPolicy:
    """Any LLaVA-like folder as a Policy, with nothing clever about it."""

    def __init__(
        self, folder: Path, processor: Path | None = None, dtype: torch.dtype = torch.float32, dense: bool = False
    ) -> None:
        self.module: nn.Module = deepcopy(_loaded_model(folder, folder_state(folder), dtype))
        self.dtype = dtype
        self.segments = not dense and use_segments(self.module.model.language_model)
        its = processor or folder
        self.processor = deepcopy(_loaded_processor(its, folder_state(its)))
        self.tokenizer = self.processor.tokenizer
        self.pad_token_id: int = self.tokenizer.pad_token_id
        self.checkpoint = Checkpoint("tiny", str(folder), str(folder), "digest-of-" + folder.name)

        self._prompts: dict[tuple[Any, ...], PromptInputs] = {}  # a training asks for each of its few prompts in every step

    def facts(self) -> dict[str, str]:
        return {"template": str(self.processor.chat_template), "dtype": str(self.dtype)}  # as loaded

    def prompt(self, image: Path | None, text: str) -> PromptInputs:
        return self.prompt_with([image] if image else [], text)

    def prompt_with(self, images: Sequence[Path], text: str) -> PromptInputs:
        key = (text, self.processor.chat_template, *((i, i.stat().st_mtime_ns, i.stat().st_size) for i in images))
        if key not in self._prompts:
            self._prompts[key] = self._prompt_with(images, text)
        made = self._prompts[key]
        return PromptInputs(made.input_ids.clone(), {name: tensor.clone() for name, tensor in made.vision.items()})

    def _prompt_with(self, images: Sequence[Path], text: str) -> PromptInputs:
        content = [{"type": "image"} for _ in images] + [{"type": "text", "text": text}]
        written = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        opened = [Image.open(i).convert("RGB") for i in images]
        inputs = self.processor(images=opened or None, text=written, return_tensors="pt")
        vision = {k: inputs[k] for k in ("pixel_values", "image_sizes") if k in inputs}
        return PromptInputs(inputs["input_ids"][0], vision)

    def answer_ids(self, image: Path | None, text: str, answer: str) -> Tensor:
        ids = self.tokenizer(answer + self.tokenizer.eos_token, add_special_tokens=False)["input_ids"]
        return torch.tensor(ids, dtype=torch.long)

    def hidden_states(self, input_ids: Tensor, vision: Mapping[str, Tensor], segment: Tensor, position_ids: Tensor) -> Tensor:
        if not self.segments:
            mask = dense_mask(segment, next(self.module.parameters()).dtype)
            return self._hidden(input_ids, vision, mask, position_ids)
        packed = self._hidden(pack(input_ids, segment), vision, packed_mask(segment), pack(position_ids, segment))
        return unpack(packed, segment)

    def _hidden(self, input_ids: Tensor, vision: Mapping[str, Tensor], mask: Tensor, position_ids: Tensor) -> Tensor:
        out = self.module.model(input_ids=input_ids, attention_mask=mask, position_ids=position_ids, use_cache=False, **vision)
        return out.last_hidden_state

    def head(self) -> nn.Module:
        return self.module.lm_head


def plain_rows(row: Row) -> list[Row]:
    """The same answers, one a row, each with a prompt of its own: what shared-prefix rows must agree with."""
    return [Row(row.id, row.prompt, (answer,)) for answer in row.answers]


def golden_pairs() -> list[dict]:
    return [json.loads(line) for line in (GOLDEN / "pairs.jsonl").read_text().splitlines()]


def make_tiny_llava_next(folder: Path, seed: int = 0) -> Path:
    """Write a random LlavaNext (2 layers of 32) with its processor; anyres over 32-pixel tiles of 16 tokens."""
    tokenizer = AutoProcessor.from_pretrained(GOLDEN / "processor", backend="pil").tokenizer
    pinpoints = [[32, 64], [64, 32], [64, 64]]
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=386, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.2, pad_token_id=3,
    )  # fmt: skip
    config = LlavaNextConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=4,
        image_grid_pinpoints=pinpoints,
        tie_word_embeddings=False,
    )
    torch.manual_seed(seed)
    LlavaNextForConditionalGeneration(config).save_pretrained(folder)
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=pinpoints
    )
    template = AutoProcessor.from_pretrained(GOLDEN / "processor", backend="pil").chat_template
    LlavaNextProcessor(
        images, tokenizer, patch_size=8, vision_feature_select_strategy="default", chat_template=template,
        image_token="<image>", num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    return folder
