"""PEFT adapters: found by folder, checked tensor by tensor, and put on the weights they were trained on.

In float32 they are merged into them. Of layers in half precision they stay beside them, where merging would round away most
of what was trained: LoRA as in `adapted_linear.py`, other kinds as layers of peft. An adapter's base may itself be an adapter:
the chain is put on from the innermost one outwards. What could not be merged exactly (prompt tuning and similar), is stored as
a pickle, or does not fill every tensor of the adapter is refused.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.core.errors import ModelError
from harness.models._device.adapted_linear import HALF, AdaptedLinear, put_beside

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
# peft types whose merged weights compute what the adapter computes; the others add tokens, gates or caches
MERGED = ("LORA", "LOHA", "LOKR", "IA3", "OFT")
# LoRA that depends on the input, or on an engine
UNMERGED_OPTIONS = ("alora_invocation_tokens", "arrow_config", "megatron_config")
# trained weights that LLaVA's code stores beside an adapter; peft does not read them
_BESIDE = ("non_lora_trainables*", "mm_projector*")
_OTHER_BASES = ("pissa_niter", "corda", "loftq", "lora_ga")  # inits that change the base at random, or by data not stored here
_PLAIN_STARTS = ("gaussian", "orthogonal")  # values of init_lora_weights that leave the base as it is
_PREFIX = "base_model.model."
_SHOWN = 3


def is_adapter(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def base_of(adapter: Path) -> str:
    """The model or adapter that an adapter was trained on, as its configuration names it."""
    try:
        return str(json.loads((adapter / CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{adapter}/{CONFIG} does not name the base model of the adapter ({error}).") from error


def check(adapter: Path) -> None:
    """Raise ModelError for an adapter that could not be merged, from its files alone."""
    if not (adapter / WEIGHTS).is_file():
        pickles = sorted(p.name for p in adapter.iterdir() if p.suffix in PICKLES)
        found = f"only {', '.join(pickles)}, and pickles can run code when they are read" if pickles else "no weights"
        raise ModelError(
            f"The adapter {adapter} has {found}. Adapters are read from {WEIGHTS} only (safetensors only); load it with "
            "peft where it comes from and save it with save_pretrained(folder, safe_serialization=True)."
        )
    settings = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    kind = str(settings.get("peft_type"))
    if kind not in MERGED:
        raise ModelError(
            f"The adapter {adapter} is of the kind {kind}, which cannot be merged into the weights of its base. "
            f"Supported kinds: {', '.join(MERGED)}."
        )
    if beside := sorted(p.name for pattern in _BESIDE for p in adapter.glob(pattern)):
        raise ModelError(
            f"The adapter {adapter} comes with {', '.join(beside)}: trained weights outside the adapter, which are not read. "
            "Merge both into the base with the code that trained them and save the result with save_pretrained."
        )
    if str(init := settings.get("init_lora_weights")).startswith(_OTHER_BASES):
        raise ModelError(
            f"The adapter {adapter} was begun with init_lora_weights={init!r}, which changes the base in a way that cannot be "
            "repeated. Convert it where it was trained: save_pretrained(folder, path_initial_model_for_weight_conversion=...)."
        )
    if used := [name for name in UNMERGED_OPTIONS if settings.get(name)]:
        raise ModelError(f"The adapter {adapter} uses {', '.join(used)}, so it cannot be merged into the weights of its base.")


Undo = Callable[[], None]  # puts back what an adapter changed in a layer


# Any: a model of transformers or peft, another class for each family
def put_on(module: Any, adapters: Sequence[Path], keep: bool = False) -> tuple[Any, list[Undo] | None]:
    """The module with the adapters on it, the first one first. Tied embeddings are untied where one is adapted.

    With `keep` also what `take_out` needs; None where an adapter changes more than single layers.
    """
    undo: list[Undo] | None = []
    for adapter in adapters:
        if has_layers_of_peft(module):
            raise ModelError(
                f"The adapter {adapter} lies on one that is not plain LoRA on linear layers, which cannot be merged in half "
                "precision without rounding away what it learned. Set model.dtype=float32."
            )
        module, own = _put_on_one(module, adapter, keep)
        undo = undo + own if undo is not None and own is not None else None
    return module, undo


def take_out(undo: Sequence[Undo]) -> None:
    """Put back what adapters changed: the bytes of the base. The layers are where copies of them are, on the CPU."""
    for put_back in reversed(undo):
        put_back()


def stay_beside(module: nn.Module) -> bool:
    """Whether a module that was just loaded has adapters beside its weights."""
    return any(isinstance(layer, AdaptedLinear) for layer in module.modules()) or has_layers_of_peft(module)


def has_layers_of_peft(module: nn.Module) -> bool:
    return any(hasattr(layer, "get_base_layer") for layer in module.modules())


# Any: a model of transformers or peft, another class for each family
def _put_on_one(module: Any, adapter: Path, keep: bool) -> tuple[Any, list[Undo] | None]:
    from peft import PeftConfig

    config: Any = PeftConfig.from_pretrained(str(adapter))
    config.task_type = None  # decides how peft's wrapper is called; here it is only merged
    head, embeddings = module.get_output_embeddings(), module.get_input_embeddings()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of missing keys and tied weights: both are handled here
        loaded = _checking_class().from_pretrained(module, str(adapter), config=config)
        untied = module.get_output_embeddings() is not head or module.get_input_embeddings() is not embeddings
        if untied:
            untie(module, head, embeddings)
        layers = _adapted_layers(loaded)
        half = any(p.dtype in HALF for layer in layers for p in layer.get_base_layer().parameters())
        if half and not all(_is_plain_lora(layer) for layer in layers):
            return loaded.get_base_model(), None
        if not half and (bare := [layer for layer in layers if _lacks_bias(layer)]):
            raise ModelError(
                f"The adapter {adapter} has biases (lora_bias) for {len(bare)} layers whose weights have none, so that float32 "
                "has nothing to merge them into. Set model.dtype=bfloat16: adapters of that kind stay beside the weights there."
            )
        undo = _undo(loaded, layers, half) if keep and not untied and _leaves_base(config) else None
        for layer in layers if half else []:
            _move_beside(layer)
        return loaded.merge_and_unload(), undo


# Any: a configuration of peft
def _leaves_base(config: Any) -> bool:
    """Whether it changes nothing of the base before it is merged: no biases, and no start taken out of the base's weights."""
    start = getattr(config, "init_lora_weights", True)
    return getattr(config, "bias", "none") == "none" and (isinstance(start, bool) or start in _PLAIN_STARTS)


# Any: a model of peft
def _adapted_layers(loaded: Any) -> list[Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [layer for layer in loaded.modules() if isinstance(layer, BaseTunerLayer)]


# Any: a layer of peft
def _is_plain_lora(layer: Any) -> bool:
    from peft.tuners.lora.layer import Linear

    plain = type(layer) is Linear and isinstance(layer.get_base_layer(), nn.Linear)
    return plain and not layer.lora_variant and not any(layer.lora_bias.values())


def _lacks_bias(layer: Any) -> bool:  # Any: a layer of peft
    return any(getattr(layer, "lora_bias", {}).values()) and getattr(layer.get_base_layer(), "bias", None) is None


# Any: a layer of peft
def _move_beside(layer: Any) -> None:
    """From peft's layer to its base's, so that nothing is left to be merged."""
    (name,) = layer.lora_A
    down, up = layer.lora_A.pop(name).weight, layer.lora_B.pop(name).weight
    put_beside(layer.get_base_layer(), down, up * layer.scaling[name])


# Any: a model and layers of peft
def _undo(loaded: Any, layers: Sequence[Any], half: bool) -> list[Undo] | None:
    from peft.utils.other import AuxiliaryTrainingWrapper

    if any(isinstance(layer, AuxiliaryTrainingWrapper) for layer in loaded.modules()):
        return None  # modules that the adapter keeps whole take the place of the base's
    bases = [layer.get_base_layer() for layer in layers]
    if half:
        return [partial(_without_adapters, base) for base in bases]
    return [partial(_put_back, base, n, p.detach().clone()) for base in bases for n, p in base.named_parameters(recurse=False)]


def _put_back(layer: nn.Module, name: str, value: Tensor) -> None:
    getattr(layer, name).data.copy_(value)


def _without_adapters(layer: nn.Module) -> None:
    if isinstance(layer, AdaptedLinear):  # else an adapter on the same layer was taken off before
        layer.take_off()


def untie(module: Any, head: Any, embeddings: Any) -> None:
    """Give the head weights of its own: a change of one of them would otherwise move the other too."""
    if head is None or embeddings is None or head.weight is not embeddings.weight:
        return
    head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)
    for config in (module.config, module.config.get_text_config()):
        config.tie_word_embeddings = False


# Any: a model of transformers or peft, another class for each family
def _checking_class() -> Any:
    """A PeftModel whose loading fails where the file does not have exactly the adapter's tensors."""
    from peft import PeftModel

    class Checked(PeftModel):  # type: ignore[misc]  # peft ships no types
        # Any: a model of transformers or peft, another class for each family
        def load_adapter(self, model_id: Any, adapter_name: str, **options: Any) -> Any:
            own = [(name, p) for name, p in self.named_parameters() if adapter_name in name.split(".")]
            with torch.no_grad():
                for _, parameter in own:
                    parameter.fill_(torch.nan)  # peft would leave what the file lacks at its initial values
            try:
                result = super().load_adapter(model_id, adapter_name, **options)
            except KeyError as error:  # of a module that the adapter keeps whole
                raise ModelError(_misfit(Path(str(model_id)), [str(error.args[0])], len(own), [])) from error
            missing = [name for name, p in own if bool(p.isnan().any())] + _missing_biases(
                self, adapter_name, Path(str(model_id))
            )
            if missing or result.unexpected_keys:
                raise ModelError(_misfit(Path(str(model_id)), missing, len(own), list(result.unexpected_keys)))
            return result

    return Checked


# Any: a model of peft
def _missing_biases(loaded: Any, name: str, adapter: Path) -> list[str]:
    """Biases of the base that were trained beside the adapter (`bias` other than "none") and are not in its file."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    config = loaded.peft_config[name]
    if getattr(config, "bias", "none") == "none":
        return []
    with safe_open(adapter / WEIGHTS, "pt") as file:
        stored = {key.removeprefix(_PREFIX) for key in file.keys()}  # noqa: SIM118
    wanted = [key.removeprefix(_PREFIX) for key in get_peft_model_state_dict(loaded, adapter_name=name)]
    return [key for key in wanted if key.endswith("bias") and key not in stored]


def _misfit(adapter: Path, missing: Sequence[str], of: int, unexpected: Sequence[str]) -> str:
    found = [f"{len(missing)} of {of} tensors are missing or not numbers ({_first(missing)})"] if missing else []
    found += [f"{len(unexpected)} have names that the model does not know ({_first(unexpected)})"] if unexpected else []
    return (
        f"The adapter {adapter} does not fit its base: {'; '.join(found)}. It would be used at its initial values. "
        "Check that adapter_config.json names the model that it was trained on, or save it again with peft."
    )


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
