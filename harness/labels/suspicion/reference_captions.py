"""Reference captions that name what the label denies, or never name what it claims."""

from __future__ import annotations

import numpy as np

from harness.labels.log_odds import Codes, Floats, against
from harness.labels.suspicion.claim_table import Finding, Table
from harness.labels.suspicion.confusable_classes import unlisted

_MANY = 2  # captions that name an object: none, one, several
LONELY = 1.0  # nats for a claim that rests on one caption alone


def captions(table: Table) -> Finding:
    """Nats by the number of captions that name the object; the weight is estimated from the other labels.

    Where captions are part of the truth they are evidence only for labels that also have an instance.
    """
    counted = np.array([len(_naming(table, row)) for row in range(len(table))], dtype=np.intp)
    have = np.array([bool(image.captions) for image in table.image_annotations], dtype=bool)
    if table.evidence.free_text:
        have &= table.is_yes & np.array([_has_instance(table, row) for row in range(len(table))], dtype=bool)
    codes = np.where(have, np.minimum(counted, _MANY), -1).astype(np.intp)
    nats = against(codes, _MANY + 1, table.is_yes, table.object_codes, unlisted=unlisted(table))
    reasons = _lonely(table, counted, nats) if table.evidence.free_text else {}
    for row in np.flatnonzero(have).tolist():
        n = len(table.image_annotations[row].captions)
        if counted[row] and not table.is_yes[row]:
            reasons[row] = f"{counted[row]} of {n} reference captions name it ({_words(table, row)})"
        elif not counted[row] and table.is_yes[row]:
            reasons[row] = f"none of the {n} reference captions names it"
    return Finding(nats, reasons)


def _lonely(table: Table, counted: Codes, nats: Floats) -> dict[int, str]:
    """Claims of one caption alone, without an instance: `nats` gets their weight."""
    reasons = {}
    for row in np.flatnonzero(table.is_yes & (counted == 1)).tolist():
        n = len(table.image_annotations[row].captions)
        if n > 1 and not _has_instance(table, row):
            nats[row] = LONELY
            reasons[row] = f"no instance is annotated; one caption of {n} names it ({_words(table, row)})"
    return reasons


def _has_instance(table: Table, row: int) -> bool:
    return any(box.name == table.claims[row].object_name for box in table.image_annotations[row].boxes)


def _naming(table: Table, row: int) -> set[int]:
    return {named.caption for named in table.image_annotations[row].named if named.object_name == table.claims[row].object_name}


def _words(table: Table, row: int) -> str:
    object_name = table.claims[row].object_name
    return ", ".join(
        dict.fromkeys(f"\u201c{n.word}\u201d" for n in table.image_annotations[row].named if n.object_name == object_name)
    )
