"""What HallusionBench asks of a judge, and how the replies are read (the authors' utils.py, BSD-3-Clause; texts our own)."""

from __future__ import annotations

from benchmarks._hallusion.causes import CORRECT, INCORRECT, UNCLEAR
from benchmarks._text.yes_no_rules import vlmevalkit
from harness.core.judging import Facts, JudgeTask, Reply

_CORRECT = """You are an experienced teacher. A question, its reference answer and a student's answer follow.
If the answer does not contradict the reference, reply "correct". If it contradicts the reference, reply "incorrect". If it does
not decide the question, reply "unclear".

Question: {question}
Reference answer: {reference}
Student's answer: {answer}
Reply:"""
_SAME = """You are an experienced teacher. Two answers to two different questions follow; you do not see the questions.
Could both be true at once? If the first does not contradict the second, reply "same", else reply "different".

First answer: {answer}
Second answer: {other}
Reply:"""
_VALUES = {CORRECT: 1.0, INCORRECT: 0.0, UNCLEAR: 2.0}


def correctness(reply: str) -> str:
    """ "incorrect" anywhere first, then "correct" ("not correct" is correct), everything else is unclear."""
    text = reply.lower()
    return INCORRECT if INCORRECT in text else CORRECT if CORRECT in text else UNCLEAR


def sameness(reply: str) -> float:
    """1 where "same" stands anywhere ("not the same" is same), else 0."""
    return float("same" in reply.lower())


def _read_correctness(reply: str) -> float | None:
    """None where none of the words that were asked for stands in the reply: a judge that refuses or rambles has judged nothing.
    The authors' script, which was given GPT-4's replies, reads any other text as unclear."""
    words = (CORRECT, UNCLEAR)  # the first is a part of "incorrect"
    return _VALUES[correctness(reply)] if any(word in reply.lower() for word in words) else None


def _read_sameness(reply: str) -> float | None:
    """None where neither word stands in the reply."""
    return sameness(reply) if any(word in reply.lower() for word in ("same", "different")) else None


def _correct_by_rule(question: str, answer: str, facts: Facts) -> Reply:
    """The judges' rule without a model: yes and no of answer and reference, by VLMEvalKit's rule."""
    said, stated = vlmevalkit(answer), _yes_or_no(str(facts["reference"]))
    reading = UNCLEAR if not said or not stated else CORRECT if said == stated else INCORRECT
    return Reply(_VALUES[reading], reading, reading)


def _yes_or_no(reference: str) -> str:
    """A reference in words: a negation makes it a no."""
    words = reference.lower().replace("n't", " not").replace(".", " ").replace(",", " ").split()
    return vlmevalkit(reference) or ("no" if {"no", "not", "none", "never"} & set(words) else "yes" if words else "")


def _same_by_rule(question: str, answer: str, facts: Facts) -> Reply:
    one, other = vlmevalkit(answer), vlmevalkit(str(facts["other"]))
    return Reply(float(one == other), "", "same" if one == other else "different")


TASK = JudgeTask(
    "hallusionbench",
    _CORRECT,
    read=_read_correctness,
    rule=_correct_by_rule,
    digest="8de88cbb4ba741b7",
    positions=("question", "reference", "answer"),
)
SAME = JudgeTask(
    "hallusionbench_same",
    _SAME,
    read=_read_sameness,
    rule=_same_by_rule,
    digest="be30935dc58fcf1a",
    positions=("answer", "other"),
)
