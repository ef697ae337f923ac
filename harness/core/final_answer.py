"""The part of a model's text that answers: reasoning blocks and white space around it are cut off before anything is scored.

The evaluations of LLaVA, VLMEvalKit and lmms-eval strip white space as well; rules such as POPE's split at the space
character only, so that "\\nNo" would be a yes.

    "<think>A dog? I see no dog.</think>\\n\\nNo."  ->  answer "No.", reasoning "<think>A dog? I see no dog.</think>"

Marks of the families in use: `<think>` (Qwen3-VL, InternVL, GLM), Kimi-VL's ◁think▷, `<thinking>`, and around the answer
itself GLM's `<|begin_of_box|>` and `<answer>`, which are taken off; channels of the harmony format
(`<|channel|>analysis<|message|>`) up to the final one. Many chat templates write the opening mark into the prompt, so a
closing mark alone ends a block that began with the text. A block that never closes has no answer behind it: the token limit
cut it off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARK = re.compile(r"[<\u25c1](/?)(?:think|thinking|thought|reasoning)[>\u25b7]", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>\s*(?:analysis|commentary|thought)\s*<\|message\|>", re.IGNORECASE)
_FINAL = re.compile(r"<\|channel\|>\s*final\s*<\|message\|>", re.IGNORECASE)
_WRAPPER = re.compile(r"<\|(?:begin|end)_of_box\|>|<\|(?:return|end|start)\|>|</?answer>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """`kept`: the parts [start, end) of the model's text whose concatenation is `text`. `reasoned`: a block was cut off."""

    text: str
    kept: tuple[tuple[int, int], ...]
    reasoned: bool
    finished: bool  # False: the reasoning never ended, so there is no answer

    def place(self, index: int) -> int:
        """Where a character of `text` stands in the model's text; the end of `text` is the end of its last part."""
        for start, end in self.kept:
            if index < end - start:
                return start + index
            index -= end - start
        return self.kept[-1][1] if self.kept else 0


def final_answer(text: str) -> FinalAnswer:
    """Without reasoning blocks, answer marks, and white space at both ends."""
    if "<" not in text and "\u25c1" not in text and text == text.strip():
        return FinalAnswer(text, ((0, len(text)),), False, True)
    blocks, finished = _channels(text) if _CHANNEL.search(text) else _blocks(text)
    cut = sorted([*blocks, *(mark.span() for mark in _WRAPPER.finditer(text))])
    kept = _stripped(text, _between(cut, len(text)))
    return FinalAnswer("".join(text[a:b] for a, b in kept), kept, bool(blocks), finished)


def whole(text: str) -> FinalAnswer:
    """The text as it is."""
    return FinalAnswer(text, ((0, len(text)),), False, True)


def _blocks(text: str) -> tuple[list[tuple[int, int]], bool]:
    """Reasoning blocks as [start, end), and whether the last one closes."""
    blocks, opened = list[tuple[int, int]](), -1
    for mark in _MARK.finditer(text):
        if not mark[1]:
            opened = mark.start() if opened < 0 else opened
        elif opened < 0:  # the opening mark stood in the prompt, or the block spoke of the mark itself
            blocks = [(0, mark.end())]
        else:
            blocks.append((opened, mark.end()))
            opened = -1
    return (blocks, True) if opened < 0 else ([*blocks, (opened, len(text))], False)


def _channels(text: str) -> tuple[list[tuple[int, int]], bool]:
    """Reasoning in channels (harmony format): everything up to the last final channel; unfinished where there is none."""
    finals = list(_FINAL.finditer(text))
    return ([(0, finals[-1].end())], True) if finals else ([(0, len(text))], False)


def _between(cut: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    parts, reached = list[tuple[int, int]](), 0
    for start, end in [*cut, (length, length)]:
        if start > reached:
            parts.append((reached, start))
        reached = max(reached, end)
    return parts


def _stripped(text: str, parts: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Without white space at both ends of the whole."""
    said = [i for i, (start, end) in enumerate(parts) if text[start:end].strip()]
    if not said:
        return ()
    parts = parts[said[0] : said[-1] + 1]
    (start, end), last = parts[0], parts[-1]
    parts = [(start + _spaces(text[start:end]), end), *parts[1:]]
    start, end = parts[-1]
    return (*parts[:-1], (start, end - _spaces(text[slice(*last)][::-1])))


def _spaces(text: str) -> int:
    return len(text) - len(text.lstrip())
