"""Text from outside (what a terminal would obey and what no file takes is replaced), and numbers with their noun."""

from __future__ import annotations

from typing import Any
from unicodedata import category

_HARMLESS = "\n\t\u200d"  # the last joins the parts of an emoji


def printable(text: str) -> str:
    """Text without control and escape characters, which a terminal would obey; lone surrogates are replaced too.

    Blanks of other widths stay, such as the ideographic space of Chinese and Japanese.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _HARMLESS or category(c) == "Zs" else "\ufffd" for c in text)


def shown(value: object, most: int = 80) -> str:
    """A value as a message repeats it: its repr, cut to so many characters (an image may lie in a text as base64)."""
    text = repr(value[: most + 1]) if isinstance(value, (str, bytes)) else repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def without_surrogates(value: Any) -> Any:  # Any: a JSON value
    """The same value with every lone surrogate in its texts replaced by U+FFFD."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {without_surrogates(name): without_surrogates(one) for name, one in value.items()}
    return value


def count(n: int, thing: str) -> str:
    """'1 item', '2 items'."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def ending(n_tokens: int, stopped: str) -> str:
    """'3 tokens, stopped at end': how an answer ended, as far as it is known; '' where nothing is."""
    return ", ".join([count(n_tokens, "token")] * (n_tokens >= 0) + [f"stopped at {stopped}"] * bool(stopped))
