"""What a text model's reply to the corruption prompt is worth: a rejected answer, or a reason why there is none."""

from __future__ import annotations

import re

from alignment.data.invalid_pairs import EMPTY_ANSWER, IDENTICAL_ANSWERS
from harness.core.evaluation import Answer
from harness.core.final_answer import final_answer

CUT_OFF = "reply cut off by the token limit"
REFUSED = "the text model refused"
NO_REPLY = "no reply"

_LABEL = re.compile(r"^\W*(?:rewritten|changed|corrupted|modified)[ \w]*(?:answer|response)\W*:\s*", re.IGNORECASE)
_REFUSAL = re.compile(r"(?:i['\u2019]?m sorry|i am sorry|sorry,|i can(?:no|['\u2019])t |i am unable|as an ai\b)", re.IGNORECASE)


def rejected_of(reply: Answer, chosen: str) -> tuple[str, str]:
    """(the corrupted answer, ""), or ("", why it cannot be used). A label or quotation marks around the whole are taken off.

    A refusal is not a corruption: as a rejected answer it would teach the policy not to refuse.
    """
    if reply.stopped == "length":
        return "", CUT_OFF
    text = _LABEL.sub("", final_answer(reply.text).text).strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2 and not chosen.startswith('"'):
        text = text[1:-1].strip()
    if not text:
        return "", EMPTY_ANSWER
    if text == chosen.strip():
        return "", IDENTICAL_ANSWERS
    if _REFUSAL.match(text) and not _REFUSAL.match(chosen.strip()):
        return "", REFUSED
    return text, ""
