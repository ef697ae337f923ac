"""Rows of POPE's published files: POPEv2's under POPE's names, and those that a revised file keeps, with its labels."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks._files.question_rows import Row, check_unique
from harness.core.errors import DataError


def as_pope(rows: Sequence[Row]) -> list[Row]:
    """POPEv2's keys (image_name, query) under POPE's names; ids are positions, as the file has none."""
    return [
        Row(r.where, {"question_id": n, "image": r.text("image_name").lstrip("/"), "text": r["query"], "label": r["label"]})
        for n, r in enumerate(rows, 1)
    ]


def revised_rows(rows: Sequence[Row], revision: Sequence[Row]) -> list[Row]:
    check_unique(revision, "question_id")
    by_id = {row.identifier("question_id"): row for row in rows}
    for new in revision:
        old = by_id.get(new.identifier("question_id"))
        if old is None or any(old[k] != new[k] for k in ("image", "text")):
            raise DataError(f"{new.where} is not a question of the published file. Are both of the same version?")
    labels = {new.identifier("question_id"): new["label"] for new in revision}
    return [Row(r.where, {**r.values, "label": labels[i]}) for i, r in by_id.items() if i in labels]
