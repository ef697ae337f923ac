"""Names of reviewers: one person has one name, however it was typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


def plain_name(name: str) -> str:
    """The name in Unicode's composed form (NFC), with single blanks and none at its ends; an e-mail address in lower case."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    return name.lower() if _ADDRESS.fullmatch(name) else name


def numbered(user: int) -> str:
    """The name of a reviewer of whom only Label Studio's number of the user is known."""
    return f"label-studio user {user}"


def unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """number -> name, of (number, name). An address counts before other names; a number with two is left out: numbers are one
    server's, and two servers may have given the same."""
    names: dict[str, set[str]] = {}
    for number, name in pairs:
        names.setdefault(number, set()).add(plain_name(name))
    best = {number: {name for name in own if _ADDRESS.fullmatch(name)} or own for number, own in names.items()}
    return {number: next(iter(own)) for number, own in best.items() if len(own) == 1}


class Names:
    """The reviewers that are known, each by the first spelling of the name. Names that differ only in case are one person's.

    `numbers`: another system's number of a person, as `numbered` writes it -> the name.
    """

    def __init__(self, numbers: Mapping[str, str] = MappingProxyType({})) -> None:
        self._first: dict[str, str] = {}
        self._numbers = dict(numbers)

    def of(self, name: str) -> str:
        """The known spelling of the name; the plain name of one who is not known."""
        plain = plain_name(name)
        plain = self._numbers.get(plain, plain)
        return self._first.get(plain.casefold(), plain)

    def learn(self, name: str) -> str:
        """The same; who is not known is so from now on."""
        known = self.of(name)
        return self._first.setdefault(known.casefold(), known)

    def copy(self) -> Names:
        made = Names(self._numbers)
        made._first = dict(self._first)
        return made
