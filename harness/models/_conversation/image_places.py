"""Where the images of a prompt stand among its words: in front of them, or at marks of their own.

The marks (`<image>`) of a prompt about several images say where each stands. Most templates go through the parts of a message
in their order. Some write all images first (LLaVA-1.5, LLaVA-OneVision): they are given one text with the image's own token in
its place, as the authors of these models write such prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from harness.core.errors import ModelError
from harness.core.preference import texts_around
from harness.models._conversation.chat_template import Question, Template

_PROBE = ("\u00a7A\u00a7", "\u00a7B\u00a7", "\u00a7C\u00a7")


class ImagePlaces:
    """Questions with their images as a template is given them.

    token: what the template writes for an image; as_text: takes the special tokens out of a text.
    """

    def __init__(self, template: Template, token: str, as_text: Callable[[str], str]) -> None:
        self._template, self._token, self._as_text = template, token, as_text

    def asked(self, images: int, question: str) -> tuple[Question, int]:
        """The question and the number of images that the template is to write itself.

        Raises ModelError where marks and images are not as many, or the template has no place for images among words.
        """
        first, *others = map(self._as_text, texts_around(question, images))
        if not others:
            return first, images
        if self._keeps_order:
            return (first, *(text.removeprefix(self._break) for text in others)), images
        return self._token.join((first, *others)), 0

    @cached_property
    def _keeps_order(self) -> bool:
        """Whether the template writes images between the texts where they stand."""
        parts = self._parts(_PROBE)
        if len(parts) == 3 and all(text in part for text, part in zip(_PROBE, parts, strict=True)):
            return True
        _, *behind = self._parts("".join(_PROBE))
        if len(behind) != 2 or behind[0].strip():
            raise ModelError(
                f"{self._template.name} does not write images between words where they stand, and more than "
                f"{self._token} for each. Put the marks of a prompt about several images in front of its words."
            )
        return False

    @cached_property
    def _break(self) -> str:
        """The line break that the template itself writes behind an image; that of the text is then left out."""
        return "\n" if self._parts(_PROBE)[1].startswith("\n") else ""

    def _parts(self, question: Question) -> list[str]:
        return self._template.prompt(question, 2).split(self._token)
