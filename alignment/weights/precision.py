"""Precision of a training: the trained weights are float32, and every pass is made in the same number format.

Policy, reference, the old policy of PPO and value heads all run in it, so that before the first step policy and reference are
equal. (Answers are drawn in the format of the weights themselves.) What trains is held in float32 whatever the model was
loaded in: a step of 1e-6 is smaller than the distance between two neighbouring bfloat16 weights, so that it would be rounded
away. TRL's default is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from alignment.batching.logps import head_weight
from alignment.batching.policy import Policy
from alignment.settings import Settings
from alignment.weights.joined_adapters import adapted_layers
from harness.core.errors import ConfigError

P = TypeVar("P", bound=Policy)


def in_one_precision(policy: P, settings: Settings) -> P:
    """The policy as it is trained: full weights widened to float32 in place, its passes under autocast where that is set
    or the model came in bfloat16. Raises ConfigError for float16."""
    loaded = _format_of(policy)
    if loaded == torch.float16:
        raise ConfigError("Training in float16 loses small gradients. Set model.dtype to bfloat16 or float32.")
    if settings.lora is None:
        _make_whole(policy.module)
    if settings.dtype == "as_loaded" and loaded != torch.bfloat16:
        return policy
    return _mixed(policy)


def _format_of(policy: Policy) -> torch.dtype:
    return next(p.dtype for p in policy.module.parameters() if p.is_floating_point())


def widen(weights: Iterable[nn.Parameter]) -> None:
    """Half-precision weights become float32, in place."""
    for weight in weights:
        if weight.dtype in (torch.bfloat16, torch.float16):
            weight.data = weight.data.float()


def _make_whole(module: nn.Module) -> None:
    """All weights in float32, in place, and with them what an adapter has beside them."""
    widen(module.parameters())
    for layer in adapted_layers(module).values():
        layer.absorb()


def reference_beside(policy: Policy, reference: P, settings: Settings) -> P:
    """Another checkpoint as the reference of a policy `in_one_precision`: weights and passes in the policy's formats, so
    that the two differ by their weights alone."""
    if not isinstance(policy, Mixed) or isinstance(reference, Mixed):
        return reference
    if settings.lora is None:
        _make_whole(reference.module)
    return _mixed(reference)


def held_in(policy: Policy) -> tuple[str, ...]:
    """The number format of the weights under mixed precision, which the policy's facts do not tell: full weights of a bfloat16
    model are widened, those below an adapter are not. () where everything is in the format that the model was loaded in."""
    return (str(_format_of(policy)),) if isinstance(policy, Mixed) else ()


def stored_as(weights: Iterable[Tensor], policy: Policy) -> str:
    """One sentence for the report on mixed precision, "" where everything is in one format."""
    if not isinstance(policy, Mixed):
        return ""
    formats = sorted({str(w.dtype).removeprefix("torch.") for w in weights})
    return (
        f"Trained weights were held in {' and '.join(formats)} and are stored so; passes were made in bfloat16. "
        "A model that is loaded in bfloat16 rounds them."
    )


class Mixed:
    """Marks a policy whose passes are made under autocast to bfloat16."""

    __slots__ = ()


def _mixed(policy: P) -> P:
    """A shallow copy of the policy, of a class of its own that makes every pass under autocast."""
    kind: Any = type(policy)

    def head(self: Any) -> nn.Module:
        return _Head(kind.head(self))

    def facts(self: Any) -> dict[str, str]:
        return {**kind.facts(self), "training precision": "bfloat16 autocast"}

    methods: dict[str, Any] = {"hidden_states": _inside(kind.hidden_states)}
    if hasattr(kind, "generate"):
        methods["generate"] = _streaming(kind.generate)
    mixed: Any = type(kind.__name__, (Mixed, kind), {**methods, "head": head, "facts": facts})
    found = object.__new__(mixed)
    vars(found).update(vars(policy))
    return cast(P, found)


def autocast(module: nn.Module) -> torch.autocast:
    return torch.autocast(next(module.parameters()).device.type, dtype=torch.bfloat16)


def _inside(method: Callable[..., Any]) -> Callable[..., Any]:
    # Any: whatever the wrapped function takes and gives
    def run(self: Any, *args: Any, **options: Any) -> Any:
        with autocast(self.module):
            return method(self, *args, **options)

    return run


def _streaming(method: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def run(self: Any, *args: Any, **options: Any) -> Iterator[Any]:
        answers = method(self, *args, **options)
        while True:
            with _narrowed(self.module):
                found = next(answers, None)
            if found is None:
                return
            yield found

    return run


@contextmanager
def _narrowed(module: nn.Module) -> Iterator[None]:
    """Weights that train beside a frozen base are in its format inside the block: generation supports only one format.
    Full weights stay in float32."""
    base = next((p.dtype for p in module.parameters() if not p.requires_grad), torch.float32)
    wide = {p: p.data for p in module.parameters() if p.dtype == torch.float32 and base != torch.float32}
    for weight, value in wide.items():
        weight.data = value.to(base)
    try:
        yield
    finally:
        for weight, value in wide.items():
            weight.data = value


class _Head(nn.Module):
    """A head under autocast; `weight` is that of the head itself."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    @property
    def weight(self) -> Tensor:
        return head_weight(self.head)

    def forward(self, states: Tensor) -> Tensor:
        with autocast(self.head):
            logits: Tensor = self.head(states)
        return logits
