"""VQA answers: the normalisation and the accuracy of the VQA challenge, as TextVQA's evaluators use them.

Goyal et al. 2017, arXiv:1612.00837; rules as in the EvalAI answer processor (facebookresearch/mmf, m4c_evaluator of
LLaVA), oddities kept: a mark vanishes where a space is beside it anywhere in the answer, else it becomes a space; at most
32 full stops are dropped; words are lower-cased before contractions, so "Im" is never corrected.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
_MOST_FULL_STOPS = 32  # the original passes re.UNICODE (32) where the count goes
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ARTICLES = ("a", "an", "the")

# Each is restored where exactly one of its apostrophes is missing.
_CONTRACTIONS = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's
how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock
oughtn't shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've
someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've
they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've
who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd
you'd've you'll you're you've 'ow's'at"""


def _without_one_apostrophe(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i, letter in enumerate(word) if letter == "'"]


_RESTORED = {short: word for word in _CONTRACTIONS.split() for short in _without_one_apostrophe(word)}
# Slips of the original's table.
_RESTORED |= {"somebody'd": "somebodyd", "someonell": "someone'll"}


def normalise(answer: str) -> str:
    """Lower case, no punctuation, no articles, digits for number words up to ten, contractions with their apostrophe."""
    text = answer.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    text = text.replace("\n", " ").replace("\t", " ").strip()
    text = without_punctuation(text)
    digits = {word: str(n) for n, word in enumerate(_NUMBERS)} | {"none": "0"}
    words = [digits.get(word, word) for word in text.split()]
    return " ".join(_RESTORED.get(word, word) for word in words if word not in _ARTICLES)


def without_punctuation(text: str) -> str:
    """The processor's punctuation rule, which VLMEvalKit's yes/no rule has, too: a comma between digits makes all marks vanish.

    `normalise` drops commas first, as the evaluators of TextVQA do, so that this never happens there.
    """
    vanish = _DIGIT_COMMA_DIGIT.search(text) is not None
    kept = text
    for mark in _PUNCTUATION:
        if mark in kept:
            beside_space = f"{mark} " in text or f" {mark}" in text
            kept = kept.replace(mark, "" if vanish or beside_space else " ")
    return _FULL_STOP.sub("", kept, count=_MOST_FULL_STOPS)


def vqa_accuracy(answer: str, references: Sequence[str]) -> float:
    """Mean over the references of min(1, equal ones among the others / 3); the usual accuracy for ten references."""
    given = normalise(answer)
    equal = Counter(map(normalise, references))[given]
    if not references:
        return 0.0
    # Leaving one out: `equal` references see one equal less, the rest see all of them.
    left_out = equal * min(1.0, (equal - 1) / 3) + (len(references) - equal) * min(1.0, equal / 3)
    return left_out / len(references)
