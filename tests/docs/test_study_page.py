"""docs/study.md names the prompts of tables 13 and 14 by digest, and every table and finding that can be run."""

from __future__ import annotations

import hashlib

from alignment.data.corruption.prompt import CORRUPT, digest
from benchmarks.judges.chat import RANK
from harness.config import study_tables
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")


def test_the_prompts_of_tables_13_and_14_are_known_by_their_digests() -> None:
    for table, found in (("4, 13", digest(CORRUPT)), ("14", hashlib.sha256(RANK.prompt.encode()).hexdigest()[:12])):
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {table} |")]
        assert f"sha256 begins `{found}`" in row


def test_every_finding_and_ablation_has_its_row() -> None:
    for name in study_tables.findings():
        assert f"`{name}`" in PAGE or f"`{name}:" in PAGE or f"(`{name}" in PAGE, name
