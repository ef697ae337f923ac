"""The object that a yes/no question asks about."""

from __future__ import annotations

import re

_ASKED = re.compile(r"\bIs there (?:an? )?(.+?) in th", re.IGNORECASE)  # the form of POPE's and AMBER's questions


def asked_object(question: str) -> str:
    """'Is there a dog in the image?' -> 'dog'; "" for a question of another form."""
    asked = _ASKED.search(question)
    return asked.group(1) if asked else ""
