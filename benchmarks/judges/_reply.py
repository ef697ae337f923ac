"""Which part of a judging model's text is its reply, and what it says.

    <think>The second invents a cat.</think>9 8      the reply is "9 8"
    The second invents a cat.</think>9 8             as well: the chat template wrote the opening mark
    9 8\\nThe second leaks a stray </think> tag.      all of it

A judge may quote what it judges, marks of reasoning and of answers included, so that only reasoning at the beginning is cut
off, and nothing of what follows. Where the opening mark is missing, a closing mark that the judge was shown ends no reasoning.
Where the reply could begin behind several closing marks and would then be read differently, there is no verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from harness.core.evaluation import Answer
from harness.core.final_answer import Mark, reasoning_marks, wrapping_marks
from harness.core.judging import Reply

Read = Callable[[str], float | None]
_EMPTY = "no reply: the model's answer is empty, or all of it is reasoning"
_SEVERAL = "no reply: several marks could end its reasoning, and what follows them is read differently"
_MOST = 8  # closing marks that are looked behind, at either end
_HEADER = re.compile(r"\s*(?:<\|start\|>\s*assistant\s*)?", re.IGNORECASE)
_LAST_WORD = re.compile(r"\S+\Z")


def read_reply(read: Read, answer: Answer, shown: str, limit: int) -> Reply:
    """The value of a model's answer to the prompt `shown`, and the reply as it is stored; `limit`: its tokens at most.

    A reply that the limit cut off has a value only where it is the same without the last word: "9 1" may have become "9 10".
    """
    cut_off = answer.stopped == "length"
    text, why = _reply(read, answer.text, shown)
    if not text:
        return Reply(None, f"{why}; cut off at max_new_tokens ({limit}), raise it" if cut_off and why == _EMPTY else why, "")
    value = read(text)
    if cut_off and not answer.text.endswith("\n") and _without_last_word(read, text) != value:
        return Reply(None, f"no reply: cut off at max_new_tokens ({limit}) within its verdict, {text[-40:]!r}; raise it", "")
    if value is None and cut_off:
        return Reply(None, f"unreadable, cut off at max_new_tokens ({limit}); raise it", text)
    return Reply(value, "" if value is not None else "unreadable", text)


def _without_last_word(read: Read, text: str) -> float | None:
    rest = _LAST_WORD.sub("", text).rstrip()
    return read(rest) if rest else None  # no rule may make a verdict of nothing


def _reply(read: Read, text: str, shown: str) -> tuple[str, str]:
    """The reply, or "" and why there is none."""
    parts, first_only = _possible(text.strip(), shown)
    groups = [[_unwrapped(part, shown) for part in group] for group in parts]
    for group in groups:
        readable = {value: part for part in reversed(group) if part and (value := read(part)) is not None}
        if len(readable) > 1 or (readable and first_only and group[0] not in readable.values()):
            return "", _SEVERAL
        if readable:
            return next(iter(readable.values())), ""
    return next((part for group in groups for part in group if part), ""), _EMPTY


def _possible(text: str, shown: str) -> tuple[list[list[str]], bool]:
    """Parts of a text that may be the reply; those of a later group only where none of an earlier one can be read.

    And whether the first part must be among those that can be read: the judge was shown marks, and may quote them.
    """
    marks = reasoning_marks(text)
    begins = bool(marks) and not marks[0].closes and _HEADER.fullmatch(text[: marks[0].start]) is not None
    ends = [mark for mark in marks if mark.closes]
    unseen = [mark for mark in ends if not _stands_in(shown, text[mark.start : mark.end])]
    if begins:
        return [[text[mark.end :] for mark in _outermost(ends) if not _opens(text[mark.end :])]], unseen != ends
    if not unseen:
        return [[text]], False
    whole_too = not marks[0].closes or all(_is_inside_a_line(text, mark.start, mark.end) for mark in unseen)
    return [[text[mark.end :] for mark in _outermost(unseen)], *([[text]] if whole_too else [])], False


def _opens(text: str) -> bool:
    """Whether another reasoning follows at once."""
    marks = reasoning_marks(text)
    return bool(marks) and not marks[0].closes and not text[: marks[0].start].strip()


def _outermost(marks: Sequence[Mark]) -> Sequence[Mark]:
    return marks if len(marks) <= 2 * _MOST else [*marks[:_MOST], *marks[-_MOST:]]


def _is_inside_a_line(text: str, start: int, end: int) -> bool:
    """A mark that is spoken of stands in a sentence; one that ends a reasoning mostly ends its line."""
    return bool(text[:start].rsplit("\n", 1)[-1].strip() and text[end:].split("\n", 1)[0].strip())


def _unwrapped(text: str, shown: str) -> str:
    """Without the marks around an answer, those that the judge may have quoted aside."""
    for start, end in reversed(wrapping_marks(text)):
        if not _stands_in(shown, text[start:end]):
            text = text[:start] + text[end:]
    return text.strip()


def _stands_in(shown: str, mark: str) -> bool:
    """Letter case and white space aside."""
    return "".join(mark.lower().split()) in "".join(shown.lower().split())
