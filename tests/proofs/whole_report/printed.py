"""Numbers back out of what the writers print: tables of HTML, Markdown and LaTeX as lists of texts, and texts as numbers."""

from __future__ import annotations

import re
from html.parser import HTMLParser

NUMBER = re.compile(r"[+\u2212-]?\d[\d,]*(?:\.\d+)?")


class _Page(HTMLParser):
    """All tables, cell by cell as one line of text; drawings are left out, their labels are kept apart."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.labels: list[str] = []
        self.captions: list[str] = []
        self._text: list[str] | None = None
        self._drawing = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "svg":
            self._drawing += 1
            self.labels.append(dict(attrs).get("aria-label") or "")
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th", "figcaption"):
            self._text = []
        elif tag == "br" and self._text is not None:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self._drawing -= 1
        elif tag in ("td", "th", "figcaption") and self._text is not None:
            text = " ".join("".join(self._text).split())
            if tag == "figcaption":
                self.captions.append(text)
            else:
                self.tables[-1][-1].append(text)
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None and not self._drawing:
            self._text.append(data)


def page(html: str) -> _Page:
    read = _Page()
    read.feed(html)
    return read


def with_head(tables: list[list[list[str]]], *head: str) -> list[list[str]]:
    """The rows of the first table whose header begins so."""
    return next(table[1:] for table in tables if table and tuple(table[0][: len(head)]) == head)


def markdown_tables(text: str) -> list[list[list[str]]]:
    tables: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("| "):
            cells = [re.sub(r"\\([\\|`*_<>\[\]#])", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not all(set(cell) <= set("-:") for cell in cells):
                tables[-1].append(cells)
        elif tables[-1]:
            tables.append([])
    return [table for table in tables if table]


def latex_rows(text: str) -> list[list[str]]:
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = [line.strip().removesuffix(r"\\") for line in body.splitlines() if line.strip().endswith(r"\\")]
    return [[cell.strip().replace("$-$", "\u2212").replace(r"\%", "%") for cell in row.split(" & ")] for row in rows]


def numbers(text: str) -> list[str]:
    """Every number of a text, as printed but for commas of thousands."""
    return [found.replace(",", "").replace("-", "\u2212") for found in NUMBER.findall(text)]


def shown(value: float | None, unit: str, digits: int, signed: bool = False) -> str:
    """A value as the report prints it: shares in per cent, a true minus sign, no sign at 0; "" where there is none.

    Rounded from the 10 digits that the file has, so that a number halfway between two shown ones is the same in both.
    """
    if value is None:
        return ""
    scaled = round(value, 10) * (100 if unit == "share" else 1)
    text = f"{scaled:+.{digits}f}" if signed else f"{scaled:.{digits}f}"
    return (text.lstrip("+-") if float(text) == 0 else text).replace("-", "\u2212")
