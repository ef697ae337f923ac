"""What a checkpoint's folder must have, and may ask for, before it is loaded and before its first question."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open

from harness.core.errors import ConfigError, ModelError
from harness.core.nearest import did_you_mean
from harness.models._checkpoint.adapters import base_of, is_adapter

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_SMALL = 100_000_000  # parameters; up to here the missing tensors are named instead
MOST_LAYERS = 1_000  # the deepest published models have some 130
_PLACE_MARK = re.compile(r"<(loc|seg)\d+>")  # PaliGemma's processor adds them to any tokenizer
_TORCHVISION_ALONE = ("molmo2", "gemma4_unified", "llama4")
_MOST_REPEATS = 10_000  # of a text by a constant, in a chat template


def thinking_limit(tokens: int) -> int:
    """Raises ConfigError for a limit below 0."""
    if tokens < 0:
        raise ConfigError(f"model.thinking_tokens is {tokens}; give the largest number of tokens of reasoning, or 0 for none.")
    return tokens


def checked_attention(name: str) -> str:
    """Raises ModelError for an implementation of attention that transformers does not have; one with a slash is a kernel of the
    hub, which transformers fetches."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    known = ["eager", *(one for one in ALL_ATTENTION_FUNCTIONS.valid_keys() if "|" not in one)]
    if name not in known and "/" not in name:
        near = did_you_mean(name, known)
        raise ModelError(
            f"There is no attention {name!r}.{near} transformers {transformers.__version__} has {', '.join(known)}."
        )
    return name


def check_folder(folder: Path, remote_code: bool = False) -> None:
    """Raises ModelError for a family that cannot be loaded here, and for a config.json that asks for more layers than any
    model has: building them fills the memory."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # refused by its loader, with its reason
    _check_kind(config.get("model_type") if isinstance(config, dict) else None, folder, remote_code)
    parts = [config, *(part for part in config.values() if isinstance(part, dict))] if isinstance(config, dict) else []
    for part in parts:
        for key in ("num_hidden_layers", "n_layer", "n_layers", "depth", "num_layers"):
            if isinstance(n := part.get(key), int) and n > MOST_LAYERS:
                raise ModelError(
                    f"{folder / 'config.json'} asks for {key} = {n:,}; at most {MOST_LAYERS:,} are built. Copy the "
                    "checkpoint again."
                )


def _check_kind(kind: Any, folder: Path, remote_code: bool) -> None:
    if kind in _TORCHVISION_ALONE:
        raise ModelError(
            f"{folder} is a model of type {kind!r}, whose image processor transformers {transformers.__version__} has for "
            "torchvision alone; images are prepared with PIL here, so that results do not depend on what is installed. Use a "
            "model of another family (docs/models.md)."
        )
    if isinstance(kind, str) and kind not in transformers.CONFIG_MAPPING and not remote_code:
        raise ModelError(
            f"transformers {transformers.__version__} has no model of type {kind!r} ({folder / 'config.json'}). Install a "
            "newer one; or set model.remote_code=true where the checkpoint brings code of its own that you have read and trust."
        )


def check_size(folder: Path) -> None:
    """Raises ModelError for a config.json that describes a far larger model than the weights beside it hold.

    A config that lost its text model stands for one of the family's default size: it would be built and filled with random
    numbers, which can take all memory, before its missing tensors are refused.
    """
    try:
        module = _without_weights(folder)
    except Exception:
        return  # refused by its loader, with its reason
    described, held = sum(p.numel() for p in module.parameters()), _elements(folder)
    if getattr(module.config, "quantization_config", None) is None and described > max(2 * held, held + _SMALL):
        raise ModelError(
            f"{folder / 'config.json'} describes a model of {described:,} parameters, and the weights beside it hold {held:,}. "
            "Copy the checkpoint again, config.json with its weights."
        )


# Any: transformers' own class, another for each family
def _without_weights(folder: Path) -> Any:
    with torch.device("meta"):
        return transformers.AutoModelForImageTextToText.from_config(transformers.AutoConfig.from_pretrained(folder))


# Any: transformers' own class, another for each family
def outline(options: Mapping[str, Any]) -> Any:
    """The module of a checkpoint, or of an adapter's base, without its weights: names and sizes of its layers. None where
    that is known only once it is loaded: a hub name that the cache lacks, code of its own, a damaged configuration."""
    from huggingface_hub import try_to_load_from_cache

    path, passed = str(options.get("path", "")), set[Path]()
    if options.get("remote_code"):
        return None
    try:
        folder = Path(path).expanduser()
        while is_adapter(folder) and folder not in passed:
            passed.add(folder)
            folder = Path(path := base_of(folder)).expanduser()
        if not folder.is_dir():
            folder = Path(str(try_to_load_from_cache(path, "config.json"))).parent
        check_folder(folder)
        return _without_weights(folder)
    except Exception:  # transformers raises whatever it likes over odd files
        return None  # its loader says what is wrong


def _elements(folder: Path) -> int:
    """Numbers in the safetensors of a folder, by their headers."""
    held = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            held += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return held


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where the file is not there."""
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        if text.startswith("\ufeff"):
            raise ModelError(f"{path} begins with a byte order mark, which is no JSON. Save it as UTF-8 without.")
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        what = "an index of weights" if path.name == INDEX else "JSON"
        raise ModelError(f"{path} is not {what} ({error}). Copy the checkpoint again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object. Copy the checkpoint again.")
    return value


def indexed(folder: Path) -> dict[str, str]:
    """Name of a tensor -> name of its file, by the folder's index of weights. Raises ModelError where that is not one."""
    try:
        return {str(name): str(place) for name, place in read_object(folder / INDEX)["weight_map"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / INDEX} is not an index of weights ({error}). Copy the checkpoint again.") from error


def two_sets(folder: Path) -> str:
    """What to say of other weights in shards beside the single file, which transformers reads; "" where there are none.

    `save_pretrained` leaves the single file there when it writes shards into a folder again.
    """
    if not ((folder / SINGLE).is_file() and (folder / INDEX).is_file()):
        return ""
    places = indexed(folder)
    if not all((folder / name).is_file() for name in places.values()):
        return ""
    with safe_open(folder / SINGLE, "pt") as single:
        unlike = set(single.keys()) ^ set(places)
        for name, place in () if unlike else places.items():
            with safe_open(folder / place, "pt") as shard:
                if name not in shard.keys() or not torch.equal(single.get_tensor(name), shard.get_tensor(name)):  # noqa: SIM118
                    unlike = {name}
                    break
    if not unlike:
        return ""
    return (
        f"{folder} holds weights twice, and they differ ({min(unlike)} the first): {SINGLE} is read, the shards of {INDEX} are "
        "not. Remove those that are not meant (the older ones)"
    )


def check_processor(source: str, processor: Any, module: Any, image_token: int) -> None:  # Any: another class for each family
    """Raises ModelError for a processor that cannot count image tokens, or a tokenizer with tokens the model lacks."""
    vision = getattr(module.config, "vision_config", None)
    if getattr(processor, "patch_size", 0) is None:
        its = getattr(vision, "patch_size", None)
        raise ModelError(
            f"The processor of {source} has no patch_size, so the number of image tokens is unknown. Add "
            f'"patch_size": {its or "N"} to its processor_config.json, with the vision_feature_select_strategy and '
            "num_additional_image_tokens of the model's own processor."
        )
    tokenizer = getattr(processor, "tokenizer", None)
    rows = int(module.get_input_embeddings().weight.shape[0])
    if tokenizer is None or len(tokenizer) <= rows:
        return
    lacking = {i: token for token, i in tokenizer.get_vocab().items() if i >= rows and i != image_token}
    lacking = {i: token for i, token in lacking.items() if not _PLACE_MARK.fullmatch(token)}
    if lacking:
        raise ModelError(
            f"The tokenizer of {source} has {len(lacking):,} token{'s' * (len(lacking) > 1)} without an embedding "
            f"({lacking[min(lacking)]!r} the first): the model has {rows:,} embeddings. Take the tokenizer of the model that "
            "was trained, or resize the embeddings before training."
        )


def check_template(template: Any, name: str) -> None:  # Any: a text, or texts by name
    """Raises ModelError for a chat template that repeats a text by a huge constant: rendering it fills the memory."""
    import jinja2

    if not isinstance(template, str):
        return
    try:
        tree = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"]).parse(template)
    except jinja2.TemplateError:
        return  # a tag of transformers' own, or a mistake that rendering tells
    for node in tree.find_all((jinja2.nodes.Mul, jinja2.nodes.Pow)):
        if any(isinstance(c.value, int) and c.value > _MOST_REPEATS for c in node.find_all(jinja2.nodes.Const)):
            raise ModelError(
                f"{name} repeats a text more than {_MOST_REPEATS:,} times in line {node.lineno}. Replace it by the template of "
                "the model's own processor."
            )
