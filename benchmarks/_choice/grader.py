"""MMVP's grader: what it is asked, and how its reply is read (gpt_grader.py; the text is our own)."""

from __future__ import annotations

import re

from benchmarks._choice import letters
from harness.core.judging import Facts, JudgeTask, Reply

_PROMPT = """Somebody was asked about an image: {question}
The right option is {reference}. Their answer: {answer}
Does the answer choose the right option? Reply with one word, yes or no, and nothing else."""


def bare_yes(reply: str) -> float:
    """gpt_grader.py: 1 for yes in any case and nothing else, not even a full stop or a space; else 0."""
    return float(reply.lower() == "yes")


def _read(reply: str) -> float | None:
    """None where neither word stands in the reply, which the authors' script counts as wrong."""
    return bare_yes(reply) if re.search(r"\b(?:yes|no)\b", reply, re.IGNORECASE) else None


def stated(reply: str) -> float | None:
    """What a reply of one word says, punctuation and markup aside."""
    word = re.fullmatch(r"[\W_]*(yes|no)[\W_]*", reply, re.IGNORECASE)
    return float(word[1].lower() == "yes") if word else None


def _same_letter(question: str, answer: str, facts: Facts) -> Reply:
    """The judges' rule without a model: the letter that lmms-eval's rule reads."""
    right = letters.mmvp_lmms_eval(answer, {"A": "", "B": ""}) == facts["letter"]
    return Reply(float(right), "", "yes" if right else "no")


TASK = JudgeTask(
    "mmvp",
    _PROMPT,
    read=_read,
    rule=_same_letter,
    digest="38b7f54d2b78d2c8",
    positions=("question", "reference", "answer"),
    counted=bare_yes,
)
