"""The documentation as the tests read it: pages and their code blocks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.M | re.S)


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of a language, in order."""
    return [found[3] for found in _BLOCK.finditer(page.read_text(encoding="utf-8")) if found[2] == language]
