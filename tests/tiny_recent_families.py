"""Tiny random checkpoints of the families of 2025 and 2026; see `tiny_families.py`, which makes them by name."""

from __future__ import annotations

from typing import Any

import transformers as t
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil

SPECIAL = (
    *("<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>", "<|image|>"),
    *("[IMG]", "[IMG_BREAK]", "[IMG_END]"),
)


def families(ids: dict[str, int], text: dict[str, Any], qwen: Any, rope: dict[str, Any]) -> dict[str, Any]:
    """Name -> what makes (configuration, image processor, processor's name, image mark, its settings, named tokens).

    ids: of special tokens; text: settings of a text model; qwen: makes a member of Qwen's family.
    """

    def glm(config_class: Any, processor: str, images_class: Any, **more: Any) -> tuple[Any, ...]:
        vision = {"hidden_size": 32, "intermediate_size": 48, "depth": 2, "num_heads": 2, "patch_size": 8, "image_size": 32}
        named = {"image": "<|image|>", "video": "<video>", "image_start": "<|begin_of_image|>", "image_end": "<|end_of_image|>"}
        named |= {"video_start": "<|begin_of_video|>", "video_end": "<|end_of_video|>"}
        config = config_class(
            vision_config=vision | {"out_hidden_size": 48, "spatial_merge_size": 2},
            text_config={**text, "rope_parameters": dict(rope)} | more,
            **{f"{name}_token_id": ids[token] for name, token in named.items()},
        )
        images = images_class(
            patch_size=8,
            size={"shortest_edge": 16 * 16 * 2, "longest_edge": 64 * 64 * 2},
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
        )
        mark = "<|begin_of_image|><|image|><|end_of_image|>"
        return config, images, processor, mark, {}, {"image_token": "<|image|>", "video_token": "<video>"}

    def pixtral(config_class: Any, merge: int, **more: Any) -> tuple[Any, ...]:
        vision = t.PixtralVisionConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=8
        )
        config = config_class(
            vision_config=vision,
            text_config=t.MistralConfig(**text, head_dim=12, sliding_window=None),
            image_token_index=ids["[IMG]"],
            vision_feature_layer=-1,
            tie_word_embeddings=False,
            **more,
        )
        images = PixtralImageProcessorPil(size={"longest_edge": 64}, patch_size={"height": 8, "width": 8})
        return config, images, "PixtralProcessor", "[IMG]", {"patch_size": 8, "spatial_merge_size": merge}, {}

    def gemma4(looks: str | None, **more: Any) -> tuple[Any, ...]:
        layers = ["sliding_attention", "full_attention"] * 2
        own = {"hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": 400, "head_dim": 12, "global_head_dim": 16}
        config = t.Gemma4Config(
            text_config={**text, **own, "num_hidden_layers": 4, "layer_types": layers, "sliding_window": 12}
            | more
            | {"use_bidirectional_attention": looks},
            vision_config={
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "head_dim": 16,
                "patch_size": 4,
                "position_embedding_size": 256,
            },
            image_token_id=ids["<|image|>"],
            boi_token_id=ids["<|begin_of_image|>"],
            eoi_token_id=ids["<|end_of_image|>"],
            video_token_id=ids["<video>"],
            audio_token_id=ids["<soft>"],
            boa_token_id=ids["<img>"],
            eoa_token_index=ids["</img>"],
            tie_word_embeddings=False,
        )
        images = t.Gemma4ImageProcessorPil(patch_size=4, max_soft_tokens=70)
        named = {
            "boi_token": "<|begin_of_image|>",
            "eoi_token": "<|end_of_image|>",
            "image_token": "<|image|>",
            "boa_token": "<img>",
            "eoa_token": "</img>",
            "audio_token": "<soft>",
        }
        return config, images, "Gemma4Processor", "<|image|>", {"image_seq_length": 70}, named

    def minicpm() -> tuple[Any, ...]:
        config = t.MiniCPMV4_6Config(
            vision_config={
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 3,
                "num_attention_heads": 2,
                "image_size": 64,
                "patch_size": 4,
            },
            text_config={"model_type": "qwen3_5_text", **text, "head_dim": 12, **linear},
            insert_layer_id=1,
            image_token_id=ids["<|image|>"],
            video_token_id=ids["<video>"],
            tie_word_embeddings=False,
        )
        images = t.MiniCPMV4_6ImageProcessorPil(patch_size=4, scale_resolution=32, max_slice_nums=2)
        marks = {
            "image_start": "<img>",
            "image_end": "</img>",
            "slice_start": "<soft>",
            "slice_end": "<IMG_CONTEXT>",
            "image_id_start": "[IMG]",
            "image_id_end": "[IMG_END]",
        }
        named = {f"{name}_token": token for name, token in marks.items()}
        return (
            config,
            images,
            "MiniCPMV4_6Processor",
            "<|image|>",
            {},
            {**named, "image_token": "<|image|>", "video_token": "<video>"},
        )

    linear = {
        "layer_types": ["linear_attention", "full_attention"],
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
    }
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    routed = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 32}
    eyes = {"hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 48, "num_position_embeddings": 64}
    half = {**rope, "mrope_section": [1, 1, 1], "partial_rotary_factor": 0.5}
    deep = {**eyes, "deepstack_visual_indexes": [0, 1]}
    return {
        "qwen3_vl_moe": lambda: qwen(t.Qwen3VLMoeConfig, "Qwen3VLProcessor", deep, num_hidden_layers=3, **experts),
        "qwen3_5": lambda: qwen(t.Qwen3_5Config, "Qwen3VLProcessor", eyes, **linear),
        "qwen3_5_moe": lambda: qwen(
            t.Qwen3_5MoeConfig, "Qwen3VLProcessor", eyes, **linear, **experts, shared_expert_intermediate_size=32
        ),
        "minicpmv4_6": minicpm,
        "glm4v": lambda: glm(t.Glm4vConfig, "Glm4vProcessor", t.Glm4vImageProcessorPil),
        "glm4v_moe": lambda: glm(t.Glm4vMoeConfig, "Glm4vProcessor", t.Glm4vImageProcessorPil, **routed, rope_parameters=half),
        "glm46v": lambda: glm(t.Glm46VConfig, "Glm46VProcessor", t.Glm46VImageProcessorPil),
        "gemma4": lambda: gemma4(None, num_kv_shared_layers=2),
        "gemma4, images both ways": lambda: gemma4(
            "vision",
            hidden_size_per_layer_input=0,
            enable_moe_block=True,
            num_experts=4,
            top_k_experts=2,
            moe_intermediate_size=32,
        ),
        "mistral3": lambda: pixtral(t.Mistral3Config, 2, spatial_merge_size=2),
        "llava, Pixtral": lambda: pixtral(t.LlavaConfig, 1, vision_feature_select_strategy="full"),
    }
