"""WordNet lemmas as NLTK 3.8.1's WordNetLemmatizer gives them.

Newer NLTK stops after one round of suffix rules ("bearses" stays); 3.8.1 goes on until a word is known ("bear"), and
the published scores were made with it. The lists of lemmas and irregular forms come with this package
(benchmarks/data/README.md), so that every installation gives the same numbers.

Departure: the nouns are those of WordNet 3.1, as in the data that our golden cases were made with; NLTK's `wordnet` corpus
is 3.0 throughout. 96 nouns are left out in 3.1 and 248 are new ("biker", which 3.0 does not know).
Rules: morphy, of WordNet's documentation (morphy(7WN), WordNet licence, Princeton University).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from benchmarks._text.language_data import read_member

DATA = "WordNet 3.0, nouns 3.1"  # for the protocol
_FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_LONGEST = 200  # characters; nothing so long is a word, and cutting it letter by letter would take very long
_ENDINGS = {
    "n": "s: ses:s ves:f xes:x zes:z ches:ch shes:sh men:man ies:y",
    "v": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "a": "er: est: er:e est:e",
    "r": "",
}


@lru_cache(maxsize=100_000)
def lemma(word: str, pos: str = "n") -> str:
    """The shortest lemma of one word, or the word itself. `pos` is "n", "v", "a" or "r"."""
    known, exceptions = _tables(pos)
    if len(word) > _LONGEST:
        return word
    if word in exceptions:
        found = [form for form in (word, *exceptions[word]) if form in known]
        return min(found, key=len, default=word)
    forms = [word, *_cut([word], pos)]
    while forms:
        found = [form for form in forms if form in known]
        if found:
            return min(found, key=len)
        forms = _cut([form for form in forms if form != word], pos)
    return word


def is_noun(word: str) -> bool:
    """Whether WordNet has a noun of which this is a form."""
    return lemma(word) in _tables("n")[0]


def _cut(forms: Iterable[str], pos: str) -> list[str]:
    cut = (form[: -len(old)] + new for form in forms for old, new in _rules(pos) if form.endswith(old))
    return list(dict.fromkeys(cut))  # once each: repeats would double with every round


@lru_cache(maxsize=4)
def _rules(pos: str) -> list[tuple[str, str]]:
    return [(rule.split(":")[0], rule.split(":")[1]) for rule in _ENDINGS[pos].split()]


@lru_cache(maxsize=4)
def _tables(pos: str) -> tuple[frozenset[str], dict[str, list[str]]]:
    """All lemmas of a part of speech, and its irregular forms."""
    lemmas = frozenset(_lines(f"lemmas.{_FILES[pos]}"))
    exceptions: dict[str, list[str]] = {}
    for line in _lines(f"{_FILES[pos]}.exc"):
        form, *bases = line.split()
        exceptions[form] = bases  # of a form that is listed twice the last line counts, as in NLTK
    return lemmas, exceptions


def _lines(name: str) -> list[str]:
    return [line for line in read_member("wordnet.zip", name).split("\n") if line.strip()]
