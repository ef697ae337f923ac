"""A checkpoint's generation_config: which of its settings change an answer, and transformers' own code that applies them.

    {"repetition_penalty": 1.05, "temperature": 1e-06, "do_sample": true, "eos_token_id": [151645, 151643]}   Qwen2.5-VL-7B

How tokens are drawn (do_sample, temperature, top_k, top_p and similar) and how long an answer may be is set by the
request, from the benchmark's protocol. Settings that change the logits are applied as `generate` applies them, by the same
classes, in every engine. Those that need another search (beams, guidance, ..) are refused by name.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.core.edge.foreign import refused_as
from harness.core.errors import ModelError

if TYPE_CHECKING:
    from harness.models._engine.decoding import Bend  # imports torch

# setting -> the value that changes nothing; None never does
_BENDS: dict[str, Any] = {
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "sequence_bias": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "forced_eos_token_id": None,
    "min_length": 0,
    "min_new_tokens": 0,
    "exponential_decay_length_penalty": None,
    "remove_invalid_values": False,
}
_REFUSED: dict[str, Any] = {
    "num_beams": 1,
    "num_return_sequences": 1,
    "guidance_scale": 1,
    "penalty_alpha": 0.0,
    "dola_layers": None,
    "constraints": None,
    "force_words_ids": None,
    "watermarking_config": None,
    "stop_strings": None,
    "max_time": None,
    "token_healing": False,
    "forced_bos_token_id": None,
    "encoder_repetition_penalty": 1.0,
    "encoder_no_repeat_ngram_size": 0,
}
HONOURED, IGNORED = "honoured", "ignored"


def checked_use(use: str) -> str:
    """Raises ModelError for another word than these."""
    if use not in (HONOURED, IGNORED):
        raise ModelError(f"model.generation_config is {use!r}; choose {HONOURED} or {IGNORED}.")
    return use


class Settings:
    """The settings of a generation_config other than its end tokens.

    use: "honoured", or "ignored": answers are chosen from the model's own distribution, and the facts record it.
    """

    def __init__(self, config: Any, use: str = HONOURED) -> None:
        self._use = checked_use(use)
        self.bends = _set(config, _BENDS)
        self.refused = _set(config, _REFUSED)

    def check(self, only: Sequence[str] = tuple(_BENDS), where: str = "here") -> None:
        """Raises ModelError where answers would not be those of the checkpoint's own `generate`.

        only: settings that can be applied. where: the place, for the message.
        """
        others = {name: value for name, value in self.bends.items() if name not in only} | self.refused
        if others and self._use == HONOURED:
            raise ModelError(
                f"The generation_config of this checkpoint sets {_words(others)}, which is not supported {where}. Remove "
                "it from generation_config.json, or set model.generation_config=ignored to ignore the whole file."
            )

    @property
    def applied(self) -> dict[str, Any]:
        """What bends the logits, by name."""
        return self.bends if self._use == HONOURED else {}

    def fact(self) -> str:
        """One line of the protocol."""
        asked = self.bends if self._use == HONOURED else {**self.bends, **self.refused}
        return f"{self._use}: {_words(asked)}" if asked else "bends nothing"


class GenerationSettings(Settings):
    """Those of a checkpoint that is loaded here, as transformers' own code applies them. use: see `Settings`."""

    def __init__(self, module: Any, use: str = HONOURED) -> None:
        super().__init__(module.generation_config, use)
        self._module = module

    def bend(self, prompt: int, limit: int, end_ids: frozenset[int]) -> Bend | None:
        """The chain of `generate` for one answer; None where it would change nothing.

        Args:
            prompt: tokens before the answer; limit: tokens that the answer may have.
        """
        self.check()
        if not self.applied:
            return None
        config = copy.deepcopy(self._module.generation_config)
        plain = dict.fromkeys(_REFUSED) | {"do_sample": False, "renormalize_logits": False}
        config.update(**plain, max_length=prompt + limit, eos_token_id=sorted(end_ids) or None)
        device = self._module.device
        self._module._prepare_special_tokens(config, device=device)
        where = f"The generation_config of this checkpoint ({_words(self.bends)}) cannot be applied"
        with refused_as(ModelError, where, "Correct generation_config.json, or set model.generation_config=ignored."):
            chain: Bend = self._module._get_logits_processor(config, prompt, device=device)
        return chain


def _set(config: Any, neutral: dict[str, Any]) -> dict[str, Any]:
    values = {name: getattr(config, name, None) for name in neutral}
    return {name: value for name, value in values.items() if value is not None and value not in (neutral[name], [], {})}


def _words(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def end_tokens(module: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: generation_config's and the tokenizer's. Raises ModelError for any other id than a number."""
    configured = getattr(module.generation_config, "eos_token_id", None)
    ids = configured if isinstance(configured, (list, tuple)) else [configured]
    found = [i for i in (*ids, tokenizer.eos_token_id) if i is not None]
    if odd := [i for i in found if not isinstance(i, int)]:
        raise ModelError(
            f"generation_config.json names {odd[0]!r} as an end token; eos_token_id is a number or a list of numbers."
        )
    return frozenset(found)
