"""What differs between model families, as one table; everything else is read from the model itself.

A family that is not in it works all the same, only slower: see `one_by_one.py`.

The engine reads a prompt in pieces over one key/value cache. That is exact where a token's states depend on the tokens
before it alone. Two families look ahead: Gemma 3 inside an image, PaliGemma in the whole prompt. The first is read with
each image in one piece, the second with its prompt in one piece, so that nothing of it can be shared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

CAUSAL, IMAGE, PROMPT = "causal", "image", "prompt"


@dataclass(frozen=True, slots=True)
class Family:
    """What the engine has to know of a family's language model.

    both_ways: where tokens also see what comes after them: nowhere (CAUSAL), inside an image, or in the whole prompt.
    window_first: a sliding window also cuts what is seen both ways.
    only_windows: only layers with a window see both ways, the others are causal.
    axes: positions a token: 1, or 3 (time, height, width; M-RoPE).
    first_position: of the first token.
    caps_logits: the class itself caps its logits where the text configuration has a `final_logit_softcapping`; others
        never do, whatever their text model was made for.
    deepstack: features of earlier vision layers are added behind the first layers of the language model.
    recurrent: some layers keep a running state (linear attention) in place of keys and values. It cannot be told apart by
        masks: rows are read without padding behind what they share, and training reads every answer as a row of its own.
    packs_pixels: the vision tower takes the pixels of all images end to end, in the last dimension.
    own_layers: every layer of the language model is also given an embedding of its own of each text token.
    pads_placeholders: placeholders of any kind in a text are read as padding.
    tiles_alone: an image is cut into tiles only where it is alone in its prompt (`batch_num_images` tells the model).
    numbers_images: the processor writes an image's number in its prompt, from 0, in front of it.
    trained_with_one: whether most of its checkpoints were trained on prompts that show one image, although it takes several.
    one_image: why a prompt shows no more than one image, "" where it may show several.
    template: the prompt of checkpoints that come without a chat template: (before the question, behind it).
    why_alone: why its requests go one by one through the model's own `generate`, "" where the engine knows it.
    """

    name: str
    both_ways: str = CAUSAL
    window_first: bool = False
    only_windows: bool = False
    axes: int = 1
    first_position: int = 0
    caps_logits: bool = False
    deepstack: bool = False
    recurrent: bool = False
    packs_pixels: bool = False
    own_layers: bool = False
    pads_placeholders: bool = False
    tiles_alone: bool = False
    numbers_images: bool = False
    trained_with_one: bool = False
    one_image: str = ""
    template: tuple[str, str] | None = None
    why_alone: str = ""

    @property
    def known(self) -> bool:
        """Whether the engine reads it, or its own `generate` does."""
        return not self.why_alone

    @property
    def untrained(self) -> str:
        """Why its models cannot be trained here; "" where they can."""
        return f"Models of the family {self.name!r} cannot be trained here. {self.why_alone}" if self.why_alone else ""

    def softcap(self, config: Any) -> float | None:
        """What the class caps its logits at, given the text model's configuration."""
        return getattr(config, "final_logit_softcapping", None) if self.caps_logits else None

    @property
    def several_images_note(self) -> str:
        """What is to be said of prompts that show several images; "" where nothing is."""
        if not self.trained_with_one:
            return ""
        return (
            f"most checkpoints of the family {self.name} were trained with one image per prompt: answers about several images "
            "may be poor (docs/models.md)"
        )

    @property
    def sharing(self) -> str:
        """In words, what of a prompt is read once for all questions about an image."""
        return f"nothing: {self.unshared}" if self.unshared else "the image and all words before the questions part"

    @property
    def unshared(self) -> str:
        """Why nothing of a prompt is read once for all questions about an image; "" where something is."""
        if self.why_alone:
            return f"requests go one by one through the model's own generate. {self.why_alone}"
        if self.both_ways == PROMPT:
            return "its prompt attends both ways, so each question is read with its image in one piece"
        return ""


_TABLE = (
    Family("llava", trained_with_one=True),
    Family("llava_next", trained_with_one=True),
    Family("llava_onevision", tiles_alone=True),
    Family("internvl"),
    Family("idefics3"),
    Family("smolvlm"),
    Family("qwen2_vl", axes=3),
    Family("qwen2_5_vl", axes=3),
    Family("qwen3_vl", axes=3, deepstack=True),
    Family("qwen3_vl_moe", axes=3, deepstack=True),
    Family("qwen3_5", axes=3),
    Family("qwen3_5_moe", axes=3),
    Family("minicpmv4_6", packs_pixels=True, numbers_images=True),
    Family("glm4v", axes=3),
    Family("glm4v_moe", axes=3),
    Family("glm46v", axes=3),
    Family("mistral3"),
    Family("gemma3", both_ways=IMAGE, window_first=True),
    Family("gemma4", both_ways=IMAGE, window_first=True, only_windows=True, caps_logits=True, pads_placeholders=True),
    Family(
        "paligemma",
        both_ways=PROMPT,
        caps_logits=True,
        first_position=1,
        template=("{image}{bos}", "\n"),
        one_image="It was trained on prompts that begin with one image.",
    ),
)
_SEES_SEVERAL = ("pixtral",)  # vision towers whose checkpoints were trained with several images, whatever class holds them
_RECURRENT = ("qwen3_5_text", "qwen3_5_moe_text")  # text models whose running state is that of Gated DeltaNet
# Text models that attend in code of their own, and whose answers and training were compared with transformers' own.
_OWN_ATTENTION = ("biogpt", "codegen", "falcon", "gptj", "stablelm", "xglm", *_RECURRENT)
FAMILIES = {family.name: family for family in _TABLE}


def family_of(kind: str, decoder: Any, vision: str = "") -> Family:
    """The entry of a `model_type` with this decoder (transformers' own class, another for each family).

    vision: the `model_type` of its vision tower.
    """
    if kind not in FAMILIES:
        return Family(kind, why_alone=f"The family {kind!r} is not in the table of docs/models.md.")
    text = decoder.config
    types = set(getattr(text, "layer_types", None) or ())
    recurrent = text.model_type in _RECURRENT and "linear_attention" in types
    strange = sorted(types - {"full_attention", "sliding_attention", *(["linear_attention"] if recurrent else [])})
    if strange:
        return Family(kind, why_alone=f"This {kind} has layers that the engine does not know: {', '.join(strange)}.")
    if why := _why_unread(decoder):
        return Family(kind, why_alone=why)
    family = replace(FAMILIES[kind], recurrent=recurrent)
    family = replace(family, trained_with_one=False) if vision in _SEES_SEVERAL else family
    if not family.only_windows:
        return family
    looks = text.use_bidirectional_attention  # the smaller models of Gemma 4 have none
    if looks == "all":
        return Family(kind, why_alone=f"This {kind} attends both ways everywhere, which the engine does not know.")
    return replace(family, both_ways=IMAGE if looks == "vision" else CAUSAL, own_layers=bool(text.hidden_size_per_layer_input))


def _why_unread(decoder: Any) -> str:
    """Why the engine cannot read a text model, "" where it can: it pads rows, joins them and leaves tokens out, which is exact
    where a token's place is the position that it is given, and attention what the mask says."""
    kind = decoder.config.model_type
    if "position_ids" not in signature(decoder.forward).parameters or getattr(decoder.config, "alibi", False):
        return f"Its text model {kind} takes no positions: it counts the tokens before each itself, padding among them."
    if not getattr(decoder, "_supports_attention_backend", False) and kind not in _OWN_ATTENTION:
        return f"Its text model {kind} attends in code of its own, which the engine has not been compared with."
    return ""


def note_ahead(path: str) -> str:
    """The `several_images_note` of a checkpoint that is not loaded yet, from its config.json; "" where that is not at hand: a
    name that the hub's cache does not hold, or a damaged file, which loading reports."""
    from huggingface_hub import try_to_load_from_cache

    try:
        folder = Path(path).expanduser()
        adapter = folder / "adapter_config.json"
        if adapter.is_file():
            return note_ahead(str(json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"]))
        held = folder / "config.json" if folder.is_dir() else try_to_load_from_cache(path, "config.json")
        config = json.loads(Path(str(held)).read_text(encoding="utf-8"))
        kind, vision = config["model_type"], (config.get("vision_config") or {}).get("model_type", "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return FAMILIES[kind].several_images_note if kind in FAMILIES and vision not in _SEES_SEVERAL else ""
