"""One tiny random checkpoint a model family: the real classes from their configurations, files as on the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny_recent_families
import torch
import transformers as t
from tiny_models import tokenizer

SPECIAL = (
    *("<video>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<img>", "</img>", "<IMG_CONTEXT>"),
    *("<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<start_of_image>", "<end_of_image>", "<soft>"),
    *(f"<row_{r}_col_{c}>" for r in (1, 2) for c in (1, 2)),
    *tiny_recent_families.SPECIAL,
)
IDS = {token: 4 + n for n, token in enumerate(SPECIAL)} | {"<image>": 3}
ENDS = {"vocab_size": 400, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
Words = Callable[..., t.PreTrainedTokenizerFast]
TEXT = {
    **ENDS,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
EYES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
SEEN = {**EYES, "image_size": 32, "patch_size": 8}
NORM = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
GRID = [[32, 32], [32, 64], [64, 32]]
ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 2, 2]}
SAY = (
    "{% for m in messages %}{% if m.role == 'user' %}USER: {% for c in m.content %}"
    "{% if c.type == 'image' %}IMAGE{% else %}{{ c.text }}{% endif %}{% endfor %}"
    "{% else %} ASSISTANT: {% for c in m.content %}{{ c.text }}{% endfor %}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)


def _write(
    folder: Path, words: Words, config: Any, images: Any, processor: str, image: str, settings: Any, named: dict[str, str]
) -> None:
    """Weights, tokenizer and the two processor files; `image` is what the chat template writes for an image."""
    module = t.AutoModelForImageTextToText.from_config(config)
    decoder = module.get_decoder()
    with torch.no_grad():  # wider than trained ones begin, so that images and questions move the answers
        for weight in module.parameters():
            if weight.dim() > 1 and not weight.any():
                weight.normal_(0, 0.1)
        layers = next(getattr(decoder, name) for name in ("layers", "h", "blocks") if hasattr(decoder, name))
        for weight in layers.parameters():
            if weight.dim() > 1:
                weight.mul_(4)
    module.generation_config.eos_token_id = 2
    module.save_pretrained(folder)
    words(more=SPECIAL, **named).save_pretrained(folder)
    images.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": processor, **settings}))
    if image:
        (folder / "chat_template.jinja").write_text(SAY.replace("IMAGE", image))


def _llava_next(text: Any) -> tuple[Any, ...]:
    vision = t.CLIPVisionConfig(**SEEN)
    config = t.LlavaNextConfig(
        vision_config=vision, text_config=text, image_token_index=3, image_grid_pinpoints=GRID, vision_feature_layer=-1
    )
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "image_grid_pinpoints": GRID}
    settings = {"patch_size": 8, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    return config, t.LlavaNextImageProcessorPil(**size), "LlavaNextProcessor", "<image>\n", settings, {}


def _onevision() -> tuple[Any, ...]:
    config = t.LlavaOnevisionConfig(
        vision_config=t.SiglipVisionConfig(**SEEN),
        text_config=t.Qwen2Config(**TEXT),
        image_token_index=3,
        video_token_index=4,
        image_grid_pinpoints=GRID,
    )
    images = t.LlavaOnevisionImageProcessorPil(size={"height": 32, "width": 32}, image_grid_pinpoints=GRID)
    settings = {"num_image_tokens": 16, "vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9"}
    return config, images, "LlavaOnevisionProcessor", "<image>\n", settings, {"video_token": "<video>"}


def _qwen(config_class: Any, processor: str, vision: dict[str, Any], **text: Any) -> tuple[Any, ...]:
    tokens = {f"{name}_token_id": IDS[f"<|{token}|>"] for name, token in QWEN.items()}
    config = config_class(
        vision_config={"num_heads": 2, "depth": 2, "patch_size": 8, **vision},
        text_config={**TEXT, "rope_parameters": dict(ROPE), "head_dim": 12, **text},
        **tokens,
    )
    images = t.Qwen2VLImageProcessorPil(patch_size=8, size={"shortest_edge": 16 * 16, "longest_edge": 64 * 64}, **NORM)
    named = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    return config, images, processor, "<|vision_start|><|image_pad|><|vision_end|>", {}, named


QWEN = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}


def _qwen2() -> tuple[Any, ...]:
    return _qwen(t.Qwen2VLConfig, "Qwen2VLProcessor", {"embed_dim": 32, "hidden_size": 48, "mlp_ratio": 2})


def _qwen2_5() -> tuple[Any, ...]:
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "out_hidden_size": 48,
        "window_size": 32,
        "fullatt_block_indexes": [1],
    }
    return _qwen(t.Qwen2_5_VLConfig, "Qwen2_5_VLProcessor", vision)


def _qwen3() -> tuple[Any, ...]:
    vision = {"hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 48, "num_position_embeddings": 64}
    return _qwen(t.Qwen3VLConfig, "Qwen3VLProcessor", {**vision, "deepstack_visual_indexes": [0, 1]}, num_hidden_layers=3)


def _internvl() -> tuple[Any, ...]:
    vision = t.InternVLVisionConfig(**EYES, image_size=[32, 32], patch_size=[8, 8])
    config = t.InternVLConfig(
        vision_config=vision, text_config=t.Qwen2Config(**TEXT), image_token_id=IDS["<IMG_CONTEXT>"], image_seq_length=4
    )
    images = t.GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=3)
    named = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    return (
        config,
        images,
        "InternVLProcessor",
        "<IMG_CONTEXT>\n",
        {"image_seq_length": 4},
        {**named, "video_token": "<video>"},
    )


def _idefics(config_class: Any, vision_class: Any, images_class: Any, processor: str) -> tuple[Any, ...]:
    config = config_class(
        vision_config=vision_class(**SEEN), text_config=t.LlamaConfig(**TEXT), image_token_id=3, scale_factor=2, pad_token_id=0
    )
    images = images_class(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    return config, images, processor, "<image>", {"image_seq_len": 4}, {}


def _gemma3() -> tuple[Any, ...]:
    text = t.Gemma3TextConfig(**TEXT, head_dim=12, sliding_window=12, layer_types=["sliding_attention", "full_attention"])
    tokens = {
        "boi_token_index": IDS["<start_of_image>"],
        "eoi_token_index": IDS["<end_of_image>"],
        "image_token_index": IDS["<soft>"],
    }
    config = t.Gemma3Config(
        text_config=text, vision_config=t.SiglipVisionConfig(**SEEN), mm_tokens_per_image=4, tie_word_embeddings=False, **tokens
    )
    named = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<soft>"}
    images = t.Gemma3ImageProcessorPil(size={"height": 32, "width": 32})
    return config, images, "Gemma3Processor", "<start_of_image>", {"image_seq_length": 4}, named


def _paligemma(text: Any) -> tuple[Any, ...]:
    config = t.PaliGemmaConfig(
        vision_config=t.SiglipVisionConfig(**SEEN),
        text_config=text,
        image_token_index=3,
        projection_dim=48,
        hidden_size=48,
        tie_word_embeddings=False,
    )
    images = t.SiglipImageProcessorPil(size={"height": 32, "width": 32})
    images.image_seq_length = 16
    return config, images, "PaliGemmaProcessor", "", {}, {}


def _aya() -> tuple[Any, ...]:
    """A family that the table does not know, with two things that would show: scaled logits and windows."""
    layers = {"sliding_window": 12, "layer_types": ["sliding_attention", "full_attention"], "logit_scale": 0.5}
    config = t.AyaVisionConfig(
        vision_config=t.SiglipVisionConfig(**SEEN),
        text_config=t.Cohere2Config(**TEXT, head_dim=12, **layers),
        image_token_index=IDS["<IMG_CONTEXT>"],
        downsample_factor=2,
    )
    images = t.GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=3)
    settings = {"patch_size": 8, "downsample_factor": 2, "img_size": 32, "img_patch_token": "<IMG_CONTEXT>"}
    return config, images, "AyaVisionProcessor", "<image>", settings, {}


CHECKPOINTS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "llava_next, Mistral": lambda: _llava_next(t.MistralConfig(**TEXT, sliding_window=None)),
    "llava_next, Mistral with a window": lambda: _llava_next(t.MistralConfig(**TEXT, sliding_window=12)),
    "llava_onevision": _onevision,
    "qwen2_vl": _qwen2,
    "qwen2_5_vl": _qwen2_5,
    "qwen3_vl": _qwen3,
    "internvl": _internvl,
    "idefics3": lambda: _idefics(t.Idefics3Config, t.Idefics3VisionConfig, t.Idefics3ImageProcessorPil, "Idefics3Processor"),
    "smolvlm": lambda: _idefics(t.SmolVLMConfig, t.SmolVLMVisionConfig, t.SmolVLMImageProcessorPil, "SmolVLMProcessor"),
    "gemma3": _gemma3,
    **tiny_recent_families.families(IDS, TEXT, _qwen, ROPE),
    "paligemma": lambda: _paligemma(t.GemmaConfig(**TEXT, head_dim=12)),
    "paligemma 2": lambda: _paligemma(t.Gemma2Config(**TEXT, head_dim=12, sliding_window=12, query_pre_attn_scalar=12)),
    "aya_vision": _aya,
}


EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 6, "qk_nope_head_dim": 8, "v_head_dim": 10}
ROUTED = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "n_group": 2, "topk_group": 1}
# Text models behind LLaVA-1.6's class beside those above: mixtures of experts, one whose head caps its logits elsewhere, others
# that attend twice a layer, or have positions and names of parts of their own.
TEXT_MODELS: dict[str, Callable[[], Any]] = {
    "qwen3_moe": lambda: t.Qwen3MoeConfig(**TEXT, **EXPERTS, head_dim=12),
    "mixtral": lambda: t.MixtralConfig(**TEXT, num_local_experts=4, num_experts_per_tok=2, sliding_window=None),
    "qwen2_moe": lambda: t.Qwen2MoeConfig(**TEXT, **EXPERTS, shared_expert_intermediate_size=32),
    "olmoe": lambda: t.OlmoeConfig(**TEXT, num_experts=4, num_experts_per_tok=2),
    "phimoe": lambda: t.PhimoeConfig(**TEXT, num_local_experts=4, num_experts_per_tok=2, sliding_window=None),
    "deepseek_v3": lambda: t.DeepseekV3Config(
        **TEXT | {"num_key_value_heads": 4}, **LATENT, **ROUTED, moe_intermediate_size=32, first_k_dense_replace=1
    ),
    "gemma2": lambda: t.Gemma2Config(**TEXT, head_dim=12, sliding_window=12, query_pre_attn_scalar=12),
    "diffllama": lambda: t.DiffLlamaConfig(**TEXT),
    "gpt2": lambda: t.GPT2Config(**ENDS, n_embd=48, n_layer=2, n_head=4),
    "falcon": lambda: t.FalconConfig(**TEXT, alibi=False, new_decoder_architecture=True, num_kv_heads=2),
}
# Text models that the engine cannot read: places counted by the model itself, and windows cut by them.
UNREAD_TEXT_MODELS: dict[str, Callable[[], Any]] = {
    "mpt": lambda: t.MptConfig(**ENDS, d_model=48, n_layers=2, n_heads=4),
    "gpt_neo": lambda: t.GPTNeoConfig(
        **ENDS, hidden_size=48, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=12
    ),
}
CHECKPOINT_OF_TEXT = {f"llava_next, {name}": name for name in TEXT_MODELS}


def _llava() -> tuple[Any, ...]:
    config = t.LlavaConfig(
        vision_config=t.CLIPVisionConfig(**SEEN),
        text_config=t.LlamaConfig(**TEXT),
        image_token_index=3,
        vision_feature_layer=-1,
    )
    images = t.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    settings = {"patch_size": 8, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    return config, images, "LlavaProcessor", "<image>\n", settings, {}


def save(name: str, folder: Path, seed: int = 0, tied: bool = False, words: Words | None = None, **text: Any) -> Path:
    """The checkpoint of that name, made in a second.

    tied: one matrix for embeddings and head; words: makes the tokenizer; text: settings of the text model.
    """
    torch.manual_seed(seed)
    t.utils.logging.disable_progress_bar()
    kind = name.removeprefix("llava_next, ")
    made = {**TEXT_MODELS, **UNREAD_TEXT_MODELS}
    config, *rest = _llava_next(made[kind]()) if kind in made else _llava() if name == "llava" else CHECKPOINTS[name]()
    for setting, value in text.items():
        setattr(config.get_text_config(), setting, value)
    if tied:
        config.tie_word_embeddings = config.get_text_config().tie_word_embeddings = True
    _write(folder, words or (lambda **named: tokenizer(vocabulary=380, **named)), config, *rest)
    return folder
