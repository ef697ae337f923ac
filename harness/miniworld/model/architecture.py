"""The empty small LLaVA: sizes, tokenizer, processor and chat template, before any training.

LLaVA-1.6's class with everything small: a CLIP tower, a two-layer projector, a Llama. An image of 112 x 112 is seen
twice, as base view and as its only tile, which makes 64 + 8 x (8 + 1) = 136 image tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from harness.miniworld.world.scenes import SIZE_PX

PATCH_PX = 14
GRID = SIZE_PX // PATCH_PX  # patches along a side
IMAGE_TOKENS = GRID * GRID + GRID * (GRID + 1)
VISION_WIDTH = 128
TEXT_WIDTH = 128
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<pad>", "<image>")
IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)
MAX_POSITIONS = 2048

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message['role'] == 'assistant' -%}{{ 'ASSISTANT: ' }}{%- elif message['role'] == 'user' -%}{{ 'USER: ' }}{%- endif -%}
{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}
{%- for part in message['content'] if part['type'] == 'image' -%}{{ '<image>\\n' }}{%- endfor -%}
{%- for part in message['content'] if part['type'] == 'text' -%}{{ part['text'] }}{%- endfor -%}
{%- endif -%}
{%- if message['role'] == 'assistant' -%}{{ '</s>' }}{%- else -%}{{ ' ' }}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}"""


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE in which every common word of the texts is one token; any Unicode text survives it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1200, min_frequency=5, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", SPECIAL_TOKENS.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
        padding_side="left",
        model_max_length=MAX_POSITIONS,
        clean_up_tokenization_spaces=False,
    )


def make_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaNextProcessor:
    """The processor that turns chats and images into tensors; Pillow backend, so no torchvision is needed."""
    side = {"height": SIZE_PX, "width": SIZE_PX}
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": SIZE_PX},
        crop_size=side,
        image_grid_pinpoints=[[SIZE_PX, SIZE_PX]],
        image_mean=list(IMAGE_MEAN),
        image_std=list(IMAGE_STD),
    )
    return LlavaNextProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=PATCH_PX,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def make_config(vocabulary: int) -> LlavaNextConfig:
    """Sizes of the whole; the tower's last layer is the one that is read, since it was trained for that."""
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH, intermediate_size=3 * VISION_WIDTH, num_hidden_layers=3, num_attention_heads=4,
        image_size=SIZE_PX, patch_size=PATCH_PX, projection_dim=VISION_WIDTH,
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=vocabulary, hidden_size=TEXT_WIDTH, intermediate_size=3 * TEXT_WIDTH, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=MAX_POSITIONS, initializer_range=0.05,
        bos_token_id=1, eos_token_id=2, pad_token_id=3, tie_word_embeddings=True,
    )  # fmt: skip
    return LlavaNextConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=SPECIAL_TOKENS.index("<image>"),
        image_grid_pinpoints=[[SIZE_PX, SIZE_PX]],
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=GRID * GRID,
        tie_word_embeddings=True,
    )


def make_model(vocabulary: int) -> LlavaNextForConditionalGeneration:
    """Random weights from torch's current seed."""
    model = LlavaNextForConditionalGeneration(make_config(vocabulary))
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=3, do_sample=False)
    return model
