"""The part of a model's text that answers: reasoning blocks and white space around it are cut off before anything is scored.

The evaluations of LLaVA, VLMEvalKit and lmms-eval strip white space as well; rules such as POPE's split at the space
character only, so that "\\nNo" would be a yes.

    "<think>A dog? I see no dog.</think>\\n\\nNo."  ->  answer "No.", reasoning "<think>A dog? I see no dog.</think>"

Marks of the families in use: `<think>` (Qwen3-VL, Qwen3.5, InternVL, GLM), Kimi-VL's ◁think▷, [THINK] of Magistral and
Ministral, Gemma 4's `<|channel>thought` .. `<channel|>`, MedGemma's `<unused94>thought` .. `<unused95>`, Cohere's
`<|START_THINKING|>`, `<|begin_of_thought|>` (Virgo), Apriel's "Here are my reasoning steps:" .. [BEGIN FINAL RESPONSE],
`<thinking>`, `<reason>` and the like. Marks around an answer are taken off (GLM's `<|begin_of_box|>`, ERNIE's `<response>`,
Cohere's `<|START_RESPONSE|>`). Where the answer has a mark of its own (`<answer>`, LLaVA-CoT's `<CONCLUSION>`,
`<|begin_of_solution|>`), all before it is reasoning; so are channels of the harmony format
(`<|channel|>analysis<|message|>`) up to the final one. Many chat templates write the opening mark into the prompt, so a
closing mark alone ends a block that began with the text. A block that never closes has no answer behind it: the token limit
cut it off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

_STEPS = "Here are my reasoning steps:"  # where a text begins with it, and nowhere else
_MARK = re.compile(
    r"[<\u25c1]\|?\s?(?P<a>/?)(?:seed:)?(?:think|thinking|thought|reasoning|reason|analysis|reflection|scratchpad)\b[^<>\u25b7]*[>\u25b7]"
    r"|\[(?P<b>/?)THINK\]|<\|(?:begin_of|start|(?P<c>end|end_of))_(?:thought|thinking)\|>"
    rf"|(?:<\|channel>|<unused94>)(?:thought\b)?|\A{_STEPS}"
    r"|(?P<d><channel\|>|<unused95>|\[BEGIN FINAL RESPONSE\])",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"<answer>|<conclusion>|<\|begin_of_solution\|>", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>\s*(?:analysis|commentary|thought)\s*<\|message\|>", re.IGNORECASE)
_FINAL = re.compile(r"<\|channel\|>\s*final\s*<\|message\|>", re.IGNORECASE)
_WRAPPER = re.compile(
    r"<\|(?:begin|end)_of_(?:box|solution)\|>|<\|(?:return|end|start)\|>|</?(?:answer|conclusion|response)>"
    r"|<\|(?:start|end)_response\|>|\[END FINAL RESPONSE\]",
    re.IGNORECASE,
)

_TURNS = frozenset({"<|end|>", "<|start|>", "<|return|>"})

# every mark above has one of these
_OF_MARKS = (
    *("think", "thought", "reason", "analysis", "reflection", "scratchpad", "answer>", "conclusion>", "<|"),
    *("response", "channel|>", "<unused9"),
)


BEGUN = {"reasoning": "begun by the prompt"}  # a fact of a protocol
MARKS_KEPT = {"reasoning marks": "special tokens, kept in the answers"}  # a fact: without them both would be one text


class Mark(NamedTuple):
    """A mark of reasoning at [start, end) of a text."""

    start: int
    end: int
    closes: bool


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
    if not _may_hold_marks(text):
        answer = text.strip()
        start = text.index(answer)
        return FinalAnswer(answer, ((start, start + len(answer)),) if answer or not text else (), False, True)
    blocks, finished = _channels(text) if _CHANNEL.search(text) else _blocks(text)
    blocks = _before_the_answer(text, blocks)
    cut = sorted([*blocks, *(mark.span() for mark in _WRAPPER.finditer(text))])
    kept = _stripped(text, _between(cut, len(text)))
    return FinalAnswer("".join(text[a:b] for a, b in kept), kept, bool(blocks), finished)


def without_reasoning(text: str) -> str:
    """The answer behind a reasoning, "" where it never ended; a text without one as it is, white space included."""
    final = final_answer(text)
    return final.text if final.reasoned else text


def _may_hold_marks(text: str) -> bool:
    """Whether it is worth looking for marks: a search for a few words, which a megabyte of hostile text does not slow."""
    if not any(mark in text for mark in "<[\u25c1") and not text.startswith(_STEPS):
        return False
    small = text.lower()
    return any(word in small for word in _OF_MARKS)


def reasoning(text: str) -> str | None:
    """What `final_answer` cuts off, without its marks; None where it is not reasoning."""
    if not _may_hold_marks(text) or not (found := final_answer(text)).reasoned:
        return None
    cut = " ".join(text[a:b] for a, b in _between(list(found.kept), len(text)))
    return _WRAPPER.sub(" ", _FINAL.sub(" ", _CHANNEL.sub(" ", _MARK.sub(" ", cut)))).strip()


def without_marks(text: str) -> str:
    """A text in which nothing opens or closes a reasoning or an answer: what a server hands over as reasoning may speak of
    the marks."""
    for mark in (_CHANNEL, _FINAL, _MARK, _ANSWER, _WRAPPER):
        text = mark.sub(" ", text)
    return text


def is_mark(token: str) -> bool:
    """Whether a text is a mark of reasoning or of an answer, or part of one that is several tokens (channels)."""
    return _begins_or_ends(token) or _WRAPPER.fullmatch(token) is not None


def marks_among(tokens: Iterable[str]) -> frozenset[str]:
    """Those of a tokenizer's special tokens that are marks, without which a reasoning could not be told from the answer. None
    where all of them are taken off an answer whatever stands before it, such as the `<|end|>` of a turn."""
    found = frozenset(filter(is_mark, tokens))
    return found if any(map(_begins_or_ends, found)) else frozenset()


def turn_marks(special: Iterable[str]) -> frozenset[str]:
    """The marks among special tokens that are ends of a turn and say nothing of a reasoning: `<|end|>` outside of the harmony
    format."""
    tokens = frozenset(special)
    return frozenset() if "<|channel|>" in tokens else tokens & _TURNS


def _begins_or_ends(token: str) -> bool:
    return any(mark.fullmatch(token) for mark in (_MARK, _ANSWER)) or token in ("<|channel|>", "<|message|>")


def opened_by(prompt: str) -> str:
    """The opening mark of a reasoning that a prompt ends in, with the white space behind it; "" where it ends otherwise."""
    if prompt.rstrip().endswith(_STEPS):
        return prompt[prompt.rindex(_STEPS) :]
    marks = list(_MARK.finditer(prompt))
    if not marks or _closes(marks[-1]) or prompt[marks[-1].end() :].strip():
        return ""
    return prompt[marks[-1].start() :]


def reasoning_marks(text: str) -> list[Mark]:
    """Marks that open or close a reasoning, in their order; the final channel closes one."""
    if not _may_hold_marks(text):
        return []
    found = [Mark(*mark.span(), _closes(mark)) for mark in _MARK.finditer(text)]
    found += [
        Mark(*mark.span(), closes) for pattern, closes in ((_CHANNEL, False), (_FINAL, True)) for mark in pattern.finditer(text)
    ]
    return sorted(found)


def wrapping_marks(text: str) -> list[tuple[int, int]]:
    """Places of the marks around an answer, in their order."""
    return [mark.span() for mark in _WRAPPER.finditer(text)] if _may_hold_marks(text) else []


def whole(text: str) -> FinalAnswer:
    """The text as it is."""
    return FinalAnswer(text, ((0, len(text)),), False, True)


def _closes(mark: re.Match[str]) -> bool:
    return any(mark[name] for name in "abcd")


def _blocks(text: str) -> tuple[list[tuple[int, int]], bool]:
    """Reasoning blocks as [start, end), and whether the last one closes."""
    blocks, opened = list[tuple[int, int]](), -1
    for mark in _MARK.finditer(text):
        if not _closes(mark):
            opened = mark.start() if opened < 0 else opened
        elif opened < 0:  # the opening mark stood in the prompt, or the block spoke of the mark itself
            blocks = [(0, mark.end())]
        else:
            blocks.append((opened, mark.end()))
            opened = -1
    return (blocks, True) if opened < 0 else ([*blocks, (opened, len(text))], False)


def _before_the_answer(text: str, blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The blocks, or all that stands before the last mark of the answer itself outside of them."""
    behind = max((end for _, end in blocks), default=0)
    starts = [mark.start() for mark in _ANSWER.finditer(text, behind)]
    if not starts or not "".join(text[a:b] for a, b in _between(blocks, starts[-1])).strip():
        return blocks
    return [(0, starts[-1])]


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
