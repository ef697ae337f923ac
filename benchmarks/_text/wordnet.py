"""WordNet lemmas as NLTK 3.8.1's WordNetLemmatizer gives them.

Newer NLTK stops after one round of suffix rules ("bearses" stays); 3.8.1 goes on until a word is known ("bear"), and
the published scores were made with it. Read from WordNet's own index files, which loads ten times faster, too.
Rules: morphy, of WordNet's documentation (morphy(7WN), WordNet licence, Princeton University).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from harness.core.errors import DataError

_FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_LONGEST = 200  # characters; nothing so long is a word, and cutting it letter by letter would take for ever
_ENDINGS = {
    "n": "s: ses:s ves:f xes:x zes:z ches:ch shes:sh men:man ies:y",
    "v": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "a": "er: est: er:e est:e",
    "r": "",
}


@lru_cache(maxsize=100_000)
def lemma(word: str, pos: str = "n") -> str:
    """The shortest lemma of one word, or the word itself. `pos` is "n", "v", "a" or "r".

    Raises DataError where NLTK's WordNet is not installed.
    """
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


def missing_data(what: str) -> DataError:
    """The error for NLTK data that is not installed, telling how to get it."""
    return DataError(
        f"NLTK's {what} is not installed. Get it once with `python -m nltk.downloader {what}`, "
        "or point the environment variable NLTK_DATA to a folder that has it."
    )


def _cut(forms: Iterable[str], pos: str) -> list[str]:
    cut = (form[: -len(old)] + new for form in forms for old, new in _rules(pos) if form.endswith(old))
    return list(dict.fromkeys(cut))  # once each: repeats would double with every round


@lru_cache(maxsize=4)
def _rules(pos: str) -> list[tuple[str, str]]:
    return [(rule.split(":")[0], rule.split(":")[1]) for rule in _ENDINGS[pos].split()]


@lru_cache(maxsize=4)
def _tables(pos: str) -> tuple[frozenset[str], dict[str, list[str]]]:
    """All lemmas of a part of speech, and its irregular forms."""
    lemmas = frozenset(line.partition(" ")[0] for line in _lines(f"index.{_FILES[pos]}"))
    exceptions: dict[str, list[str]] = {}
    for line in _lines(f"{_FILES[pos]}.exc"):
        form, *bases = line.split()
        exceptions[form] = bases
    return lemmas - {""}, exceptions  # "": the licence above the index is indented


def _lines(name: str) -> list[str]:
    with _root().join(name).open(encoding="utf-8") as file:
        return [line for line in file.read().splitlines() if line.strip()]


@lru_cache(maxsize=1)
def _root() -> Any:
    from nltk.data import find

    for place in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):
        try:
            return find(place)
        except LookupError:
            continue
    raise missing_data("wordnet")
