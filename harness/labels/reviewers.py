"""Names of reviewers: one person has one name, however it was typed."""

from __future__ import annotations

import re
import unicodedata

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


def plain_name(name: str) -> str:
    """The name in Unicode's composed form (NFC), with single blanks and none at its ends; an e-mail address in lower case."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    return name.lower() if _ADDRESS.fullmatch(name) else name


class Names:
    """The reviewers that are known, each by the first spelling of the name. Names that differ only in case are one person's."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The known spelling of the name; the plain name of one who is not known."""
        plain = plain_name(name)
        return self._first.get(plain.casefold(), plain)

    def learn(self, name: str) -> str:
        """The same; who is not known is so from now on."""
        known = self.of(name)
        return self._first.setdefault(known.casefold(), known)

    def copy(self) -> Names:
        made = Names()
        made._first = dict(self._first)
        return made
