"""Families that are not in the table: one request at a time, through the model's own `generate` and `forward`.

Nothing is assumed of such a model but transformers' interface: its processor writes the inputs, its `generate` keeps
caches and positions. Only the choice of the next token is ours, so that seeds, stop strings and limits mean the same.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from harness.core.edge.images import open_image
from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Request
from harness.core.preference import Images, paths_of
from harness.models._checkpoint.image_noise import add_noise
from harness.models._checkpoint.prompt_builder import PromptBuilder
from harness.models._checkpoint.rope_scaling import forget_lengths
from harness.models._engine.answer_logprobs import Forced, summed
from harness.models._engine.decoding import RowState, Stopper, ThinkingLimit, cut_after_stop, next_tokens, with_room_to_think
from harness.models._engine.generation_settings import GenerationSettings
from harness.models._images.image_inputs import refused_images_named

_WAVE = 16  # requests


class OneByOne:
    """A slow engine with the answers of `module.generate`."""

    def __init__(
        self,
        module: Any,
        prompts: PromptBuilder,
        end_ids: frozenset[int],
        family: str,
        settings: GenerationSettings | None = None,
        thinking: int = 0,
    ) -> None:
        """thinking: as of `ImageFirstEngine`."""
        self.module, self.prompts, self.end_ids, self.family = module, prompts, end_ids, family
        self._settings, self._thinking = settings, thinking

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """Yield one answer at a time."""
        for parts in self.waves(requests):
            yield from self.wave(requests, parts, done)

    def waves(self, requests: Sequence[Request]) -> list[list[list[int]]]:
        """Indices in their order, a few at a time: each answer is computed alone."""
        return [[[i] for i in range(s, min(s + _WAVE, len(requests)))] for s in range(0, len(requests), _WAVE)]

    def wave(
        self, requests: Sequence[Request], parts: Sequence[list[int]], done: Container[int]
    ) -> Iterator[list[tuple[int, Answer]]]:
        """One of `waves`, an answer at a time."""
        for i in (i for part in parts for i in part if i not in done):
            yield [(i, self._answer(requests[i]))]

    @torch.inference_mode()
    def _answer(self, request: Request) -> Answer:
        started, answer = time.perf_counter(), request.decoding.max_new_tokens
        decoding, tokens = with_room_to_think(request, self._thinking).decoding, self.prompts.tokens
        stopper = Stopper(tokens, decoding.stop) if decoding.stop else None
        inputs = self.inputs(request, self.prompts.prefix_ids(request))
        read = [] if self.module.config.is_encoder_decoder else inputs["input_ids"][0].tolist()
        bend = self._settings.bend(len(read), decoding.max_new_tokens, self.end_ids) if self._settings else None
        prompt = inputs["input_ids"][0].tolist()
        opened = "" if request.prefix else self.prompts.opened_reasoning(prompt)
        limit = ThinkingLimit(tokens, self._thinking, answer, opened) if self._thinking else None
        state = RowState(decoding, self.end_ids, stopper, bend, read, limit)
        forget_lengths(self.module)
        with self._unbent(decoding.max_new_tokens):
            self.module.generate(
                **inputs,
                logits_processor=[_Chooser(state, self.end_ids)],
                stopping_criteria=[lambda ids, scores, **_: torch.full((len(ids),), bool(state.stopped), device=ids.device)],
            )
        head = "" if request.prefix else self.prompts.template.around(len(paths_of(request.image))).head
        text = opened + self.prompts.answer_text(self.prompts.context(prompt), state.ids, head)
        if state.stopped == "stop":
            text = cut_after_stop(text, decoding.stop)
        return Answer("", text, len(state.ids), state.stopped, time.perf_counter() - started, token_ids=state.sampled)

    @property
    def cannot_score(self) -> str:
        """Why given answers cannot be scored, "" where they can."""
        both = self.module.config.is_encoder_decoder
        return f"Answers cannot be scored with {self.family!r}: it is an encoder-decoder model." if both else ""

    @torch.inference_mode()
    def forced(self, requests: Sequence[Request], answers: Sequence[str]) -> Iterator[Forced]:
        """Every answer that has a token, one after the other; see `Scorer`."""
        if self.cannot_score:
            raise ModelError(self.cannot_score)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            (tail,) = self.prompts.answer_ids(request, [answer])
            if tail:
                forget_lengths(self.module)
                inputs = self.inputs(request, self.prompts.prefix_ids(request) + tail)
                logits = self.module(**inputs).logits[0, -len(tail) - 1 : -1]
                yield Forced(i, logits.float().log_softmax(-1), torch.tensor(tail, device=logits.device))

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]:
        """Log-probability in nats of each answer (without the end token) after its request's prompt."""
        return summed(self.forced(requests, answers), len(requests))

    def inputs(self, request: Request, tail: list[int]) -> dict[str, Tensor]:
        """What the checkpoint's processor makes of a request, with `tail` behind it. Raises TooLong as the engine does."""
        if request.hidden_image is not None and request.hidden_image.share > 0:
            raise ModelError(
                f"Image tokens cannot be hidden from {self.family!r}: their positions are unknown. Use another way to "
                "distort images, or a model of a family in docs/models.md."
            )
        if request.noise is not None and isinstance(request.image, tuple):
            raise ModelError(f"Noise cannot be put on several images of {self.family!r}; use a model of docs/models.md.")
        made = self.processed(self.prompts.given_text(request.image, request.text), request.image)
        self.prompts.check_length(self._positions(made["input_ids"][0]), request.image, request.text)
        length, more = made["input_ids"].shape[1], torch.tensor([tail], dtype=torch.long)
        longer = {k: _longer(k, v, length, more) for k, v in made.items()}
        return self.on_device(longer if request.noise is None else add_noise(longer, request.noise, self.prompts.frames))

    def _positions(self, ids: Tensor) -> int:
        """Positions of a prompt (T,); where they have axes, without those that the tokens of its images share."""
        has_axes = any(hasattr(part, "get_rope_index") for part in (self.module, getattr(self.module, "model", None)))
        return int((ids != self.prompts.image_token_id).sum()) if has_axes else len(ids)

    def processed(self, text: str, shown: Images) -> dict[str, Tensor]:
        """What the checkpoint's processor makes of a text and its images."""
        special = self.prompts.tokens.special(text)
        paths, processor = paths_of(shown), self.prompts.processor
        opened = [open_image(path) for path in paths]
        images = {"images": [opened] if len(opened) > 1 else opened} if opened else {}
        try:
            with refused_images_named(processor, paths, opened):
                made = dict(processor(text=[text], return_tensors="pt", add_special_tokens=special, **images))
        except ValueError as error:  # usually another number of image marks than of images
            what = str(error).splitlines()[0]
            raise ModelError(f"The checkpoint's processor refuses a prompt of {self.prompts.template.name}: {what}") from error
        if images:
            self.prompts.check_seen(text, made["input_ids"][0].tolist())
        return {k: v for k, v in made.items() if isinstance(v, Tensor) and k != "labels"}

    def on_device(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tensors where the module is, in its dtype."""
        dtype, device = self.module.dtype, self.module.device
        return {k: v.to(device, dtype if v.is_floating_point() else v.dtype) for k, v in inputs.items()}

    @contextmanager
    def _unbent(self, limit: int) -> Iterator[None]:
        """The module without its own generation_config, which `generate` would fill every gap from: the choice is ours. So with
        its parts': BLIP-2's language model generates by itself."""
        kept = [(part, part.generation_config) for part in self.module.modules() if hasattr(part, "generation_config")]
        for part, config in kept:
            part.generation_config = GenerationConfig(
                max_new_tokens=limit,
                eos_token_id=sorted(self.end_ids) or None,
                pad_token_id=min(self.end_ids, default=0),
                **{
                    name: getattr(config, name, None)
                    for name in ("bos_token_id", "decoder_start_token_id", "cache_implementation")
                },
            )
        try:
            yield
        finally:
            for part, config in kept:
                part.generation_config = config


class _Chooser:
    """Our choice of the next token, passed to `generate` as the only one possible."""

    def __init__(self, state: RowState, end_ids: frozenset[int]) -> None:
        self._state, self._end_ids = state, end_ids

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        (token,) = next_tokens(scores.clone(), [self._state], self._end_ids)
        self._state.take(token)
        only = torch.full_like(scores, float("-inf"))
        only[:, token] = 0.0
        return only


def _longer(name: str, tensor: Tensor, length: int, more: Tensor) -> Tensor:
    """A tensor of the prompt's tokens with columns for `more` (1, n) text tokens; others as they are."""
    if tensor.dim() < 2 or tensor.shape[1] != length or name.startswith("pixel") or not more.shape[1]:
        return tensor
    if name == "input_ids":
        return torch.cat([tensor, more], 1)
    if name == "attention_mask":
        return torch.cat([tensor, torch.ones_like(more)], 1)
    if "token_type_ids" in name:
        return torch.cat([tensor, torch.zeros_like(more)], 1)
    return torch.cat([tensor, tensor[:, -1:].expand(-1, more.shape[1], *tensor.shape[2:])], 1)
