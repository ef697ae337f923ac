"""Which weights train: full weights or adapters, the vision tower frozen by default, the projector set separately."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from alignment.settings import Lora, Settings
from alignment.weights.joined_adapters import adapted_layers
from alignment.weights.precision import widen
from harness.core.digests import seed_of
from harness.core.errors import ConfigError

# the mergers of Qwen3-VL's deepstack project into the first layers of the language model; peft keeps each, not their list
PROJECTOR = re.compile(
    r"(^|\.)(multi_modal_projector|mm_projector|image_newline|merger|deepstack_merger_list\.\d+|connector|embed_vision)(\.|$)"
)
# audio is never given to a model here
TOWER = re.compile(r"(^|\.)(vision_tower|vision_model|visual|image_encoder|audio_tower|embed_audio)(\.|$)")
HEAD = re.compile(r"(^|\.)lm_head(\.|$)")
ADAPTER_A, ADAPTER_B = ".lora_A.", ".lora_B."  # in the names of an adapter's weights (peft's)
EXPERTS = re.compile(r"(^|\.)experts\.[^.]+$")  # tensors of all experts of a layer together


@dataclass(frozen=True, slots=True)
class Trainable:
    """A module made ready. `weights` are its trainable parameters by name; `adapter` is the PeftModel, if any."""

    module: nn.Module
    weights: dict[str, nn.Parameter]
    adapter: Any  # peft ships no types
    heads: Mapping[str, nn.Module] = field(default_factory=dict)  # of an objective, beside the module
    anchor: dict[str, Tensor] = field(default_factory=dict)  # weights of a reference that moves, see `moving_reference.py`
    loose: Mapping[str, Tensor] = field(default_factory=dict)  # as loaded: weights that train beside an adapter, not in it

    @contextmanager
    def as_loaded(self) -> Iterator[None]:
        """The module as it was before training, inside the block: for the reference under LoRA."""
        if self.adapter is None:
            yield
            return
        now = {name: self.weights[name].data for name in self.loose}
        with self.adapter.disable_adapter():
            for name, value in self.loose.items():
                self.weights[name].data = value
            try:
                yield
            finally:
                for name, value in now.items():
                    self.weights[name].data = value

    def groups(self, settings: Settings) -> list[dict[str, Any]]:
        """Optimizer groups: language model and projector, each with and without weight decay (vectors have none)."""
        rates = {False: settings.learning_rate, True: settings.projector_learning_rate or settings.learning_rate}
        groups = []
        for projector, rate in rates.items():
            for decayed in (True, False):
                chosen = [p for n, p in self.weights.items() if is_projector(n) == projector and (p.ndim > 1) == decayed]
                if chosen:
                    decay = settings.weight_decay if decayed else 0.0
                    groups.append({"params": chosen, "lr": rate, "full_lr": rate, "weight_decay": decay})
        return groups


def is_projector(name: str) -> bool:
    return bool(PROJECTOR.search(name))


def is_tower(name: str) -> bool:
    return bool(TOWER.search(name)) and not is_projector(name)


def require_projector(module: nn.Module, rate: float | None) -> None:
    """Raises ConfigError where there is no projector that `projector_learning_rate` could be for."""
    if rate is not None and not any(is_projector(name) for name, _ in module.named_parameters()):
        raise ConfigError(
            f"projector_learning_rate is {rate}, and no part of this {type(module).__name__} is known to be its projector. "
            "Leave it out."
        )


def prepare(module: nn.Module, settings: Settings, heads: Mapping[str, nn.Module] | None = None) -> Trainable:
    """Freeze, unfreeze and inject adapters in place; `heads` train too. Raises ConfigError where LoRA targets match nothing."""
    require_projector(module, settings.projector_learning_rate)
    adapter = None
    loose: dict[str, Tensor] = {}
    if settings.lora is not None:
        adapter = _inject(module, settings.lora, settings)
        loose = _thaw_loose(module) if settings.projector_learning_rate else {}
    else:
        for name, weight in module.named_parameters():
            frozen = settings.freeze_vision and is_tower(name)
            weight.requires_grad_(not frozen)
    if settings.gradient_checkpointing:
        # re-entrant checkpointing would lose the gradients of adapters behind frozen embeddings
        module.activation_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]
    training_mode(module)
    weights = trainable_weights(module, heads or {})
    widen(weights.values())
    return Trainable(module, weights, adapter, heads or {}, loose=loose)


def _thaw_loose(module: nn.Module) -> dict[str, Tensor]:
    """Let the projector's weights that are not in a layer train beside an adapter (LLaVA-1.6's `image_newline`): peft keeps
    whole layers only. Returns them as loaded, by name."""
    owned = {n for name, part in module.named_modules() if is_projector(name) for n, _ in part.named_parameters(prefix=name)}
    loose = {n: p for n, p in module.named_parameters() if is_projector(n) and n not in owned}
    widen(loose.values())
    for weight in loose.values():
        weight.requires_grad_(True)
    return {name: weight.detach().clone() for name, weight in loose.items()}


def trainable_weights(module: nn.Module, heads: Mapping[str, nn.Module]) -> dict[str, nn.Parameter]:
    """The trained weights by name: those of the module that are not frozen, and all of the heads."""
    weights = {n: p for n, p in module.named_parameters() if p.requires_grad}
    return weights | {f"{name}.{n}": p for name, head in heads.items() for n, p in head.named_parameters()}


def training_mode(module: nn.Module, dropout: bool = True) -> None:
    """Evaluation mode, so that policy and reference are one function: no dropout (as in TRL), no experts drawn by a router
    (PhiMoE), no jitter in front of one (Mixtral). Layers that are computed again train, and an adapter's `dropout`."""
    module.eval()
    _disable_dropout(module)
    for name, part in module.named_modules():
        if (dropout and "lora_dropout" in name) or getattr(part, "gradient_checkpointing", False):
            part.training = True


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, without an adapter's dropout; behind it every part is as it was."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def _disable_dropout(module: nn.Module) -> None:
    """Of layers that are computed again: they are in training mode themselves."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Dropout) and "lora_dropout" not in name:
            part.p = 0.0
        for attribute in ("attention_dropout", "dropout"):
            if isinstance(getattr(part, attribute, None), float):
                setattr(part, attribute, 0.0)


def lora_layers(module: nn.Module, targets: Sequence[str] | str | None) -> list[str]:
    """Full names of the linear layers that get an adapter. Raises ConfigError where there is none."""
    linear = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    inner = [name for name in linear if not is_tower(name) and not is_projector(name) and not HEAD.search(name)]
    if targets is None:
        chosen = inner
    elif isinstance(targets, str):
        chosen = [name for name in linear if re.fullmatch(targets, name)]
    else:
        chosen = [name for name in inner if any(_is_named(name, t) for t in targets)]
    named = [targets] if isinstance(targets, str) else list(targets or ())
    lost = [t for t in named if not chosen] or [
        t for t in named if not isinstance(targets, str) and not any(_is_named(name, t) for name in inner)
    ]
    if lost or not chosen:
        known = ", ".join(dict.fromkeys(name.rsplit(".", 1)[-1] for name in inner)) or "none"
        what = ", ".join(map(repr, lost)) or "(none given)"
        why = " Its experts are not linear layers and get no adapters." if expert_parameters(module)[0] else ""
        raise ConfigError(f"lora.targets: {what} matches no linear layer. Names in the language model: {known}.{why}")
    return chosen


def expert_parameters(module: nn.Module) -> tuple[int, int]:
    """Parameters of the language model's layers: those of experts, which LoRA does not adapt (they are not linear), and all."""
    sizes = {n: p.numel() for n, p in module.named_parameters() if ".layers." in f".{n}" and ".lora_" not in n}
    sizes = {n: size for n, size in sizes.items() if not is_tower(n) and not is_projector(n)}
    return sum(size for n, size in sizes.items() if EXPERTS.search(n)), sum(sizes.values())


def narrow_layers(module: nn.Module, layers: Sequence[str], r: int) -> dict[str, int]:
    """Layers that are narrower than an adapter's rank `r`, by name, with their width: the smaller of inputs and outputs.

    What the rank has beyond that cannot be learned. Raises ConfigError where all layers are narrower.
    """
    parts = dict(module.named_modules())
    widths = {name: min(part.in_features, part.out_features) for name in layers if isinstance(part := parts[name], nn.Linear)}
    narrow = {name: width for name, width in widths.items() if width < r}
    if narrow and len(narrow) == len(layers):
        widest = max(narrow.values())
        raise ConfigError(f"lora.r is {r}, above the width of every layer that it adapts. Lower it to at most {widest}.")
    return narrow


def _is_named(layer: str, target: str) -> bool:
    return layer == target or layer.endswith("." + target)


# Any: peft has no types
def _inject(module: nn.Module, lora: Lora, settings: Settings) -> Any:
    from peft import LoraConfig, get_peft_model

    layers = lora_layers(module, lora.targets)
    narrow_layers(module, layers, lora.r)
    if settings.projector_learning_rate and any(is_projector(name) for name in adapted_layers(module)):
        raise ConfigError(
            "projector_learning_rate: the checkpoint has an adapter on its projector, which could not be written together with "
            "a projector that trains. Remove the option, or set model.dtype=float32."
        )
    # whole names: peft takes every module that ends like one, MiniCPM-V's `vit_merger` in the tower for `merger`
    saved = sorted(_projectors(module)) if settings.projector_learning_rate else None
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_short(layers, module),
        modules_to_save=saved,
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft 0.21 asks transformers 5 under a name that is going away
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        torch.manual_seed(seed_of(settings.seed, "lora"))
        return get_peft_model(module, config)


def _projectors(module: nn.Module) -> Iterator[str]:
    """Outermost modules of the projector."""
    for name, _ in module.named_modules():
        if is_projector(name) and not is_projector(name.rpartition(".")[0]):
            yield name


def _short(layers: Sequence[str], module: nn.Module) -> str:
    """One regular expression for these layers, short enough to read in adapter_config.json."""
    ends = "|".join(sorted({re.escape(name.rsplit(".", 1)[-1]) for name in layers}))
    heads = sorted({name.split(".layers.")[0] for name in layers})
    pattern = rf"({'|'.join(map(re.escape, heads))})\..*\b({ends})"
    linear = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    matched = [name for name in linear if re.fullmatch(pattern, name)]
    return pattern if matched == list(layers) else "|".join(map(re.escape, layers))
