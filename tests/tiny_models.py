"""Tiny random image-text models, made in a second: the real classes, processors and file formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}USER: {% for c in m.content %}"
    "{% if c.type == 'image' %}<image>\n{% else %}{{ c.text }}{% endif %}{% endfor %}"
    "{% else %} ASSISTANT: {% for c in m.content %}{{ c.text }}{% endfor %}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)
TEXT = [
    "USER: Please describe this image in detail. ASSISTANT: A cat sits on the dining table. There is a dog near the oven.",
    "Is there a car in the image? Yes, there is a car. No, there is no bird.",
]


def tokenizer(
    texts: Sequence[str] = TEXT, vocabulary: int = 340, more: Sequence[str] = (), **named: str
) -> PreTrainedTokenizerFast:
    """A byte-level BPE with the special tokens of LLaVA and `more`; `named` ones become attributes."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<image>", *more]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>", **named},
    )


def sentencepiece_tokenizer(
    texts: Sequence[str] = TEXT, metaspace: str = "", more: Sequence[str] = (), **named: str
) -> PreTrainedTokenizerFast:
    """A BPE over "▁" as Llama's: LLaVA-1.5's normalizer puts one in front of every text between special tokens; with
    `metaspace` ("first", "always", "never") newer Llamas' pre-tokenizer does. `more` and `named` as for `tokenizer`."""
    made = Tokenizer(models.BPE(fuse_unk=True, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    alphabet = [chr(n) for n in range(33, 127)] + list("▁\n éü°")
    special = ["<pad>", "<s>", "</s>", "<image>", *more, "<unk>"]
    made.train_from_iterator(
        [*texts, "ASSISTANT: Yes yes No no"] * 3,
        trainers.BpeTrainer(vocab_size=360 + len(more), special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    if metaspace:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=metaspace, split=False)
        made.decoder = decoders.Metaspace(prepend_scheme=metaspace)
    else:
        made.pre_tokenizer = None
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>", **named},
    )


def _parts(vocab: int, image_size: int) -> tuple[CLIPVisionConfig, LlamaConfig]:
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=image_size, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=vocab,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return vision, text


def far_apart(module: Any) -> None:
    """Draw the language model's weights so wide that its logits are far apart: rounding moves no answer."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.dim() == 2 and "language_model" in name:
                weight.normal_(0, 1.2 * weight.shape[-1] ** -0.5, generator=generator)


def save_llava_next(folder: Path, seed: int = 0) -> Path:
    """LLaVA-1.6's class: base view plus any-resolution tiles."""
    torch.manual_seed(seed)
    words = tokenizer()
    vision, text = _parts(len(words), 32)
    grid = [[32, 32], [32, 64], [64, 32]]
    config = LlavaNextConfig(
        vision_config=vision, text_config=text, image_token_index=3, image_grid_pinpoints=grid, vision_feature_layer=-1
    )
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=grid
    )
    processor = LlavaNextProcessor(
        images,
        words,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
    LlavaNextForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_llava(folder: Path, seed: int = 0, words: PreTrainedTokenizerFast | None = None, template: str = TEMPLATE) -> Path:
    """LLaVA-1.5's class: one view."""
    torch.manual_seed(seed)
    words = words or tokenizer()
    vision, text = _parts(len(words), 32)
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=3, vision_feature_layer=-1)
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = LlavaProcessor(
        images,
        words,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=template,
        num_additional_image_tokens=1,
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
