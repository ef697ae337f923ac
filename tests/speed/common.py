"""What the speed scripts share: models of random weights in the shapes that were measured, texts, images, CPU time.

`tiny` is the set-up of the measured baselines: CLIP 4 x 192 at 224/14 (256 image tokens), Llama 4 x 256; `336` the same with
images of 336/14 (576 image tokens). `7b` and `1.6-7b` are the shapes of LLaVA-1.5-7B and LLaVA-1.6-7B, for a machine
with a GPU.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import random
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

THINGS = ("cat", "dog", "car", "tree", "table", "chair", "cup", "book", "lamp", "phone", "bird", "boat", "horse", "clock")
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "grey", "pink", "orange")
PLACES = ("next to", "behind", "in front of", "on top of", "under")
QUESTION = "Describe this image in detail. What is in the picture?"


def user_seconds() -> float:
    """CPU seconds in user mode of this process so far, all threads."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


@contextmanager
def profiled(most: int = 25) -> Iterator[None]:
    """What took this process's main thread most time goes to stderr."""
    found = cProfile.Profile()
    with found:
        yield
    pstats.Stats(found, stream=sys.stderr).sort_stats("cumulative").print_stats(most)


def sentences(draw: random.Random, n: int) -> str:
    def thing() -> str:
        return f"the {draw.choice(COLOURS)} {draw.choice(THINGS)}"

    said = (f"There is a {draw.choice(COLOURS)} {draw.choice(THINGS)} {draw.choice(PLACES)} {thing()}." for _ in range(n))
    return " ".join(said)


def save_images(folder: Path, n: int) -> list[str]:
    """Noise of 320 x 240, by seed; their names."""
    import numpy
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    draw = numpy.random.default_rng(1)
    for i in range(n):
        Image.fromarray(draw.integers(0, 255, (240, 320, 3), dtype=numpy.uint8)).save(folder / f"{i}.png")
    return [f"{i}.png" for i in range(n)]


def save_model(folder: Path, size: str = "tiny", device: str = "cpu") -> Path:
    """A LLaVA-1.5 of random weights with its processor; of 1.6 where the size says so."""
    import torch
    import transformers as t
    from tiny_models import TEMPLATE, tokenizer

    draw = random.Random(0)
    said = [f"USER: {QUESTION} ASSISTANT: Yes No yes no"] * 50  # whole words, as in every vocabulary of the field
    words = tokenizer([sentences(draw, 6) for _ in range(500)] + said, vocabulary=1000)
    side = 224 if size == "tiny" else 336
    vision, text = _shapes(size, len(words))
    kind = "LlavaNext" if size.startswith("1.6") else "Llava"
    config = getattr(t, f"{kind}Config")(
        vision_config=vision,
        text_config=text,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=(side // 14) ** 2,
        vision_feature_layer=-2,
    )
    crop = {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}
    images = t.LlavaNextImageProcessorPil(**crop) if kind == "LlavaNext" else t.CLIPImageProcessorPil(**crop)
    torch.manual_seed(0)
    with torch.device(device):
        dtype = torch.bfloat16 if size.endswith("7b") else torch.float32
        module = getattr(t, f"{kind}ForConditionalGeneration")(config).to(dtype)
    with torch.no_grad():
        for weight in module.get_decoder().layers.parameters():
            if weight.dim() > 1:  # wider than trained ones begin, so that images and questions move the answers
                weight.mul_(3)
    module.save_pretrained(folder, max_shard_size="5GB")  # as on the hub
    getattr(t, f"{kind}Processor")(
        images, words, patch_size=14, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"padding_side": "left"}))  # for `generate` in batches
    return folder


def _shapes(size: str, vocabulary: int):
    from transformers import CLIPVisionConfig, LlamaConfig

    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    if size.endswith("7b"):
        vision = CLIPVisionConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
                                  image_size=336, patch_size=14, projection_dim=768)  # fmt: skip
        return vision, LlamaConfig(vocab_size=32064, max_position_embeddings=4096, **tokens)  # the rest is Llama-7B's
    vision = CLIPVisionConfig(hidden_size=192, intermediate_size=768, num_hidden_layers=4, num_attention_heads=4,
                              image_size=336 if size == "336" else 224, patch_size=14, projection_dim=192)  # fmt: skip
    text = LlamaConfig(vocab_size=vocabulary, hidden_size=256, intermediate_size=704, num_hidden_layers=4,
                       num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=2048, **tokens)  # fmt: skip
    return vision, text
