"""Which COCO objects does a text say are there, and which does it say are not?

"There is no dog", "I do not see any dogs or cats", "a street without cars", "the dog is not visible" deny; "the dog is
not brown" and "not only a dog" do not. Rules over words, one sentence at a time; exact, so two runs always agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.vocabulary import Mention
from benchmarks._text.colours import joins_a_colour
from benchmarks._text.singular import singularize
from benchmarks._text.tokenizer import Tokenizer, shared_tokenizer

_DENIALS = frozenset(
    {"no", "not", "n't", "without", "never", "neither", "nor", "none", "cannot", "lack", "lacks", "lacking", "zero"}
)
_NOT_DENIALS = frozenset({("not", "only"), ("not", "just"), ("no", "doubt"), ("no", "longer"), ("no", "less")})
_NEW_CLAUSE = frozenset({",", ";", ":", ".", "!", "?", "but", "however", "although", "though", "while", "because", "instead"})
_BE = frozenset({"is", "are", "was", "were", "can", "could", "be", "do", "does", "appears", "appear", "seems", "seem"})
_THERE = frozenset({"visible", "present", "there", "seen", "shown", "in", "be", "appear", "exist", "here", "depicted", "found"})
_GONE = frozenset({"absent", "missing", "nowhere"})
_KEPT = frozenset({"bus", "four"})  # words here, though CHAIR's singulariser makes "bu" and "fmy" of them
_AFTER_FRUIT = frozenset(
    {"and", "or", "on", "in", "is", "are", "at", "with", "of", "to", "next", "near", "that", "lies", "sits"}
)


@dataclass(frozen=True, slots=True)
class Assertions:
    """Nodes in order of first mention; `words` are all singular words of the text, `denies` whether anything is denied."""

    present: tuple[str, ...]
    absent: tuple[str, ...]
    words: tuple[str, ...]
    denies: bool


def assertions(text: str) -> Assertions:
    """`read_assertions` by the tokenizer that all share."""
    return read_assertions(text, shared_tokenizer())


def read_assertions(text: str, tokenizer: Tokenizer) -> Assertions:
    """Objects of the CHAIR vocabulary that `text` asserts or denies; an object both asserted and denied is asserted."""
    present: dict[str, None] = {}
    absent: dict[str, None] = {}
    words: list[str] = []
    denies = False
    for sentence in tokenizer.sentences(text.lower().replace("\u2019", "'")):
        tokens = tokenizer.words(sentence)
        singular = [singularize(token) for token in tokens]
        singular = [token if token in _KEPT else word for token, word in zip(tokens, singular, strict=True)]
        denied_before = _denied_clauses(tokens)
        denies = denies or any(_is_denial(tokens, i) or token in _GONE for i, token in enumerate(tokens))
        for mention in _vocabulary.chair().mentions(singular)[0]:
            if mention.node == "orange" and _is_colour(tokens, mention):
                continue
            denied = denied_before[mention.first] or _denied_after(tokens, mention.last)
            (absent if denied else present)[mention.node] = None
        words += singular
    return Assertions(tuple(present), tuple(n for n in absent if n not in present), tuple(words), denies)


def _denied_clauses(tokens: Sequence[str]) -> list[bool]:
    """For each token: does a denial stand before it in its clause? Lists go on over commas ("no cats, dogs or birds")."""
    denied: list[bool] = []
    on = in_list = False
    for i, token in enumerate(tokens):
        if _is_denial(tokens, i):
            # An answer that begins with "No," denies what was asked, not what comes next.
            on = not (token == "no" and tokens[i + 1 : i + 2] in ([], [","], ["."]))
            in_list = on
        elif token == "," and on and in_list and _list_goes_on(tokens, i):
            pass
        elif token in _NEW_CLAUSE:
            on = False
        denied.append(on)
    return denied


def _is_denial(tokens: Sequence[str], i: int) -> bool:
    return tokens[i] in _DENIALS and tuple(tokens[i : i + 2]) not in _NOT_DENIALS


def _list_goes_on(tokens: Sequence[str], comma: int) -> bool:
    """True where a bare noun follows the comma and the list ends in "or" or "and" within the next words."""
    rest = tokens[comma + 1 : comma + 8]
    stop = next((i for i, token in enumerate(rest) if token in _BE or token in _NEW_CLAUSE - {","}), len(rest))
    return rest[:1] in (["or"], ["nor"]) or any(token in ("or", "nor") for token in rest[:stop])


def _denied_after(tokens: Sequence[str], end: int) -> bool:
    """ "... dog is not visible", "... dog cannot be seen", "... dog is absent": existence denied after the noun."""
    rest = list(tokens[end : end + 5])
    if any(token in _GONE for token in rest[:3]) and any(token in _BE for token in rest[:2]):
        return True
    for i, token in enumerate(rest[:3]):
        if token in ("not", "n't") and i and (rest[i - 1] in _BE or rest[i - 1] == "ca"):
            return any(word in _THERE for word in rest[i + 1 : i + 3])
    return False


def _is_colour(tokens: Sequence[str], mention: Mention) -> bool:
    if tokens[mention.first] == "oranges":
        return False
    if joins_a_colour(tokens, mention.first):
        return True
    following = tokens[mention.last] if mention.last < len(tokens) else "."
    before = tokens[mention.first - 1] if mention.first else ""
    is_fruit = before in ("an", "one", "the", "sliced", "peeled") and (following in _AFTER_FRUIT or not following.isalpha())
    return not is_fruit
