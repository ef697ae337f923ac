"""Checks of a loaded checkpoint before it is evaluated: tokens, image placeholders, log-probabilities, precision.

The reference is the processor and module of the checkpoint: the tokens of the whole conversation's text, and a plain forward
pass over them. It uses neither the engine nor the prompt builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.core.capabilities import NOTE, OK, WRONG, Finding
from harness.core.errors import ImageError, ModelError
from harness.core.evaluation import Request
from harness.core.nearest import did_you_mean
from harness.models._checkpoint.own_files import WEIGHTS
from harness.models._engine.kv_shelves import capacity
from harness.models._engine.one_by_one import OneByOne

TOKENS, PLACEHOLDERS, LOG_PROBS, PRECISION = ("tokenisation", "image placeholders", "log-probs", "precision")
END_TOKEN = "end token"  # no fault, so that `despite` does not take it
CHECKS = (WEIGHTS, TOKENS, PLACEHOLDERS, LOG_PROBS, PRECISION)
_QUESTION, _ANSWER = "Is there a dog in the image?", "There are 2 dogs near a table."
_OTHERS = ("Is there a dog in the image, or a cat?", "Is there a dog?")  # a few tokens longer, a few shorter
_ANSWERS = ("Yes", "No", "yes", "no", _ANSWER, "A caf\u00e9:\n- one; two")
_NATS = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 0.2}  # a token: the most that rounding alone may change
Scored = Callable[[Sequence[Request], Sequence[str]], list[float]]
Trained = Callable[[Request, str], float]


@dataclass(frozen=True, slots=True)
class CheckpointChecks:
    """The checks of a loaded checkpoint.

    Args:
        scored, trained: log-probabilities of answers (without their ends) as scoring and as training compute them.
    """

    plain: OneByOne
    scored: Scored
    trained: Trained

    def run(self, images: Sequence[Path], training: bool) -> Iterator[Finding]:
        """One finding a check, none of ends that cannot be known; `images`: with a second one it is also checked that another
        image gives other numbers."""
        looks = [(TOKENS, self._tokens), (PLACEHOLDERS, self._placeholders), (LOG_PROBS, self._log_probs)]
        for name, look in [*looks, *([(PRECISION, self._precision), (END_TOKEN, self._end_token)] if training else [])]:
            fails = False
            try:
                state, words = look(images)
            except ModelError as error:
                state, words = WRONG, str(error).splitlines()[0]
            except (ImageError, ValueError, TypeError, RuntimeError, LookupError, AttributeError) as error:
                said = f"an image {error.why}" if isinstance(error, ImageError) else str(error)
                first = (said or "without words").splitlines()[0]
                told = f"a pass of the model fails ({type(error).__name__}: {first}). Compare config.json and the processor's "
                state, words, fails = WRONG, f"{told}files with those of the checkpoint that this one was made from", True
            if words:
                yield Finding(name, state, words, fails)

    # ------------------------------------------------------------ text and tokens

    def _tokens(self, images: Sequence[Path]) -> tuple[str, str]:
        prompts, image = self.plain.prompts, images[0]
        if why := prompts.template.around(True).why:
            prompts.prompt_ids(image, _QUESTION)
            return NOTE, why
        merged = [answer for answer in _ANSWERS if not prompts.is_in_place(image, _QUESTION, answer)]
        if merged:
            return WRONG, (
                f"{len(merged)} of {len(_ANSWERS)} answers have other tokens than their whole conversation ({merged[0]!r} the "
                f"first): {prompts.template.name} ends a prompt inside a token (white space at its end?)"
            )
        theirs: list[int] = self.plain.inputs(Request(image, _QUESTION), [])["input_ids"][0].tolist()
        said = prompts.whole_answer_ids(image, _QUESTION, _ANSWER)
        if prompts.family.known and theirs != prompts.prompt_ids(image, _QUESTION):
            return WRONG, "the processor of the checkpoint makes other tokens of a prompt"
        if prompts.template.has_one and self._whole(image)["input_ids"][0].tolist() != theirs + said:
            return WRONG, "the processor of the checkpoint makes other tokens of a whole conversation"
        agreed = f"{len(_ANSWERS)} of {len(_ANSWERS)} answers have the tokens of their whole conversation"
        if prompts.template.answered:
            return NOTE, f"{agreed}; {prompts.template.name} writes another prompt to generate from"
        return OK, agreed

    def _end_token(self, images: Sequence[Path]) -> tuple[str, str]:
        """Whether stored answers end as training reads them; no fault, since they may be meant to, and no words where the
        template leaves open what is behind an answer, which is said of the tokens."""
        prompts = self.plain.prompts.given
        if prompts.template.around(True).why:
            return OK, ""
        if not self.plain.end_ids & set(prompts.whole_answer_ids(images[0], _QUESTION, _ANSWER)):
            return (
                NOTE,
                "the chat template writes no end token behind an answer, so training on stored answers does not teach to end",
            )
        return OK, "the chat template writes an end token behind an answer"

    def _whole(self, image: Path) -> dict[str, Tensor]:
        """The processor's tensors of the whole conversation."""
        prompts = self.plain.prompts
        text = prompts.text(image, _QUESTION) + prompts.template.finished(_QUESTION, _ANSWER, True)
        return self.plain.processed(text, image)

    def _placeholders(self, images: Sequence[Path]) -> tuple[str, str]:
        prompts = self.plain.prompts
        ids = self.plain.inputs(Request(images[0], _QUESTION), [])["input_ids"][0].tolist()
        if prompts.image_token_id < 0:
            return NOTE, "the position of the image cannot be read from the processor of this family"
        shown = ids.count(prompts.image_token_id)
        if prompts.family.known and shown != prompts.prompt_ids(images[0], _QUESTION).count(prompts.image_token_id):
            return WRONG, f"the processor of the checkpoint writes {shown} image placeholders, and ours another number"
        if prompts.family.known:
            prompts.prompt_ids(None, _QUESTION)  # raises where one stands in a prompt without an image
        return OK, f"{shown:,} image placeholders in a prompt with an image, none in one without an image"

    # ------------------------------------------------------------ numbers

    def _log_probs(self, images: Sequence[Path]) -> tuple[str, str]:
        prompts, request = self.plain.prompts, Request(images[0], _QUESTION)
        if why := prompts.template.around(True).why or self.plain.cannot_score:
            return NOTE, why
        (ids,) = prompts.answer_ids(request, [_ANSWER])
        both = [request, *self._beside(request, len(ids))]
        scored, found = self._scored(both), list[tuple[str, str]]()
        for request, nats in zip(both, scored, strict=True):
            found.append(self._agree(nats, self._forward(request, ids), len(ids), "scored answers and a plain forward pass"))
        state, words = next((one for one in found if one[0] != OK), found[0])
        if state == OK and len(images) > 1 and self._scored([replace(one, image=images[1]) for one in both]) == scored:
            return WRONG, "another image gives the same log-probability to the last bit: images are not seen"
        return state, words

    def _beside(self, request: Request, answer: int) -> list[Request]:
        """A question of another length that the engine scores together with a request: what they share is read once, and the
        shorter one is padded, which not every text model bears. None where it reads one after the other."""
        if not self.plain.prompts.family.known:
            return []
        others = [replace(request, text=text) for text in _OTHERS]
        own, *lengths = (len(self.plain.prompts.prompt_ids(one.image, one.text)) + answer - 1 for one in (request, *others))
        return next(
            ([o] for o, n in zip(others, lengths, strict=True) if n != own and capacity(n) == capacity(own)), others[:1]
        )

    def _scored(self, requests: Sequence[Request]) -> list[float]:
        return self.scored(requests, [_ANSWER] * len(requests))

    @torch.inference_mode()
    def _forward(self, request: Request, ids: list[int]) -> float:
        """Log-probability of an answer's tokens behind the processor's own prompt, by the module alone."""
        inputs = self.plain.inputs(request, ids)
        if "token_type_ids" in inputs and not self.plain.prompts.template.has_one:
            inputs["token_type_ids"][:, -len(ids) :] = 1  # PaliGemma: what it wrote itself is read looking back only
        logits: Tensor = self.plain.module(**inputs).logits[0, -len(ids) - 1 : -1].float().log_softmax(-1)
        return float(logits.gather(1, torch.tensor(ids, device=logits.device)[:, None]).sum())

    def _precision(self, images: Sequence[Path]) -> tuple[str, str]:
        request = Request(images[0], _QUESTION)
        try:
            trained = self.trained(request, _ANSWER)
        except ModelError as error:
            return NOTE, str(error)
        n = len(self.plain.prompts.answer_ids(request, [_ANSWER])[0])
        return self._agree(trained, self._scored([request])[0], n, "training and scoring")

    def _agree(self, first: float, second: float, tokens: int, what: str) -> tuple[str, str]:
        """Whether two log-probabilities of an answer differ by more than rounding."""
        gap, dtype = abs(first - second) / tokens, self.plain.module.dtype
        name = str(dtype).removeprefix("torch.")
        if not gap <= _NATS.get(dtype, 1e-3):  # nan is not
            return WRONG, f"log-probabilities of {what} differ by {gap:.1g} nats a token in {name}: {first:.3f}, {second:.3f}"
        return OK, f"log-probabilities of {what} agree within {gap:.1g} nats a token in {name}"


@torch.no_grad()
def as_trained(policy: Any, request: Request, answer: str) -> float:  # Any: the model with its training view
    """Log-probability in nats of an answer (without its end) as training computes it."""
    prompt, vision = policy.prompt(request.image, request.text)
    (said,) = policy.prompts.given.answer_ids(request, [answer])
    ids = torch.cat([prompt, torch.tensor(said)])[None].to(policy.device)
    places = torch.arange(ids.shape[1], device=policy.device)[None]
    hidden = policy.hidden_states(ids, vision, (places >= len(prompt)).long(), places)
    log_probs = policy.head()(hidden[0, len(prompt) - 1 : -1]).float().log_softmax(-1)
    return float(log_probs.gather(1, ids[0, len(prompt) :, None]).sum())


def check_names(names: Any) -> tuple[str, ...]:
    """Names of checks, each once. Raises ModelError for one that does not exist."""
    wanted = (names,) if isinstance(names, str) else tuple(names)
    for name in wanted:
        if name not in CHECKS:
            near = did_you_mean(name, CHECKS)
            raise ModelError(f"There is no check {name!r} of a checkpoint.{near} `despite` takes {', '.join(CHECKS)}.")
    return tuple(dict.fromkeys(wanted))
