"""LoRA on a LoRA in half precision, as one adapter of both ranks on the first one's base.

Merged into bfloat16 weights the first one would lose most of what it learned (harness/models/_device/adapted_linear.py). So it
stays beside them, frozen, while the second one trains, and both are written together: B1 A1 + B2 A2 = [B1 B2] [A1; A2]. What is
written loads as any other adapter does, also with peft alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from harness.core.errors import TrainingError

ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_A, _B, _PREFIX = ".lora_A.weight", ".lora_B.weight", "base_model.model."
_REFUSED = ("rank_pattern", "alpha_pattern", "layer_replication", "trainable_token_indices", "target_parameters")
_PLAIN_STARTS = ("True", "False", "gaussian", "orthogonal")  # of an adapter; the others change its base


@runtime_checkable
class AdaptedLayer(Protocol):
    """A linear layer with an adapter beside its half-precision weights."""

    def absorb(self) -> None: ...  # the adapter into the weights, once they are float32


def adapted_layers(module: nn.Module) -> dict[str, AdaptedLayer]:
    """The layers with an adapter beside their weights, by name."""
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, AdaptedLayer)}


def require_joinable(adapter: Path) -> None:
    """Raises TrainingError for an adapter that could not be written together with another one."""
    settings = _settings(adapter)
    used = [name for name in _REFUSED if settings.get(name)]
    used += ["bias"] if settings.get("bias", "none") != "none" else []
    used += [] if str(settings.get("init_lora_weights", True)) in _PLAIN_STARTS else ["init_lora_weights"]
    used += ["another adapter as its base"] if (Path(str(settings["base_model_name_or_path"])) / ADAPTER).is_file() else []
    if used:
        raise TrainingError(
            f"LoRA cannot be trained on the adapter {adapter} in half precision: it has {', '.join(used)}, so that the two "
            "cannot be written as one. Set model.dtype=float32, where the first one is merged."
        )


def join(first: Path, second: Path) -> None:
    """Make the adapter in the folder `second` the sum of both, on the base of `first`.

    Layers that one of them lacks are zeros there; weights beside the layers (a projector) are those of `second` where it has
    them.
    """
    one, two = _read(first), _read(second)
    tensors = {**one.others, **two.others}
    for layer, like in {**one.layers, **two.layers}.items():
        parts = [own.of(layer, like) for own in (one, two)]
        tensors[layer + _A] = torch.cat([down for down, _ in parts]).contiguous()
        tensors[layer + _B] = torch.cat([up for _, up in parts], dim=1).contiguous()
    rank = one.rank + two.rank
    whole = sorted({*(one.settings.get("modules_to_save") or ()), *(two.settings.get("modules_to_save") or ())})
    targets = one.settings["target_modules"], two.settings["target_modules"]
    named = sorted(layer.removeprefix(_PREFIX) for layer in (*one.layers, *two.layers))
    changed = {
        "r": rank,
        "lora_alpha": rank,  # their scalings are in the matrices
        "use_rslora": False,
        "target_modules": targets[0] if targets[0] == targets[1] else list(dict.fromkeys(named)),
        "modules_to_save": whole or None,
        "base_model_name_or_path": one.settings["base_model_name_or_path"],
    }
    save_file(tensors, second / ADAPTER_WEIGHTS, {"format": "pt"})
    text = json.dumps({**two.settings, **changed}, indent=2, sort_keys=True)
    (second / ADAPTER).write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Adapter:
    """`layers`: A (r, in) and B (out, r) with its scaling, by name; `others`: weights beside them."""

    settings: Mapping[str, Any]
    rank: int
    layers: Mapping[str, tuple[Tensor, Tensor]]
    others: Mapping[str, Tensor]

    def of(self, layer: str, like: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The layer's matrices; zeros of the sizes of `like` where it has none."""
        down, up = like
        return self.layers.get(layer) or (down.new_zeros(self.rank, down.shape[1]), up.new_zeros(up.shape[0], self.rank))


def _read(folder: Path) -> _Adapter:
    settings = _settings(folder)
    tensors = {_PREFIX + name.removeprefix(_PREFIX): t for name, t in load_file(folder / ADAPTER_WEIGHTS).items()}
    rank = int(settings["r"])
    scaling = settings["lora_alpha"] / (sqrt(rank) if settings.get("use_rslora") else rank)
    names = [name.removesuffix(_A) for name in tensors if name.endswith(_A)]
    layers = {name: (tensors[name + _A].float(), tensors[name + _B].float() * scaling) for name in names}
    return _Adapter(settings, rank, layers, {n: t for n, t in tensors.items() if not n.endswith((_A, _B))})


def _settings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
    return found
