"""Conversations with one question about one image or several: their text, their tokens, and what the processor makes of
the images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from harness.core.digests import value_digest
from harness.core.errors import ModelError
from harness.core.evaluation import NoisyImage, Request
from harness.core.final_answer import BEGUN, MARKS_KEPT, is_mark, opened_by, turn_marks
from harness.core.preference import Images, paths_of
from harness.models._checkpoint.families import Family
from harness.models._checkpoint.image_noise import add_noise, frames_of, of_image
from harness.models._checkpoint.vision_tower import of_prompt
from harness.models._conversation.answer_tokens import AnswerTokens
from harness.models._conversation.chat_template import Template
from harness.models._conversation.image_places import ImagePlaces
from harness.models._conversation.template_options import TEMPLATE_DATE
from harness.models._images.image_inputs import ImageInputs, ImageProcessing
from harness.models._images.image_store import ImageStore

_MARK = 32  # tokens at the end of a prompt, in which a mark of reasoning may stand
_CONTEXT = 8  # tokens before an answer that its own are decoded behind: sentencepiece drops the first space of a text


class Conversations:
    """Renders conversations and expands image placeholders.

    Args:
        image_token_id: the token whose embedding an image's features replace; -1 where the model puts them in itself.
        images: makes and keeps what the processor makes of images; None: in this process, the last few are kept.
        template: the name of the chat template in messages; template_options: given to it, e.g. enable_thinking; answered,
            date: see `Template`.
    """

    def __init__(
        self,
        processor: Any,
        family: Family,
        image_token_id: int,
        template: str = "The chat template",
        template_options: Mapping[str, Any] | None = None,
        images: ImageStore | None = None,
        answered: bool = False,
        date: str = TEMPLATE_DATE,
    ) -> None:
        self.processor, self.family, self.image_token_id = processor, family, image_token_id
        self.tokenizer, self.frames = processor.tokenizer, frames_of(processor)
        self.template = Template(processor, family.template, template, template_options, answered, date)
        self.tokens = AnswerTokens(self.tokenizer)
        process = ImageProcessing(processor, family, image_token_id)
        self._token, self._placeholder = process.token, process.placeholder
        self.images, self._among = images or ImageStore(process), ImageStore(process.among)
        self._places = ImagePlaces(self.template, self._token, self._as_text)
        self._asked: tuple[Any, tuple[str, list[int], tuple[int, ...]]] | None = None

    def image_inputs(self, path: Path, among: bool = False) -> ImageInputs:
        """Vision tensors and placeholders of an image, alone or as one of several (a bounded memory)."""
        return (self._among if among and self.family.tiles_alone else self.images).of(path)

    def inputs_of(self, images: Images) -> list[ImageInputs]:
        """Those of a prompt's images in their order."""
        paths = paths_of(images)
        return [self.image_inputs(path, len(paths) > 1) for path in paths]

    def vision_inputs(self, images: Images, noise: NoisyImage | None = None) -> dict[str, Tensor]:
        """What the vision tower takes of all images of a prompt, under noise where there is some; {} without an image."""
        made = self.inputs_of(images)
        noisy = [add_noise(one.tensors, of_image(noise, place), self.frames) for place, one in enumerate(made)]
        return of_prompt(self.family, noisy)

    def expect(self, shown: Iterable[Images]) -> None:
        """The images of these prompts are asked for next, in this order; those that others beside them change are not made
        ahead."""
        alone = (images for images in shown if not (self.family.tiles_alone and isinstance(images, tuple)))
        self.images.expect(path for images in alone for path in paths_of(images))

    # ------------------------------------------------------------ text and tokens

    def ahead(self, requests: Sequence[Request]) -> None:
        """These prompts are asked for next: their texts are rendered together. One that cannot be is refused in its turn."""
        with suppress(ModelError):
            self.template.ahead([self._places.asked(len(paths_of(request.image)), request.text) for request in requests])

    def text(self, images: Images, question: str) -> str:
        """A prompt as the template writes it, one mark where an image stands.

        Raises ModelError where the template writes another number of images than are shown, or the family takes one only.
        """
        shown = len(paths_of(images))
        if shown > 1 and self.family.one_image:
            raise ModelError(f"{self.family.name} takes one image a prompt, not {shown}. {self.family.one_image}")
        prompt = self.template.prompt(*self._places.asked(shown, question))
        if self.family.known and prompt.count(self._token) != shown:
            raise ModelError(
                f"{self.template.name} writes {prompt.count(self._token)} image marks ({self._token}) for "
                f"{shown} images, so the model would not see what it is asked about. Replace it by the "
                "template of the model's own processor."
            )
        return prompt

    def _as_text(self, text: str) -> str:
        """A special token inside a question or an answer is text: "</s>" is broken up ("< /s>") so that it ends no turn, and a
        placeholder so that no image is expected for it. Marks of reasoning stay, as answers contain them."""
        return self._special.sub(lambda found: found[0][:1] + " " + found[0][1:], text)

    @cached_property
    def _special(self) -> re.Pattern[str]:
        """Any special token of the tokenizer, and what stands for images."""
        added = getattr(self.tokenizer, "added_tokens_decoder", {}).values()
        special = {token.content for token in added if token.special}
        found = {token for token in special if not is_mark(token)} | turn_marks(special)
        tokens = {token for token in {*found, self._token, self._placeholder} if len(token.strip()) > 1}
        return re.compile("|".join(map(re.escape, sorted(tokens, key=lambda t: (-len(t), t)))) or r"(?!)")

    def _prompt(self, images: Images, question: str) -> tuple[str, list[int], tuple[int, ...]]:
        """A prompt with what the processor writes for its images: text, tokens with each run of placeholders as one, the runs'
        lengths."""
        if self._asked is None or self._asked[0] != (images, question):
            text = self.text(images, question)
            runs: tuple[int, ...] = ()
            if images is not None and self.family.known:
                inputs, parts = self.inputs_of(images), text.split(self._token)
                shown = [self._numbered(one.text, place) for place, one in enumerate(inputs)]
                text = parts[0] + "".join(image + part for image, part in zip(shown, parts[1:], strict=True))
                runs = tuple(length for one in inputs for length in one.runs)
            (ids,) = self.tokens.encode([text])
            if self.family.known and ids.count(self.image_token_id) != len(runs):
                raise ModelError(
                    f"The prompt of {self.template.name} has {ids.count(self.image_token_id)} image placeholders "
                    f"({self._placeholder}), its images have {len(runs)}: tokenizer and processor do not belong together."
                )
            self._asked = ((images, question), (text, ids, runs))
        return self._asked[1]

    def _numbered(self, text: str, place: int) -> str:
        """What the processor writes for an image alone, with the number of its place (`Family.numbers_images`)."""
        if place == 0 or not self.family.numbers_images:
            return text
        start, end = self.processor.image_id_start_token, self.processor.image_id_end_token
        first = f"{start}0{end}"
        return f"{start}{place}{end}{text.removeprefix(first)}" if text.startswith(first) else text

    def prompt_ids(self, images: Images, question: str) -> list[int]:
        """Token ids of a prompt, (T,), image placeholders expanded, the tokenizer's BOS added once."""
        _, ids, lengths = self._prompt(images, question)
        runs = iter(lengths)
        return [copy for i in ids for copy in ([i] * next(runs) if i == self.image_token_id else [i])]

    def _finished(self, images: Images, question: str, answer: str) -> str:
        """What the template writes behind a prompt where this is its answer."""
        asked, written = self._places.asked(len(paths_of(images)), question)
        return self.template.finished(asked, answer, written)

    def whole_answer_ids(self, images: Images, question: str, answer: str) -> list[int]:
        """Tokens of an answer behind its prompt, what the template writes around it included (the end token)."""
        text, ids, _ = self._prompt(images, question)
        return self.tokens.behind(text, ids, [self._finished(images, question, self._as_text(answer))])[0]

    def is_in_place(self, images: Images, question: str, answer: str) -> bool:
        """Whether prompt and answer together have the tokens of the whole conversation."""
        text, ids, _ = self._prompt(images, question)
        return self.tokens.in_place(text, ids, self._finished(images, question, answer))

    def given_text(self, images: Images, question: str) -> str:
        """The input of the processor of the checkpoint for a prompt; without a chat template it writes the rest itself."""
        text = self.text(images, question)
        return text if self.template.has_one else (self._token if images is not None else "") + self._as_text(question)

    def prefix_ids(self, request: Request) -> list[int]:
        """Tokens of a request's given prefix of the answer behind its prompt."""
        if not request.prefix:
            return []
        text, ids, _ = self._prompt(request.image, request.text)
        return self.tokens.behind(text, ids, [self._begun(request)])[0]

    def _begun(self, request: Request) -> str:
        if not request.prefix:
            return ""
        asked, written = self._places.asked(len(paths_of(request.image)), request.text)
        return self.template.begun(asked, self._as_text(request.prefix), written)

    def answer_ids(self, request: Request, answers: Sequence[str]) -> list[list[int]]:
        """Tokens of each answer behind a request's prompt and prefix, without the template's tail; [] for no words."""
        text, ids, _ = self._prompt(request.image, request.text)
        begun = self._begun(request)
        asked, written = self._places.asked(len(paths_of(request.image)), request.text)
        texts = [self.template.without_tail(asked, self._as_text(request.prefix + answer), written) for answer in answers]
        before = ids + (self.tokens.behind(text, ids, [begun])[0] if request.prefix else [])
        rest = ["" if not answer else own[len(begun) :] for own, answer in zip(texts, answers, strict=True)]
        return self.tokens.behind(text + begun, before, rest, warn=not begun)

    def check_seen(self, text: str, ids: list[int]) -> None:
        """Raises ModelError where a family's own processor put no image into a prompt: text and tokens (T,) of it."""
        shown = ids.count(self.image_token_id) if self.image_token_id >= 0 else text.count(self._token)
        if not shown and self.image_token_id >= 0 and self._token in text:
            written = self.tokenizer.convert_tokens_to_ids(self._token)
            raise ModelError(
                f"config.json gives {self.image_token_id} as the number of the image token, but the tokenizer writes "
                f"{self._token} as {written}. Correct image_token_index (image_token_id) in config.json, or copy config.json "
                "and the tokenizer's files from one checkpoint."
            )
        if not shown:
            raise ModelError(
                f"{self.template.name} puts no image into its prompt, so the model would not see what it is asked about. "
                "Replace it by the template of the model's own processor."
            )

    def answer_text(self, before: list[int], ids: list[int], head: str) -> str:
        """Text of generated tokens behind the last ones of a prompt or a prefix, the template's head taken off."""
        start, whole = self.tokens.text(before), self.tokens.text(before + ids)
        text = whole[len(start) :] if whole.startswith(start) else self.tokens.text(ids)
        return text.removeprefix(head)

    def opened_reasoning(self, prompt: list[int]) -> str:
        """The mark of a reasoning that a prompt opens at its end: the text of its answer begins with it, as it would where
        the model wrote the mark itself, so that a reasoning that never ends is not taken for an answer."""
        return opened_by(self.tokens.text(prompt[-_MARK:], special=True))

    def facts(self) -> dict[str, str]:
        """What of prompts can move an answer: the template, the day it writes, whether it changes a prompt once an answer
        follows it, whether its prompts open a reasoning, and how marks of reasoning are read."""
        written = {
            "chat template": value_digest(str(getattr(self.processor, "chat_template", "")))[:12],
            **self.template.facts(),
        }
        marks = dict(MARKS_KEPT) if self.tokens.special_marks else {}
        try:
            return {**written, **marks, **(BEGUN if opened_by(self.text(None, "?")) else {})}
        except ModelError:  # refused with its reason when it is asked
            return {**written, **marks}

    def context(self, ids: list[int]) -> list[int]:
        """The last text tokens of a prompt."""
        last = ids[-_CONTEXT:]
        return last[max((n + 1 for n, token in enumerate(last) if token == self.image_token_id), default=0) :]
