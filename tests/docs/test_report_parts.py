"""The guide explains every section of report.html under the heading that the report gives it."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

_SECTION = re.compile(r'\bsection\("[^"]*"(?: ~ [\w.]+)?, (?:[\w.]+ ~ )?"([^"]+)"')


def test_every_section_of_a_report_has_a_row_in_the_guide() -> None:
    templates = sorted((ROOT / "reports/writers/templates").glob("*.html"))
    headings = {title.strip() for page in templates for title in _SECTION.findall(page.read_text(encoding="utf-8"))}
    guide = (ROOT / "docs/guides/compare.md").read_text(encoding="utf-8").partition("## Parts of a report")[2]
    parts = [row.split("|")[1].lower() for row in guide.splitlines() if row.startswith("| ")]
    missing = {title for title in headings if not any(title.lower() in part for part in parts)}
    assert "Trade-off" in headings and "Simultaneous intervals" in headings and not missing
