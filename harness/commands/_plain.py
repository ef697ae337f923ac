"""Words of models, files and strangers on a terminal: text, never markup, never escape sequences."""

from __future__ import annotations

from rich.text import Text

from harness.core.edge.text import printable


def plain(text: str, style: str = "") -> Text:
    """Text that shows as it is, brackets and backslashes too; control characters become U+FFFD."""
    return Text(printable(text), style)


def line(*parts: str | tuple[str, str]) -> Text:
    """One text of several parts, some with a style."""
    return Text.assemble(*(plain(part) if isinstance(part, str) else plain(*part) for part in parts))
