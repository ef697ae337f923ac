"""Rows of POPE's published files: POPEv2's under POPE's names, and those that a revised file keeps, with its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks._files.question_rows import SEVERAL, Row, check_unique, repeated
from harness.core.errors import DataError


def as_pope(rows: Sequence[Row]) -> list[Row]:
    """POPEv2's keys (image_name, query) under POPE's names; ids are positions, as the file has none."""
    return [
        Row(r.where, {"question_id": n, "image": r.text("image_name").lstrip("/"), "text": r["query"], "label": r["label"]})
        for n, r in enumerate(rows, 1)
    ]


def asked_of(row: Row) -> tuple[str, str]:
    """The image and the question about it."""
    return row.file_name("image"), row.question("text")


def repeated_rows(rows_of: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """For the protocol: how many rows ask what another row of their split asks.

    Raises DataError where two splits ask the same questions in the same order, of several: a mean would count them twice.
    """
    seen: dict[tuple[tuple[str, str], ...], str] = {}
    for split, rows in rows_of.items():
        if (other := seen.setdefault(tuple(map(asked_of, rows)), split)) != split and len(rows) >= SEVERAL:
            raise DataError(f"POPE's files of {other} and {split} ask the same questions: one is a copy. Fetch both again.")
    return repeated((f"{split}/{image}", text) for split, rows in rows_of.items() for image, text in map(asked_of, rows))


def revised_rows(rows: Sequence[Row], revision: Sequence[Row]) -> list[Row]:
    check_unique(revision, "question_id")
    by_id = {row.identifier("question_id"): row for row in rows}
    for new in revision:
        old = by_id.get(new.identifier("question_id"))
        if old is None or any(old[k] != new[k] for k in ("image", "text")):
            raise DataError(f"{new.where} is not a question of the published file. Are both of the same version?")
    kept = {new.identifier("question_id"): new for new in revision}
    return [Row(kept[i].where, {**r.values, "label": kept[i]["label"]}) for i, r in by_id.items() if i in kept]
