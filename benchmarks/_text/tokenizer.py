"""Words of a text as NLTK 3.8.1's `word_tokenize` gives them, several times faster.

CHAIR and AMBER are defined on these tokens. Two steps, both as in NLTK (Apache-2.0; rules of Kiss & Strunk 2006 for
sentences, of Robert MacIntyre's treebank script for words):

1. Punkt sentences. NLTK decides each possible end from a small piece of context; equal pieces get one decision.
2. Treebank words inside each sentence. The rules look no further than a space, so in a sentence without quotation
   marks each space-separated piece is split on its own, once, and remembered.

Departures from the NLTK that is installed: NLTK after 3.8.1 also splits at dashes ("cat\u2014dog"), before quoted words
("'cat'") and ends sentences before curly quotes. Published numbers were made before that, so the older rules are kept.

Punkt's English parameters (abbreviations for one) are those of NLTK's data, see language_data.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any

from harness.core.edge.nltk_import import import_nltk, punkt_parameters

_REMEMBERED = 100_000  # entries; then the memory is emptied
_LONGEST_REMEMBERED = 80  # characters of one piece

_AFTER = r"""[)";}\]*:@'({\[?!]"""  # what may follow a sentence end without a space
_POSSIBLE_END = re.compile(rf"[.?!](?=(?P<after>{_AFTER}|\s+(?P<next>\S+)))")
_CLOSERS = re.compile(r"""["')\]}]+?(?:\s+|(?=--)|$)""", re.MULTILINE)  # belong to the sentence they follow
_QUOTES = re.compile("[\"`\u00ab\u201c\u2018\u201e\u00bb\u201d\u2019]|''")
_ONLY_CLOSERS = frozenset("])}>'")
# A word of two letters or more before a full stop and another word: Punkt ends the sentence there, unless the first is an
# abbreviation or begins one of its collocations.
_ORDINARY_END = re.compile(r"([A-Za-z]{2,})\.\s+\w")
_PLAIN = re.compile(r"([A-Za-z0-9]+)('s|[.,;:!?])?")  # a word and at most one mark, or its owner's: most pieces
_CONTRACTED = frozenset({"cannot", "gimme", "gonna", "gotta", "lemme", "wanna"})
_ASCII_SPACE = " \t\n\r\x0b\x0c"

_BEFORE_PADDING = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        ("([\u00ab\u201c\u2018\u201e]|[`]+)", r" \1 "),
        (r'^"', "``"),
        (r"(``)", r" \1 "),
        (r"""([ (\[{<])("|'{2})""", r"\1 `` "),
        (r"(?i)(')(?!re|ve|ll|m|t|s|d|n)(\w)\b", r"\1 \2"),
        ("([^.])(\\.)([\\])}>\"'\u00bb\u201d\u2019 ]*+)\\s*$", r"\1 \2 \3 "),
        (r"([:,])([^\d])", r" \1 \2"),
        (r"([:,])$", r" \1 "),
        (r"\.{2,}", r" \g<0> "),
        (r"[;@#$%&]", r" \g<0> "),
        (r"""([^.])(\.)([\])}>"']*+)\s*$""", r"\1 \2\3 "),
        (r"[?!]", r" \g<0> "),
        (r"([^'])' ", r"\1 ' "),
        (r"[*]", r" \g<0> "),
        (r"[\]\[(){}<>]", r" \g<0> "),
        (r"--", r" -- "),
    )
)
_AFTER_PADDING = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        ("([\u00bb\u201d\u2019])", r" \1 "),
        (r"''", " '' "),
        (r'"', " '' "),
        (r"([^' ])('[sS]|'[mM]|'[dD]|') ", r"\1 \2 "),
        (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
        (r"(?i)\b(can)(not)\b", r" \1 \2 "),
        (r"(?i)\b(d)('ye)\b", r" \1 \2 "),
        (r"(?i)\b(gim)(me)\b", r" \1 \2 "),
        (r"(?i)\b(gon)(na)\b", r" \1 \2 "),
        (r"(?i)\b(got)(ta)\b", r" \1 \2 "),
        (r"(?i)\b(lem)(me)\b", r" \1 \2 "),
        (r"(?i)\b(more)('n)\b", r" \1 \2 "),
        (r"(?i)\b(wan)(na)\s", r" \1 \2 "),
        (r"(?i) ('t)(is)\b", r" \1 \2 "),
        (r"(?i) ('t)(was)\b", r" \1 \2 "),
    )
)


class Tokenizer:
    """text -> tokens. `name` is for the protocol."""

    name = "punkt"

    def __init__(self) -> None:
        self._ends: dict[str, bool] = {}
        self._inner: dict[str, list[str]] = {}
        self._last: dict[str, list[str]] = {}
        self._alone: dict[str, list[str]] = {}

    @cached_property
    def _punkt(self) -> Any:  # Any: NLTK has no types. Not before a text is there: importing it takes half a second
        return _load_punkt()

    @cached_property
    def _unusual(self) -> set[str]:
        params = self._punkt._params
        return set(params.abbrev_types | {first for first, _ in params.collocations})

    def words(self, text: str) -> list[str]:
        """Tokens of all sentences, in order; quotation marks come out as `` and ''."""
        tokens: list[str] = []
        for sentence in self.sentences(text):
            tokens += self._sentence_words(sentence)
        return tokens

    def sentences(self, text: str) -> list[str]:
        """Sentences as Punkt cuts them; closing quotes and brackets stay with the sentence they close."""
        cuts = list(self._cuts(text))
        if len(cuts) == 1:
            (start, stop), *_ = cuts
            return [text[start:stop]] if text[start:stop] else []
        return list(_realigned(text, cuts))

    def _cuts(self, text: str) -> Iterator[tuple[int, int]]:
        start = 0
        for match, context in _contexts(text):
            if self._is_end(context):
                yield start, match.end()
                start = match.start("next") if match["next"] else match.end()
        yield start, len(text.rstrip())

    def _is_end(self, context: str) -> bool:
        known = self._ends.get(context)
        if known is None and (word := _ORDINARY_END.match(context)) and word[1].lower() not in self._unusual:
            return True
        if known is None:
            known = bool(self._punkt.text_contains_sentbreak(context))
            _remember(self._ends, context, known)
        return known

    def _sentence_words(self, sentence: str) -> list[str]:
        pieces = sentence.split(" ")
        last = pieces.pop()
        if _QUOTES.search(sentence) or _ONLY_CLOSERS.issuperset(last):
            return _treebank(sentence)
        tokens: list[str] = []
        inner = self._inner
        for piece in pieces:
            words = inner.get(piece)
            if words is None:
                # "x" stands for the neighbours: only their being there counts.
                words = _plain(piece, last=False) or _treebank(f"x {piece} x")[1:-1]
                _remember(inner, piece, words)
            tokens += words
        endings = self._last if pieces else self._alone
        ending = endings.get(last)
        if ending is None:
            ending = _plain(last, last=True) or (_treebank(f"x {last}")[1:] if pieces else _treebank(last))
            _remember(endings, last, ending)
        return tokens + ending


def _plain(piece: str, last: bool) -> list[str] | None:
    """What the rules below make of a plain word: its mark is split off, but for a full stop inside a sentence."""
    match = _PLAIN.fullmatch(piece)
    if match is None or match[1].lower() in _CONTRACTED:
        return None
    return [piece] if match[2] is None or (match[2] == "." and not last) else [match[1], match[2]]


def _treebank(sentence: str) -> list[str]:
    for pattern, new in _BEFORE_PADDING:
        sentence = pattern.sub(new, sentence)
    sentence = f" {sentence} "
    for pattern, new in _AFTER_PADDING:
        sentence = pattern.sub(new, sentence)
    return sentence.split()


def _contexts(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Possible sentence ends, each with the word before it and what follows; of adjacent ones only the last."""
    start, stop = 0, 0  # the word before the previous candidate
    previous: re.Match[str] | None = None
    for match in _POSSIBLE_END.finditer(text):
        word = _last_space(text, stop, match.start())
        begin = word + 1 if word > stop else start
        if previous and stop <= begin:
            yield previous, text[start:stop] + previous.group() + previous["after"]
        previous, start, stop = match, begin, match.start()
    if previous:
        yield previous, text[start:stop] + previous.group() + previous["after"]


def _last_space(text: str, start: int, stop: int) -> int:
    """Index of the last ASCII space of text[start:stop]; `start` where there is none or it is the first character."""
    return max(start, *(text.rfind(space, start, stop) for space in _ASCII_SPACE))


def _realigned(text: str, cuts: list[tuple[int, int]]) -> Iterator[str]:
    skip = 0
    for (start, stop), following in zip(cuts, [*cuts[1:], None], strict=True):
        start += skip
        closers = _CLOSERS.match(text[following[0] : following[1]]) if following else None
        if closers and following:
            yield text[start : following[0] + len(closers.group().rstrip())]
            skip = closers.end()
        else:
            skip = 0
            if text[start:stop]:
                yield text[start:stop]


def _remember(memory: dict[str, Any], key: str, value: Any) -> None:
    if len(key) > _LONGEST_REMEMBERED:
        return
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value


@lru_cache(maxsize=1)
def _load_punkt() -> Any:  # Any: NLTK has no types
    import_nltk()
    from nltk.tokenize import punkt

    class Language(punkt.PunktLanguageVars):  # type: ignore[misc]  # nltk has no types
        """As in NLTK 3.8.1: curly quotes are word characters, and the standard library's idea of a space."""

        @property
        def _re_non_word_chars(self) -> str:
            return f"(?:{_AFTER})"

        def _word_tokenizer_re(self) -> re.Pattern[str]:
            parts = {
                "NonWord": self._re_non_word_chars,
                "MultiChar": self._re_multi_char_punct,
                "WordStart": self._re_word_start,
            }
            return re.compile(self._word_tokenize_fmt % parts, re.VERBOSE)

    class Token(punkt.PunktToken):  # type: ignore[misc]
        """Newer NLTK runs these under a timer, which costs twenty times more than the match itself."""

        _RE_ELLIPSIS = re.compile(r"\.\.+$")
        _RE_NUMERIC = re.compile(r"^-?[\.,]?\d[\d,\.-]*\.?$")
        _RE_INITIAL = re.compile(r"[^\W\d]\.$")
        _RE_ALPHA = re.compile(r"[^\W\d]+$")

    tokenizer = punkt.PunktSentenceTokenizer(lang_vars=Language(), token_cls=Token)
    tokenizer._params = punkt_parameters()
    return tokenizer


@lru_cache(maxsize=1)
def shared_tokenizer() -> Tokenizer:
    """One tokenizer for all: what it has learnt about one text helps with the next."""
    return Tokenizer()
