"""The interface of a model to training: prompts and answers as tokens, hidden states, the head.

`harness.models.transformers` implements it; a test writes a small one. Anything about templates, processors and
model families stays on that side of the line; anything about pairs and losses stays on this side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from harness.core.evaluation import HiddenImage, NoisyImage
from harness.core.plugins import Model
from harness.core.preference import Images
from harness.core.run_record import Checkpoint


class PromptInputs(NamedTuple):
    """A prompt ready for the model.

    input_ids: (P,) long, image placeholders expanded, ending where the answer begins.
    vision: what the model takes beside them, each with the images in its first dimension, e.g. pixel_values
        (n_images, 3, H, W) or (n_images, tiles, 3, H, W) and image_sizes (n_images, 2); empty without an image.
        Rows are put together along the first dimension; other dimensions are padded with zeros to the widest. What counts the
        images of a prompt (LLaVA-OneVision's batch_num_images) has one entry a prompt with images.
    hidden: (P,) bool, image tokens that nothing sees although their positions stay taken; None hides none.
    """

    input_ids: Tensor
    vision: Mapping[str, Tensor]
    hidden: Tensor | None = None


@runtime_checkable
class Policy(Protocol):
    """A model in training: freshly loaded, adapters merged, in its own dtype, on its own device.

    Tensors come and go on the CPU in `prompt` and `answer_ids`, on the module's device in `hidden_states`.
    """

    @property
    def module(self) -> nn.Module: ...  # a transformers model; LoRA is injected into it in place

    checkpoint: Checkpoint  # of the weights as loaded; `folder` has the processor's files

    @property
    def pad_token_id(self) -> int: ...

    def facts(self) -> dict[str, str]: ...  # what can move a number besides weights: template, processor, dtype

    def prompt(self, image: Images, text: str) -> tuple[Tensor, Mapping[str, Tensor]]: ...  # as PromptInputs

    def answer_ids(self, image: Images, text: str, answer: str) -> Tensor:
        """(n,) long: tokens of an answer behind `prompt(image, text)`, the template's end token included.

        Prompt and answer together are the tokens of the whole conversation.
        """
        ...

    def hidden_states(self, input_ids: Tensor, vision: Mapping[str, Tensor], segment: Tensor, position_ids: Tensor) -> Tensor:
        """Final hidden states before the head, (B, T, D), with gradients where they are enabled.

        input_ids, position_ids, segment: (B, T). Segment 0 is the prompt, 1.. are answers, -1 is padding or a hidden image
        token: a position sees the prompt and its own answer, up to itself. No cache, no logits.
        """
        ...

    def head(self) -> nn.Module: ...  # hidden states (..., D) -> logits (..., V)


@runtime_checkable
class DamagesImages(Protocol):
    """A policy that can hide image tokens from a prompt and put noise on its images, on each as if it were alone."""

    def damaged_prompt(
        self, image: Images, text: str, hidden: HiddenImage | None, noise: NoisyImage | None
    ) -> tuple[Tensor, Mapping[str, Tensor], Tensor | None]: ...  # as PromptInputs


@runtime_checkable
class PreparesImages(Protocol):
    """A policy that processes images: ahead of `prompt` those of these prompts, which are asked for next in this order; all but
    the last `keep` are processed again when they are asked for again."""

    def expect_images(self, images: Iterable[Images]) -> None: ...
    def forget_images(self, keep: int) -> None: ...


@runtime_checkable
class KnowsItsEnds(Protocol):
    """A policy that says which tokens end an answer."""

    def end_ids(self) -> frozenset[int]: ...


@runtime_checkable
class AnsweringPolicy(Policy, Model, Protocol):
    """A policy that also answers while it trains, for online methods.

    `generate` must give the same answers for the same weights and requests, also in a process started later, or a
    resumed training would part from an uninterrupted one.
    """

    def forget_features(self) -> None: ...  # drop whatever `generate` remembers that the weights have a part in
