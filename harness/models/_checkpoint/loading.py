"""Paths and hub names -> modules, processors and identities; adapters are put on their base."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from harness.core.digests import folder_state
from harness.core.edge.files import is_hub_name
from harness.core.edge.foreign import words_of
from harness.core.edge.processes import end_without_collecting, imports_that_stay, keep_freed_memory
from harness.core.errors import HarnessError, ModelError
from harness.core.plugins import KEPT
from harness.core.run_record import ADAPTER
from harness.models._checkpoint import families as _families
from harness.models._checkpoint.adapters import Undo, base_of, check, is_adapter, put_on, stay_beside, take_out
from harness.models._checkpoint.attention_masks import check_attention
from harness.models._checkpoint.families import Family
from harness.models._checkpoint.image_processor import image_only
from harness.models._checkpoint.own_files import require_own_code, require_own_files
from harness.models._checkpoint.prompt_builder import RopeIndex
from harness.models._checkpoint.requirements import check_size

_BASE = "transformers.modeling_utils"  # what the classes of all checkpoints are built on


def resolve(path: str) -> tuple[str, tuple[Path, ...]]:
    """(folder of the model to load, adapters on top of it, the innermost first).

    A path that looks like a folder must be one with a model in it. Raises ModelError for anything that does not load.
    """
    found: list[Path] = []
    folder = _folder_of(path)
    while is_adapter(folder):
        if folder.resolve() in [adapter.resolve() for adapter in found]:
            raise ModelError(f"The adapter {found[-1]} cannot find its base model: it names itself or one built on it.")
        found.insert(0, folder)
        base = base_of(folder)
        try:
            folder = _folder_of(base)
        except ModelError as error:
            raise ModelError(f"The adapter {found[-1]} cannot find its base model: {error}") from error
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} is not a model folder: it has no config.json. Give the folder save_pretrained wrote.")
    for adapter in found:
        check(adapter)
    require_own_files(folder)
    return str(folder), tuple(found)


def _folder_of(path: str) -> Path:
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists() or not is_hub_name(path):
        raise ModelError(f"There is no model folder at {folder}. Give a folder with config.json and *.safetensors.")
    return Path(_from_hub_cache(path))


def _from_hub_cache(name: str) -> str:
    """The snapshot folder of a hub name, fetched if it is not there: a digest needs the files."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder: str = snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"])
        return folder
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{name} is neither a folder nor in the hub's cache, and it could not be fetched "
            f"({type(error).__name__}). Download it first, or give the path of a folder."
        ) from error


# Any: transformers' own class, another for each family
def _from_pretrained(source: str, **options: Any) -> tuple[Any, list[str]]:
    """The module with every weight from the files, and names of stored tensors that it does not have.

    transformers only warns of missing ones, and of those of another size, and draws them at random.
    """
    options |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    module, found = transformers.AutoModelForImageTextToText.from_pretrained(source, **options)
    if unlike := sorted(found["mismatched_keys"]):
        name, held, described = unlike[0]
        raise ModelError(
            f"The weights of {source} do not fit its config.json: {name} is {list(held)} in the files and {list(described)} by "
            "config.json. Copy config.json and weights from one checkpoint."
        )
    missing = sorted(found["missing_keys"])
    if missing:
        raise ModelError(
            f"The weights of {source} are not complete: {len(missing)} are missing, {missing[0]} the first. They would be "
            "random numbers. Copy or train the checkpoint again."
        )
    return module, sorted(found["unexpected_keys"])


# Any: transformers' own class, another for each family
def load(source: str, adapters: Sequence[Path], dtype: torch.dtype, attention: str, remote_code: bool) -> tuple[Any, list[str]]:
    """A model with adapters on it, and names of stored tensors that it does not have.

    Attention is eager where the model knows no other. Where the process keeps the base of its last checkpoint (`KEPT`) and it
    is this one's too, adapters are taken out of it and others put on, in the order and precision of a base that is loaded.
    """
    keep_freed_memory()
    end_without_collecting()
    if _BASE not in sys.modules:
        with imports_that_stay():
            import_module(_BASE)
    transformers.utils.logging.disable_progress_bar()
    if remote_code:
        require_own_code(Path(source))
    kept = KEPT.get()
    try:
        if kept is None:
            module, unread = _load_base(source, dtype, attention, remote_code)
            return put_on(module, adapters)[0], unread
        wanted = (source, folder_state(Path(source)), dtype, attention, remote_code)
        module, unread = _kept_base(kept, wanted) or _load_base(source, dtype, attention, remote_code)
        module, undo = put_on(module, adapters, keep=True)
        if undo is not None:
            kept["base"] = _Base(wanted, module, unread, undo)
        return module, unread
    except HarnessError:
        raise
    except Exception as error:  # transformers, peft and safetensors raise whatever they like over odd files
        if type(error).__name__ == "SafetensorError":  # a half-written file
            raise ModelError(f"The weights of {source} are damaged ({words_of(error)}). Copy or train them again.") from error
        what = f"The checkpoint {adapters[-1] if adapters else source}"
        raise _unloaded(what, error, "Check its config.json, or copy it again.") from error


def _unloaded(what: str, error: Exception, of_files: str) -> ModelError:
    """`of_files`: what to do with faulty files; a library that is not installed is named by the error."""
    return ModelError(f"{what} does not load: {words_of(error)}." + ("" if isinstance(error, ImportError) else f" {of_files}"))


# Any: transformers' own class, another for each family
def _with_template(processor: Any, folder: Path) -> Any:
    """The processor with the chat template of its folder, which some classes leave out (BLIP-2's)."""
    if getattr(processor, "chat_template", None) is None and (folder / "chat_template.jinja").is_file():
        processor.chat_template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    return processor


# Any: transformers' own class, another for each family
def _load_base(source: str, dtype: torch.dtype, attention: str, remote_code: bool) -> tuple[Any, list[str]]:
    options = {"dtype": dtype, "trust_remote_code": remote_code, "use_safetensors": True}
    if not remote_code:
        check_size(Path(source))
    check_attention(source, attention, remote_code)
    try:
        return _from_pretrained(source, attn_implementation=attention, **options)
    except ValueError as error:  # Gemma 2 and others that cap their scores
        if attention == "eager" or "does not support an attention implementation" not in str(error):
            raise
        return _from_pretrained(source, attn_implementation="eager", **options)


@dataclass(frozen=True)
class _Base:  # a model that a process keeps, and what takes its adapters off
    key: tuple[Any, ...]
    module: Any  # transformers' own class, another for each family
    unread: list[str]
    undo: list[Undo]


# Any: transformers' own class, another for each family
def _kept_base(kept: dict[str, Any], wanted: tuple[Any, ...]) -> tuple[Any, list[str]] | None:
    """The kept module as it was loaded, on the CPU, where it is the wanted one; else its memory is free afterwards."""
    base: _Base | None = kept.pop("base", None)
    if base is not None and base.key == wanted:
        base.module.to("cpu")
        take_out(base.undo)
        return base.module, base.unread
    del base
    gc.collect()
    return None


def formats(module: nn.Module, dtype: torch.dtype) -> dict[str, str]:
    """Facts of a module that was just loaded: its number format, and that an adapter stays beside its weights."""
    beside = {ADAPTER: "beside the weights of its base"} if stay_beside(module) else {}
    return {"dtype": str(dtype).removeprefix("torch."), **beside}


def load_processor(source: str, config: Any, remote_code: bool) -> Any:  # Any: transformers' own class, another for each family
    """The processor with the PIL backend: torchvision resamples differently, so one backend is pinned everywhere."""
    options = {"trust_remote_code": remote_code, "backend": "pil"}
    try:
        known = _processor_class(Path(source), config)
        if known is None:
            return transformers.AutoProcessor.from_pretrained(source, **options)
        return _with_template(image_only(known).from_pretrained(source, **options), Path(source))
    except HarnessError:
        raise
    except Exception as error:  # tokenizers raises plain exceptions
        advice = "Put the tokenizer and processor files of the model it was trained from into the folder."
        raise _unloaded(f"The processor of {source}", error, advice) from error


def _processor_class(folder: Path, config: Any) -> Any | None:  # Any: transformers' own class, another for each family
    """transformers' own class that a checkpoint names or its family has; None where AutoProcessor has to look further."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING, processor_class_from_name

    for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        written = json.loads((folder / name).read_text()) if (folder / name).is_file() else {}
        if "AutoProcessor" in written.get("auto_map", {}):
            return None
        if written.get("processor_class"):
            return processor_class_from_name(written["processor_class"])
    return PROCESSOR_MAPPING.get(type(config), None)


def family_of(module: Any) -> Family:
    """The family entry of a module."""
    vision = getattr(getattr(module.config, "vision_config", None), "model_type", "")
    return _families.family_of(str(module.config.model_type), module.get_decoder(), str(vision))


def image_token_id(module: Any, family: Family) -> int:
    """The token whose embedding an image's features replace; -1 where the model puts them in itself."""
    for name in ("image_token_id", "image_token_index"):
        if isinstance(getattr(module.config, name, None), int):
            return int(getattr(module.config, name))
    if not family.known:
        return -1
    raise ModelError(f"The configuration of this {type(module).__name__} names no image token; it cannot be shown images.")


def rope_index(module: Any, family: Family) -> RopeIndex | None:
    """The model's own rule for positions of three axes."""
    if family.axes == 1:
        return None

    def positions(ids: Tensor, is_image: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        found, _ = module.model.get_rope_index(ids[None], is_image[None].int(), image_grid_thw=tensors["image_grid_thw"])
        axes: Tensor = found[:, 0].T
        return axes

    return positions
