"""Chat template -> the exact text before, inside and behind an answer.

Every text is rendered by the template itself, since it may trim, move or rewrite what it is given (Gemma 3 trims both sides).
What stands between a prompt and its answer is the answer's head (often one space), what follows an answer is its tail
(usually the end token); both belong to the tokens of the conversation, see `answer_tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from harness.core.edge.foreign import words_of
from harness.core.edge.limits import limited
from harness.core.errors import ModelError
from harness.core.preference import message_parts
from harness.models._conversation.template_options import DATED, TEMPLATE_DATE, with_date

_QUESTION, _ANSWER = "§§QUESTION§§", "§§ANSWER§§"
_MOST_SECONDS, _MOST_MIB = 1.0, 512  # for the conversations about an image; each takes less than a millisecond
Question = str | tuple[str, ...]  # a text behind all its images, or the texts between them: one more than there are images
_CONTENT_PRINTED = ("{'type':", '{"type":')  # what a template writes that takes a message's content for one text


OTHER_PROMPT = "behind the prompt that the template writes in front of an answer, not the one to generate from"  # a fact


class Around(NamedTuple):
    """What the template writes before and behind an answer; `why` it cannot be known, "" where it can."""

    head: str
    tail: str
    why: str = ""


class Template:
    """The chat template of a processor, rendering conversations with one question about so many images and one answer.

    Args:
        plain: what a family that has no chat templates writes before and behind a question.
        name: the template as messages call it. options: given to it with every conversation, e.g. enable_thinking.
        date: the day that a template takes for today, see `template_options.py`.
        answered: prompts are what stands in front of an answer in a finished conversation, for templates that write another
            prompt to generate from (one that opens a reasoning). TRL's `apply_chat_template` does so too, up to the common
            beginning of both texts, which may end inside a mark.
    """

    def __init__(
        self,
        processor: Any,
        plain: tuple[str, str] | None = None,
        name: str = "the chat template",
        options: Mapping[str, Any] | None = None,
        answered: bool = False,
        date: str = TEMPLATE_DATE,
    ) -> None:
        self.answered = answered
        dated = with_date(getattr(processor, "chat_template", None), date)
        self._date = {DATED: f"{date}, whatever day it is"} if dated else {}
        self._processor, self.name, self._options = processor, name, {**(options or {}), **dated}
        self._plain = None if getattr(processor, "chat_template", None) else plain
        self._around: dict[int, Around] = {}
        self._known: dict[tuple[Question, int], str] = {}  # the prompts that were rendered last
        self._answer_is_text = False  # the template takes an assistant's content as a text and not as a list of parts

    @property
    def rewrites(self) -> bool:
        """Whether prompts to generate from are other texts than those in front of a given answer."""
        try:
            return bool(self.around(1).why)
        except ModelError:  # refused with its reason when it is asked
            return False

    def facts(self) -> dict[str, str]:
        """What can move an answer, besides the template's text."""
        return {**self._date, **({"given answers": OTHER_PROMPT} if self.rewrites else {})}

    @property
    def has_one(self) -> bool:
        """Whether the checkpoint has a chat template, and not its family's fixed words."""
        return self._plain is None

    def prompt(self, question: Question, images: int) -> str:
        """The text that an answer is generated from. Raises ModelError where the template loses question or image."""
        self.around(images)
        asked = question, images
        if asked not in self._known:
            self._known = {asked: self._prompt(question, images)}
        return self._known[asked]

    def ahead(self, asked: Sequence[tuple[Question, int]]) -> None:
        """Render these prompts, once the template is known to work, under one limit: setting it takes as long as rendering.

        One that fails does so again when it is asked for, with its reason.
        """
        if asked and self._around and self._plain is None and not self.answered:
            with suppress(ModelError):
                texts = self._rendered([[_user(*one)] for one in asked], add_generation_prompt=True)
                self._known = dict(zip(asked, texts, strict=True))

    def around(self, images: int) -> Around:
        """Head and tail of answers, found once with marks for question and answer."""
        if images not in self._around:
            prompt = self._generated_from(_QUESTION, images)
            self._check(prompt)
            self._around[images] = self._find_around(prompt, images)
        return self._around[images]

    def begun(self, question: Question, answer: str, images: int) -> str:
        """The text behind the prompt where an answer begins with this prefix: its head and the prefix, no end."""
        return self._behind(question, answer + _ANSWER, images).partition(_ANSWER)[0]

    def finished(self, question: Question, answer: str, images: int) -> str:
        """The text behind the prompt where this is the whole answer, tail included."""
        return self._behind(question, answer, images)

    def without_tail(self, question: Question, answer: str, images: int) -> str:
        """The same up to the end of the answer's own words."""
        text, tail = self._behind(question, answer, images), self.around(images).tail
        return text.removesuffix(tail) if text.endswith(tail) else self.begun(question, answer, images)

    def _behind(self, question: Question, answer: str, images: int) -> str:
        if why := self.around(images).why:
            raise ModelError(why)
        prompt, whole = self.prompt(question, images), self._whole(question, answer, images)
        if not whole.startswith(prompt):
            raise ModelError(self._rewrites())
        if self.answered and answer.strip() not in whole[len(prompt) :]:
            raise ModelError(
                f"{self.name} changes the answer {answer[:40]!r}: its tokens are not known, so it cannot be scored."
            )
        return whole[len(prompt) :]

    # ------------------------------------------------------------ what the template is asked

    def _prompt(self, question: Question, images: int) -> str:
        if not self.answered:
            return self._generated_from(question, images)
        if why := self._around[images].why:
            raise ModelError(why)
        return _prompt_in(self._whole(question, _ANSWER, images).rpartition(_ANSWER)[0], self._generated_from(question, images))

    def _generated_from(self, question: Question, images: int) -> str:
        if self._plain is not None:
            if isinstance(question, tuple):
                raise ModelError(f"{self.name} cannot place images between texts.")
            image = str(self._processor.image_token) * images
            before, behind = (text.format(image=image, bos=self._processor.tokenizer.bos_token) for text in self._plain)
            return str(before + question + behind)
        return self._render([_user(question, images)], add_generation_prompt=True)

    def _whole(self, question: Question, answer: str, images: int) -> str:
        if self._plain is not None:
            return self._generated_from(question, images) + answer + (self._processor.tokenizer.eos_token or "")
        content: Any = answer if self._answer_is_text else [{"type": "text", "text": answer}]
        return self._render([_user(question, images), {"role": "assistant", "content": content}])

    def _render(self, messages: list[dict[str, Any]], **options: Any) -> str:
        return self._rendered([messages], **options)[0]

    def _rendered(self, conversations: list[list[dict[str, Any]]], **options: Any) -> list[str]:
        """Each rendered on its own, all together within the limits."""
        write = partial(self._processor.apply_chat_template, tokenize=False, **self._options, **options)
        try:
            with limited(_MOST_SECONDS, _MOST_MIB):
                return [str(write(messages)) for messages in conversations]
        except Exception as error:  # a template may call anything on what it is given
            raise ModelError(
                f"This checkpoint has no usable chat template: {self.name} fails ({words_of(error)}). Put a "
                "chat_template.jinja into its folder."
            ) from error

    # ------------------------------------------------------------ what it has to do

    def _check(self, prompt: str) -> None:
        printed = any(sign in prompt for sign in _CONTENT_PRINTED)
        if not printed and _QUESTION in prompt:
            return
        what = "writes a message's content as one text, so that no image is shown" if printed else "leaves the question out"
        raise ModelError(
            f"{self.name} {what}. It has to go through the parts of the content (type image, type text): replace it by the "
            "template of the model's own processor."
        )

    def _find_around(self, prompt: str, images: int) -> Around:
        try:
            whole = self._whole(_QUESTION, _ANSWER, images)
            if any(sign in whole for sign in _CONTENT_PRINTED):
                raise ModelError("content printed")
        except ModelError:  # some templates take the parts of a user's content and an assistant's content as one text
            self._answer_is_text = True
            whole = self._whole(_QUESTION, _ANSWER, images)
        before, mark, tail = whole.partition(_ANSWER)
        if not mark:
            return Around("", "", f"{self.name} leaves an answer out, so given answers cannot be scored or trained on.")
        if self.answered:
            self._check(before)
            return Around(before[len(_prompt_in(before, prompt)) :], tail)
        if not before.startswith(prompt):
            return Around("", "", self._rewrites())
        return Around(before[len(prompt) :], tail)

    def _rewrites(self) -> str:
        return (
            f"{self.name} changes the prompt once an answer follows it: such a checkpoint can generate, and score given "
            "answers behind the changed prompt; it cannot go on with a given beginning or learn from its own answers."
        )


def _prompt_in(before: str, prompt: str) -> str:
    """Where a prompt ends in what stands `before` an answer: white space that only answers have is the answer's head, as for
    any template. `prompt`: the one to generate from."""
    shared = "".join(a for a, _ in takewhile(lambda two: two[0] == two[1], zip(before, prompt)))
    return before if before[len(shared) :].strip() else shared


def template_name(folder: str) -> str:
    """The template of a model folder as messages name it: its file."""
    for name in ("chat_template.jinja", "chat_template.json", "processor_config.json", "tokenizer_config.json"):
        path = Path(folder) / name
        if path.is_file() and (name.startswith("chat_template") or '"chat_template"' in path.read_text(errors="replace")):
            return f"The chat template in {path}"
    return f"The chat template of {folder}"


def _user(question: Question, images: int) -> dict[str, Any]:
    texts = (question,) if isinstance(question, str) else question
    return {"role": "user", "content": message_parts(texts, [{"type": "image"}] * images)}
