"""Identifiers as texts, normalised once where a file is read: 1, 1.0, "1" and " 001" are one image, whatever file has them."""

from __future__ import annotations

import json
import re

from harness.core.errors import DataError

_DIGITS = re.compile(r"0*(\d+)(?:\.0*)?")


def identifier(value: object, where: str) -> str:
    """An id as text: whole numbers without leading zeros or ".0", other words as they are, white space around them aside.

    Raises DataError for what names nothing: null, a fraction, an empty text, a list. `where` begins the message.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str) and (text := value.strip()):
        number = _DIGITS.fullmatch(text) if text.isascii() else None
        return number[1] if number else text
    raise DataError(f"{where}: {json.dumps(value, default=str)[:60]} is not an id. Fetch the file again or correct that entry.")


def by_number(identifier: str) -> tuple[bool, int, str]:
    """Sort key: numbers first, by size; then words."""
    number = identifier.isascii() and identifier.isdigit() and len(identifier) < 40
    return (not number, int(identifier) if number else 0, identifier)
